//! Where the events of an X-ray go: through a queue, to whoever shows them.
//!
//! A terminal is slower than a network, and may stop altogether (Ctrl-S, a pipe that nobody
//! reads). A connection must not wait for it, and memory must not grow for it. So a
//! connection's task takes its bytes apart and puts the events into a queue of limited size;
//! a thread of its own writes them. What finds no room is counted, and the count is shown.
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
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
        mpsc::{self, Receiver, RecvTimeoutError, Sender, TryRecvError},
    },
    thread,
    time::{Duration, Instant as WallClock},
};

use tokio::time::Instant;

use crate::protocol::rate::{Budget, Rate};
use zcomm_xray::{Event, EventKind};

/// Frames that are shown a second: far more than can be read.
const SHOWN: Rate = Rate {
    per_second: 2_000.0,
    burst: 10_000.0,
};
/// What may wait to be written (bytes).
const QUEUE: usize = 4 * 1024 * 1024;
/// Written at a time (bytes), when that much waits.
const BATCH: usize = 32 * 1024;
/// How often it is said that frames are missing.
const NOTE: Duration = Duration::from_millis(500);
/// For the last lines to be written, at the end.
const PATIENCE: Duration = Duration::from_secs(1);

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
    /// Taken away at the end: that is how the writer learns of it.
    queue: Option<Sender<Event>>,
    room: Arc<Room>,
    budget: Mutex<Budget>,
    connections: AtomicU64,
    start: Instant,
    ended: Mutex<Receiver<()>>,
}

/// What both ends of the queue know.
#[derive(Default)]
struct Room {
    /// Bytes in the queue.
    waiting: AtomicUsize,
    /// Frames that are missing in what was written.
    missing: AtomicU64,
}

/// Gets each event, and `None` when there is no other for the moment.
type Show = Box<dyn FnMut(Option<&Event>) -> io::Result<()> + Send>;

impl Xray {
    /// Writes anywhere, in a thread of its own.
    #[must_use]
    pub fn write_to(mut to: impl Write + Send + 'static, form: Form, colour: bool) -> Xray {
        let mut batch = String::new();
        Xray::start(Box::new(move |seen| {
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
        }))
    }

    /// Calls `see` for each event, in a thread of its own; it may take its time.
    #[must_use]
    pub fn call(mut see: impl FnMut(&Event) + Send + 'static) -> Xray {
        Xray::start(Box::new(move |seen| {
            seen.into_iter().for_each(&mut see);
            Ok(())
        }))
    }

    fn start(show: Show) -> Xray {
        let (queue, events) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        let room = Arc::new(Room::default());
        let start = Instant::now();
        let shared = Shared {
            queue: Some(queue),
            room: Arc::clone(&room),
            budget: Mutex::new(Budget::new(Some(SHOWN))),
            connections: AtomicU64::new(0),
            start,
            ended: Mutex::new(ended),
        };
        let since = WallClock::now();
        thread::spawn(move || {
            if let Err(error) = show_all(&events, &room, since, show) {
                // If stderr is gone, too, nobody is left to tell.
                writeln!(io::stderr(), "the X-ray is not shown any more: {error}").ok();
            }
            // Nobody may wait for it.
            end.send(()).ok();
        });
        Xray(Arc::new(shared))
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

    /// Queues an event; returns how many could not be.
    pub(crate) fn send(&self, seen: Event) -> u64 {
        let (room, size) = (&self.0.room, seen.size());
        if room.waiting.fetch_add(size, Relaxed) + size <= QUEUE
            && let Some(queue) = &self.0.queue
            && queue.send(seen).is_ok()
        {
            return 0;
        }
        room.waiting.fetch_sub(size, Relaxed);
        1
    }

    pub(crate) fn missing(&self, frames: u64) {
        if frames > 0 {
            self.0.room.missing.fetch_add(frames, Relaxed);
        }
    }
}

impl fmt::Debug for Xray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Xray")
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.queue = None;
        let ended = self.ended.get_mut();
        let ended = ended.unwrap_or_else(PoisonError::into_inner);
        // Nobody can be told any more when this fails.
        ended.recv_timeout(PATIENCE).ok();
    }
}

/// The writer: takes event after event, and says from time to time what is missing.
fn show_all(
    events: &Receiver<Event>,
    room: &Room,
    since: WallClock,
    mut show: Show,
) -> io::Result<()> {
    let mut noted = since;
    loop {
        let next = match events.try_recv() {
            Err(TryRecvError::Empty) => {
                show(None)?;
                events.recv_timeout(NOTE)
            }
            Err(TryRecvError::Disconnected) => Err(RecvTimeoutError::Disconnected),
            Ok(seen) => Ok(seen),
        };
        if next.is_err() || noted.elapsed() >= NOTE {
            noted = WallClock::now();
            let frames = room.missing.swap(0, Relaxed);
            if frames > 0 {
                let time = since.elapsed();
                show(Some(&Event::of(time, 0, EventKind::NotShown { frames })))?;
            }
        }
        match next {
            Ok(seen) => {
                room.waiting.fetch_sub(seen.size(), Relaxed);
                show(Some(&seen))?;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return show(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Sender, channel};

    use crate::xray::tap::Tap;
    use Direction::{ClientToServer, ServerToClient};
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
            match seen.kind {
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
        let seen: Vec<_> = seen.iter().map(|seen| (seen.conn, seen.kind)).collect();
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

    /// A writer that never comes back.
    struct Stuck(Receiver<()>, Sender<()>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.send(()).unwrap();
            self.0.recv().ok();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_writer_that_is_stuck_holds_nobody_up_and_takes_no_more_memory() {
        let ((free, waits), (stuck, is_stuck)) = (channel(), channel());
        let xray = Xray::write_to(Stuck(waits, stuck), Form::Text, false);
        let mut tap = open_tap(&xray);
        is_stuck.recv().unwrap();
        let bytes = [&b"\x82\x7e\x10\x00"[..], &[7; 4096]].concat();
        for _ in 0..2_000 {
            tap.passed(ClientToServer, &bytes);
            assert!(xray.0.room.waiting.load(Relaxed) <= QUEUE);
        }
        let missing = xray.0.room.missing.load(Relaxed);
        assert!((1_000..2_000).contains(&missing), "{missing}");
        drop(free);
        // Then it goes on, and says what is missing.
        let limit = WallClock::now() + Duration::from_secs(20);
        let room = &xray.0.room;
        while room.waiting.load(Relaxed) > 0 || room.missing.load(Relaxed) > 0 {
            assert!(WallClock::now() < limit);
            thread::yield_now();
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
