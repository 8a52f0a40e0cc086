//! The output of an X-ray: a thread that writes the events.
//!
//! A terminal is slower than a network. The output may also stop (Ctrl-S, a pipe without a
//! reader). A connection must not wait for the terminal, and the memory for waiting events
//! must be limited. So the connection's task decodes its bytes and puts the events into the
//! queue of a [`BackgroundWriter`].
//!
//! A person cannot read ten thousand frames a second, so the number of events per second is
//! limited. Above the limit, the decoder reads only the lengths of the frames, which needs
//! almost no time.

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
    text::{
        hidden::hidden,
        writer::{BackgroundWriter, WriterStep},
    },
};
use zcomm_xray::{Event, EventKind};

/// The limit of events per second: more than a person can read.
const EVENT_RATE: Rate = Rate {
    per_second: 2_000.0,
    burst: 10_000.0,
};
/// A batch of events is written as soon as it has this size (bytes).
const BATCH_BYTES: usize = 32 * 1024;

/// The format of an X-ray.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Tables for people.
    Text,
    /// One JSON object on each line.
    Json,
}

/// A running X-ray. Clones share one X-ray. Dropping the last clone waits until the last events
/// are written, but at most a second.
#[derive(Clone)]
pub struct Xray(Arc<Inner>);

struct Inner {
    /// `None` if only pages read the events.
    writer: Option<BackgroundWriter<Event>>,
    budget: Mutex<Budget>,
    connections: AtomicU64,
    start: Instant,
}

impl Xray {
    /// Writes the events to `to`, in a separate thread.
    #[must_use]
    pub fn write_to(mut to: impl Write + Send + 'static, form: Form, colour: bool) -> Xray {
        let mut batch = String::new();
        Xray::start(move |event| {
            match (event, form) {
                (Some(event), Form::Text) => batch += &hidden(&event.to_text(colour)),
                (Some(event), Form::Json) => batch += &(hidden(&event.to_json()) + "\n"),
                (None, _) => {}
            }
            // Write whole events only: a log may write to the same terminal between two writes.
            if (event.is_none() && !batch.is_empty()) || batch.len() >= BATCH_BYTES {
                to.write_all(batch.as_bytes())?;
                to.flush()?;
                batch.clear();
            }
            Ok(())
        })
    }

    /// Calls `on_event` with each event, in a separate thread. `on_event` may block.
    #[must_use]
    pub fn call(mut on_event: impl FnMut(&Event) + Send + 'static) -> Xray {
        Xray::start(move |event| {
            event.into_iter().for_each(&mut on_event);
            Ok(())
        })
    }

    /// Makes an X-ray without an output of its own. Only pages read its events, see
    /// [`Tap::show_to`](crate::xray::tap::Tap::show_to).
    pub(crate) fn for_pages() -> Xray {
        Xray::with(None)
    }

    /// Calls `output` with each event, and with `None` when no other event is waiting.
    fn start(mut output: impl FnMut(Option<&Event>) -> io::Result<()> + Send + 'static) -> Xray {
        let since = WallClock::now();
        let writer = BackgroundWriter::start(move |step| {
            match step {
                WriterStep::Item(event) => output(Some(&event)),
                WriterStep::Dropped(frames) => {
                    let missing = EventKind::NotShown { frames };
                    output(Some(&Event::of(since.elapsed(), 0, missing)))
                }
                WriterStep::Idle => output(None),
            }
            .inspect_err(|error| {
                // Ignore this failure: if stderr is closed too, there is no place to write the
                // error.
                writeln!(io::stderr(), "the X-ray output stopped: {error}").ok();
            })
        });
        Xray::with(Some(writer))
    }

    fn with(writer: Option<BackgroundWriter<Event>>) -> Xray {
        Xray(Arc::new(Inner {
            writer,
            budget: Mutex::new(Budget::new(Some(EVENT_RATE))),
            connections: AtomicU64::new(0),
            start: Instant::now(),
        }))
    }

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

    /// Queues an event. If the queue is full, drops the event and counts it as missing.
    pub(crate) fn send(&self, event: Event) {
        if let Some(writer) = &self.0.writer {
            let bytes = event.size();
            writer.send(event, bytes);
        }
    }

    pub(crate) fn count_missing(&self, frames: u64) {
        if let Some(writer) = &self.0.writer {
            writer.count_dropped(frames);
        }
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
    use zcomm_xray::{Decoder, Direction};

    const TEXT: &[u8] = b"\x81\x02hi";

    fn collecting() -> (Xray, Receiver<Event>) {
        let (output, events) = channel();
        let xray = Xray::call(move |event| output.send(event.clone()).unwrap());
        (xray, events)
    }

    /// The number of events that were shown, and of frames that were reported as missing.
    fn counted(events: Receiver<Event>) -> (u64, u64) {
        let (mut shown, mut missing) = (0, 0);
        for event in events {
            match event.kind {
                EventKind::NotShown { frames } => missing += frames,
                _ => shown += 1,
            }
        }
        (shown, missing)
    }

    fn open_tap(xray: &Xray) -> Tap {
        let mut tap = xray.tap(None, false);
        tap.decoder = Decoder::new(1).after_handshake();
        tap
    }

    #[test]
    fn connections_are_numbered_and_end_with_their_tap() {
        let (xray, events) = collecting();
        let (mut first, second) = (open_tap(&xray), xray.tap(None, true));
        first.passed(ServerToClient, TEXT);
        drop((first, second, xray));
        let events: Vec<_> = events
            .iter()
            .map(|event| (event.conn, event.kind))
            .collect();
        assert!(
            matches!(
                events[..],
                [
                    (1, EventKind::Open { tls: false, .. }),
                    (2, EventKind::Open { tls: true, .. }),
                    (1, EventKind::Frame(_)),
                    (1, EventKind::End { .. }),
                    (2, EventKind::End { .. }),
                ]
            ),
            "{events:?}"
        );
    }

    /// The 40,000 frames come in three ways: one frame per read, all frames in one read, or a
    /// hundred frames per read.
    #[test]
    fn frames_over_the_limit_are_counted_to_the_last_one() {
        for (times, pieces) in [(1, 40_000), (40_000, 1), (100, 400)] {
            let (xray, events) = collecting();
            let mut tap = open_tap(&xray);
            let bytes = TEXT.repeat(times);
            for _ in 0..pieces {
                tap.passed(ServerToClient, &bytes);
            }
            drop((tap, xray));
            let (shown, missing) = counted(events);
            assert_eq!(shown + missing, 40_002, "with the beginning and the end");
            assert!(missing > 1000, "{missing}");
            assert!(shown > 1000, "{shown}");
        }
    }

    #[test]
    fn a_writer_that_fails_disturbs_no_connection() {
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
