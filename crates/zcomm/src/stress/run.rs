//! What all connections of a run share: the plan, the clock, and who is where.
//!
//! All times are nanoseconds of one clock, as it is one process: the time in a message can
//! be compared with the time at which it comes back. The measurement begins and ends at
//! times that everybody looks up; nobody has to be told, so nothing is sent between the
//! threads for a message.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};

use tokio::sync::{Notify, Semaphore, watch};
use zcomm_core::ConnectOptions;

use super::{
    deliveries::Deliveries,
    marker::Messages,
    plan::{Pace, Plan, Shape, Span},
};

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Connections open.
    Opening,
    /// Messages are sent.
    Load,
    /// Everybody says goodbye.
    Over,
}

/// What all connections of a run share.
pub(super) struct Run {
    pub(super) plan: Plan,
    pub(super) options: ConnectOptions,
    pub(super) messages: Messages,
    /// Fan-out: one for each publisher.
    pub(super) deliveries: Vec<Deliveries>,
    /// Handshakes that may begin.
    pub(super) handshakes: Semaphore,
    pub(super) phase: watch::Sender<Phase>,
    /// Wakes whoever directs the run, when one of the counts below has changed.
    pub(super) changed: Notify,
    /// Connections that opened, and those that did not.
    pub(super) opened: AtomicUsize,
    pub(super) failed: AtomicUsize,
    /// Connections that are open now.
    pub(super) open: AtomicUsize,
    /// Connections that are open now, and only receive.
    pub(super) subscribers: AtomicUsize,
    /// Senders that wait for answers or have more to send.
    pub(super) busy: AtomicUsize,
    /// How to wake each sender, in the order in which they take turns.
    turns: Mutex<Vec<Arc<Notify>>>,
    senders: AtomicUsize,
    clock: Instant,
    start: AtomicU64,
    begin: AtomicU64,
    end: AtomicU64,
}

impl Run {
    pub(super) fn new(plan: Plan, options: ConnectOptions, template: Option<&str>) -> Run {
        let publishers = match plan.shape {
            Shape::Echo => 0,
            Shape::Fanout(publishers) => publishers,
        };
        let window = match plan.pace {
            Pace::Window(window) => window,
            Pace::Rate(_) => 0,
        };
        let deliveries = (0..publishers).map(|_| Deliveries::new(window)).collect();
        Run {
            messages: Messages::new(plan.size, template),
            deliveries,
            handshakes: Semaphore::new(plan.handshakes),
            phase: watch::Sender::new(Phase::Opening),
            changed: Notify::new(),
            opened: AtomicUsize::new(0),
            failed: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            subscribers: AtomicUsize::new(0),
            busy: AtomicUsize::new(0),
            turns: Mutex::default(),
            senders: AtomicUsize::new(1),
            clock: Instant::now(),
            start: AtomicU64::new(u64::MAX),
            begin: AtomicU64::new(u64::MAX),
            end: AtomicU64::new(u64::MAX),
            plan,
            options,
        }
    }

    /// Nanoseconds since the run began.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.clock.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// The clock's time as the runtime's timers want it.
    pub(super) fn instant(&self, time: u64) -> tokio::time::Instant {
        (self.clock + std::time::Duration::from_nanos(time)).into()
    }

    /// From now on messages are sent; the measurement begins after the warm-up.
    pub(super) fn start(&self) -> Span {
        let nanoseconds = |duration: std::time::Duration| duration.as_nanos() as u64;
        self.senders.store(self.turns().len().max(1), Relaxed);
        let start = self.now();
        let begin = start + nanoseconds(self.plan.warm_up);
        self.start.store(start, Relaxed);
        self.begin.store(begin, Relaxed);
        self.end
            .store(begin + nanoseconds(self.plan.duration), Relaxed);
        self.phase.send_replace(Phase::Load);
        self.span()
    }

    /// The measurement ends now.
    pub(super) fn cut(&self) {
        self.end.fetch_min(self.now(), Relaxed);
    }

    pub(super) fn span(&self) -> Span {
        Span {
            begin: self.begin.load(Relaxed),
            end: self.end.load(Relaxed),
            planned: self.plan.duration.as_nanos() as u64,
        }
    }

    /// When the first message was to leave.
    pub(super) fn started(&self) -> u64 {
        self.start.load(Relaxed)
    }

    /// Adds a sender. Returns its place in the order, and what wakes it.
    pub(super) fn add_sender(&self) -> (usize, Arc<Notify>) {
        let wake = Arc::new(Notify::new());
        let mut turns = self.turns();
        turns.push(Arc::clone(&wake));
        (turns.len() - 1, wake)
    }

    /// How to wake each sender.
    pub(super) fn turns(&self) -> MutexGuard<'_, Vec<Arc<Notify>>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Open loop: when a sender's message with this number is due. They take turns.
    pub(super) fn due_of(&self, rate: f64, turn: usize, number: u64) -> u64 {
        let senders = self.senders.load(Relaxed) as u64;
        self.due(rate, number * senders + turn as u64)
    }

    /// Open loop: when the message with this number, of all senders together, is due.
    pub(super) fn due(&self, rate: f64, number: u64) -> u64 {
        self.started() + (number as f64 * 1e9 / rate) as u64
    }

    /// Open loop: messages that were due in the measurement.
    pub(super) fn planned_messages(&self) -> Option<u64> {
        let Pace::Rate(rate) = self.plan.pace else {
            return None;
        };
        let span = self.span();
        let before = |time: u64| {
            let since = time.saturating_sub(self.started());
            (since as f64 * rate / 1e9).ceil() as u64
        };
        Some(before(span.end).saturating_sub(before(span.begin)))
    }
}

/// Counts one while it exists.
pub(super) struct Counted<'a> {
    run: &'a Run,
    count: &'a AtomicUsize,
}

impl<'a> Counted<'a> {
    pub(super) fn new(run: &'a Run, count: &'a AtomicUsize) -> Counted<'a> {
        count.fetch_add(1, Relaxed);
        Counted { run, count }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Relaxed);
        self.run.changed.notify_one();
    }
}
