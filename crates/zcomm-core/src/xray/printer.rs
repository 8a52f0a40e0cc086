//! Where the events of an X-ray go: through a queue, to whoever shows them.
//!
//! A terminal is slower than a network, and may stop altogether (Ctrl-S, a pipe that nobody
//! reads). A connection must not wait for it, and memory must not grow for it. So a
//! connection's task takes its bytes apart and hands the events to a [`BackgroundWriter`].
//!
//! Nobody reads ten thousand frames a second, so after a burst there is a limit on how many
//! are shown; from the others nothing but the lengths is read, which costs next to nothing.
//!
//! Production samples: one connection of a thousand, all of its frames.

use std::{
    fmt,
    io::{self, Write},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant as WallClock},
};

use tokio::time::Instant;

use crate::{
    protocol::rate::{Budget, Rate},
    text::writer::{BackgroundWriter, WriterStep},
};
use zcomm_xray::{Event, EventKind};

/// Frames that are shown a second: far more than can be read.
const SHOWN: Rate = Rate {
    per_second: 2_000.0,
    burst: 10_000.0,
};
/// Written at a time (bytes), when that much waits.
const BATCH: usize = 32 * 1024;

/// How an X-ray is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Tables for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A running X-ray. A clone is the same one; when the last is gone, what was seen last is
/// written, which takes at most a second.
#[derive(Clone)]
pub struct Xray(Arc<Shared>);

struct Shared {
    writer: BackgroundWriter<Event>,
    budget: Mutex<Budget>,
    connections: AtomicU64,
    start: Instant,
}

impl Xray {
    /// Writes anywhere, in a thread of its own.
    #[must_use]
    pub fn write_to(mut to: impl Write + Send + 'static, form: Form, colour: bool) -> Xray {
        let mut batch = String::new();
        Xray::start(move |seen| {
            match (seen, form) {
                (Some(seen), Form::Text) => batch += &seen.to_text(colour),
                (Some(seen), Form::Json) => batch += &(seen.to_json() + "\n"),
                (None, _) => {}
            }
            // Whole events at a time: a log may write to the same place.
            if (seen.is_none() && !batch.is_empty()) || batch.len() >= BATCH {
                to.write_all(batch.as_bytes())?;
                to.flush()?;
                batch.clear();
            }
            Ok(())
        })
    }

    /// Calls `see` for each event, in a thread of its own; it may take its time.
    #[must_use]
    pub fn call(mut see: impl FnMut(&Event) + Send + 'static) -> Xray {
        Xray::start(move |seen| {
            seen.into_iter().for_each(&mut see);
            Ok(())
        })
    }

    /// `show` gets each event, and `None` when there is no other for the moment.
    fn start(mut show: impl FnMut(Option<&Event>) -> io::Result<()> + Send + 'static) -> Xray {
        let since = WallClock::now();
        let writer = BackgroundWriter::start(move |step| {
            match step {
                WriterStep::Item(seen) => show(Some(&seen)),
                WriterStep::Dropped(frames) => {
                    let missing = EventKind::NotShown { frames };
                    show(Some(&Event::of(since.elapsed(), 0, missing)))
                }
                WriterStep::Idle => show(None),
            }
            .inspect_err(|error| {
                // If stderr is gone, too, nobody is left to tell.
                writeln!(io::stderr(), "the X-ray is not shown any more: {error}").ok();
            })
        });
        Xray(Arc::new(Shared {
            writer,
            budget: Mutex::new(Budget::new(Some(SHOWN))),
            connections: AtomicU64::new(0),
            start: Instant::now(),
        }))
    }

    /// The number of the next connection.
    pub(crate) fn next_connection(&self) -> u64 {
        self.0.connections.fetch_add(1, Relaxed) + 1
    }

    pub(crate) fn time(&self) -> Duration {
        self.0.start.elapsed()
    }

    pub(crate) fn may_show(&self) -> bool {
        let budget = self.0.budget.lock();
        let mut budget = budget.unwrap_or_else(PoisonError::into_inner);
        budget.spend(1.0).is_ok()
    }

    /// Queues an event; one that finds no room is counted.
    pub(crate) fn send(&self, seen: Event) {
        let size = seen.size();
        self.0.writer.send(seen, size);
    }

    /// Counts frames that are not shown.
    pub(crate) fn missing(&self, frames: u64) {
        self.0.writer.count_dropped(frames);
    }
}

impl fmt::Debug for Xray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Xray")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, channel};

    use crate::xray::tap::Tap;
    use Direction::ServerToClient;
    use zcomm_xray::{Decoder, Direction, Open};

    const TEXT: &[u8] = b"\x81\x02hi";

    /// An X-ray, and what it shows.
    fn collecting() -> (Xray, Receiver<Event>) {
        let (shown, seen) = channel();
        let xray = Xray::call(move |seen| shown.send(seen.clone()).unwrap());
        (xray, seen)
    }

    /// How many events were shown, and how many frames were told to be missing.
    fn counted(seen: Receiver<Event>) -> (u64, u64) {
        let (mut shown, mut missing) = (0, 0);
        for seen in seen {
            match seen.what {
                EventKind::NotShown { frames } => missing += frames,
                _ => shown += 1,
            }
        }
        (shown, missing)
    }

    fn open_tap(xray: &Xray) -> Tap {
        let mut tap = xray.tap(None, false);
        tap.session = Decoder::new(1).after_handshake();
        tap
    }

    #[test]
    fn connections_are_numbered_and_end_with_their_tap() {
        let (xray, seen) = collecting();
        let (mut first, second) = (open_tap(&xray), xray.tap(None, true));
        first.passed(ServerToClient, TEXT);
        drop((first, second, xray));
        let seen: Vec<_> = seen.iter().map(|seen| (seen.conn, seen.what)).collect();
        assert!(
            matches!(
                seen[..],
                [
                    (1, EventKind::Open(Open { tls: false, .. })),
                    (2, EventKind::Open(Open { tls: true, .. })),
                    (1, EventKind::Frame(_)),
                    (1, EventKind::End(_)),
                    (2, EventKind::End(_)),
                ]
            ),
            "{seen:?}"
        );
    }

    /// However they come, in one piece or each by itself.
    #[test]
    fn what_is_more_than_can_be_read_is_counted_to_the_last_frame() {
        for (times, pieces) in [(1, 40_000), (40_000, 1), (100, 400)] {
            let (xray, seen) = collecting();
            let mut tap = open_tap(&xray);
            let bytes = TEXT.repeat(times);
            for _ in 0..pieces {
                tap.passed(ServerToClient, &bytes);
            }
            drop((tap, xray));
            let (shown, missing) = counted(seen);
            assert_eq!(shown + missing, 40_002, "with the beginning and the end");
            assert!(missing > 1000, "{missing}");
            assert!(shown > 1000, "{shown}");
        }
    }

    #[test]
    fn nobody_notices_a_writer_that_fails() {
        let xray = Xray::write_to(Broken, Form::Json, false);
        let mut tap = open_tap(&xray);
        for _ in 0..1000 {
            tap.passed(ServerToClient, TEXT);
        }
    }

    struct Broken;

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
