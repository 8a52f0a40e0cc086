//! The output of an X-ray: a bounded queue, and a thread that writes its events.
//!
//! A terminal is slower than a network, and may stop (Ctrl-S, a pipe without a reader). A
//! connection must not wait for it, and memory must not grow for it. So the connection's task
//! decodes its bytes and puts the events into the queue; a thread writes them. Events that do
//! not fit are counted, and the count is shown.
//!
//! Ten thousand frames a second are too many to read. After a burst a rate limit applies; of
//! the other frames only the lengths are read, which costs almost nothing.

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

/// The limit on events a second: far more than can be read.
const EVENT_RATE: Rate = Rate {
    per_second: 2_000.0,
    burst: 10_000.0,
};
/// The size of the queue (bytes).
const QUEUE_BYTES: usize = 4 * 1024 * 1024;
/// A batch is written as soon as it has this size (bytes).
const BATCH_BYTES: usize = 32 * 1024;
/// The time between two reports of missing frames.
const REPORT_INTERVAL: Duration = Duration::from_millis(500);
/// The time limit on the last lines, at the end.
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// The format of an X-ray.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Tables for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A running X-ray. Clones share it; when the last one is dropped, it waits until the last
/// events are written, at most a second.
#[derive(Clone)]
pub struct Xray(Arc<Inner>);

/// The state that clones share.
struct Inner {
    /// Dropped at the end, which ends the writer.
    queue: Option<Sender<Event>>,
    level: Arc<QueueLevel>,
    budget: Mutex<Budget>,
    connections: AtomicU64,
    start: Instant,
    ended: Mutex<Receiver<()>>,
}

/// What both ends of the queue share.
#[derive(Default)]
struct QueueLevel {
    /// The size of the events in the queue (bytes).
    waiting: AtomicUsize,
    /// The number of frames that were not written and not reported.
    missing: AtomicU64,
}

/// Called with each event, and with `None` when no other event is waiting.
type Output = Box<dyn FnMut(Option<&Event>) -> io::Result<()> + Send>;

impl Xray {
    /// Writes the events to `to`, in a thread of its own.
    #[must_use]
    pub fn write_to(mut to: impl Write + Send + 'static, form: Form, colour: bool) -> Xray {
        let mut batch = String::new();
        Xray::start(Box::new(move |event| {
            match (event, form) {
                (Some(event), Form::Text) => batch += &event.to_text(colour),
                (Some(event), Form::Json) => batch += &(event.to_json() + "\n"),
                (None, _) => {}
            }
            // Whole events at a time: a log may write to the same place.
            if (event.is_none() && !batch.is_empty()) || batch.len() >= BATCH_BYTES {
                to.write_all(batch.as_bytes())?;
                to.flush()?;
                batch.clear();
            }
            Ok(())
        }))
    }

    /// Calls `on_event` with each event, in a thread of its own. It may block.
    #[must_use]
    pub fn call(mut on_event: impl FnMut(&Event) + Send + 'static) -> Xray {
        Xray::start(Box::new(move |event| {
            event.into_iter().for_each(&mut on_event);
            Ok(())
        }))
    }

    fn start(output: Output) -> Xray {
        let (queue, events) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        let level = Arc::new(QueueLevel::default());
        let start = Instant::now();
        let inner = Inner {
            queue: Some(queue),
            level: Arc::clone(&level),
            budget: Mutex::new(Budget::new(Some(EVENT_RATE))),
            connections: AtomicU64::new(0),
            start,
            ended: Mutex::new(ended),
        };
        let since = WallClock::now();
        thread::spawn(move || {
            if let Err(error) = write_all(&events, &level, since, output) {
                // If stderr is closed too, there is no place left for the error.
                writeln!(io::stderr(), "the X-ray output stopped: {error}").ok();
            }
            // Fails if the last clone has stopped waiting for it.
            end.send(()).ok();
        });
        Xray(Arc::new(inner))
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

    /// Queues an event, or counts it as missing.
    pub(crate) fn send(&self, event: Event) {
        let (level, size) = (&self.0.level, event.size());
        if level.waiting.fetch_add(size, Relaxed) + size <= QUEUE_BYTES
            && let Some(queue) = &self.0.queue
            && queue.send(event).is_ok()
        {
            return;
        }
        level.waiting.fetch_sub(size, Relaxed);
        self.count_missing(1);
    }

    pub(crate) fn count_missing(&self, frames: u64) {
        if frames > 0 {
            self.0.level.missing.fetch_add(frames, Relaxed);
        }
    }
}

impl fmt::Debug for Xray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Xray")
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.queue = None;
        let ended = self.ended.get_mut();
        let ended = ended.unwrap_or_else(PoisonError::into_inner);
        // If the last events are not written in time, they are lost.
        ended.recv_timeout(END_TIMEOUT).ok();
    }
}

/// Writes event after event, and reports from time to time how many are missing.
fn write_all(
    events: &Receiver<Event>,
    level: &QueueLevel,
    since: WallClock,
    mut output: Output,
) -> io::Result<()> {
    let mut reported = since;
    loop {
        let next = match events.try_recv() {
            Err(TryRecvError::Empty) => {
                output(None)?;
                events.recv_timeout(REPORT_INTERVAL)
            }
            Err(TryRecvError::Disconnected) => Err(RecvTimeoutError::Disconnected),
            Ok(event) => Ok(event),
        };
        if next.is_err() || reported.elapsed() >= REPORT_INTERVAL {
            reported = WallClock::now();
            let frames = level.missing.swap(0, Relaxed);
            if frames > 0 {
                let time = since.elapsed();
                output(Some(&Event::of(time, 0, EventKind::NotShown { frames })))?;
            }
        }
        match next {
            Ok(event) => {
                level.waiting.fetch_sub(event.size(), Relaxed);
                output(Some(&event))?;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return output(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Sender, channel};

    use crate::xray::tap::Tap;
    use Direction::{ClientToServer, ServerToClient};
    use zcomm_xray::{Decoder, Direction};

    const TEXT: &[u8] = b"\x81\x02hi";

    /// An X-ray, and its events.
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

    /// In one piece, or each by itself.
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

    /// A writer that blocks.
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
    fn a_blocked_writer_delays_no_connection_and_takes_no_more_memory() {
        let ((free, waits), (stuck, is_stuck)) = (channel(), channel());
        let xray = Xray::write_to(Stuck(waits, stuck), Form::Text, false);
        let mut tap = open_tap(&xray);
        is_stuck.recv().unwrap();
        let bytes = [&b"\x82\x7e\x10\x00"[..], &[7; 4096]].concat();
        for _ in 0..2_000 {
            tap.passed(ClientToServer, &bytes);
            assert!(xray.0.level.waiting.load(Relaxed) <= QUEUE_BYTES);
        }
        let missing = xray.0.level.missing.load(Relaxed);
        assert!((1_000..2_000).contains(&missing), "{missing}");
        drop(free);
        // Then it continues, and reports what is missing.
        let limit = WallClock::now() + Duration::from_secs(20);
        let level = &xray.0.level;
        while level.waiting.load(Relaxed) > 0 || level.missing.load(Relaxed) > 0 {
            assert!(WallClock::now() < limit);
            thread::yield_now();
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
