//! The data that all connections of a run share: the plan, the clock, and the counts.
//!
//! [`Run`] contains a clock, and the times at which the measurement begins and ends. Every
//! connection reads these values. So the threads need no channels between them.

use std::{
    iter::repeat_with,
    sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed},
    time::{Duration, Instant},
};

use tokio::sync::{Notify, Semaphore, watch};
use zcomm_core::ConnectOptions;

use super::{deliveries::Deliveries, marker::Messages, plan::Plan, span::Span};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Connections are being opened.
    Opening,
    /// Messages are sent.
    Load,
    /// Connections are being closed.
    Over,
}

pub(super) struct Run {
    pub(super) plan: Plan,
    pub(super) options: ConnectOptions,
    pub(super) messages: Messages,
    /// Fan-out: the deliveries of each publisher.
    pub(super) deliveries: Vec<Deliveries>,
    /// Limits the number of handshakes at the same time.
    pub(super) handshakes: Semaphore,
    pub(super) phase: watch::Sender<Phase>,
    /// Whether messages were still in flight at the time limit after the measurement.
    pub(super) timed_out: AtomicBool,
    /// The exit code of the signal that has ended the run early; 0 without a signal.
    pub(super) interrupted: AtomicU8,
    /// Notified when one of the counts below has changed.
    pub(super) changed: Notify,
    /// The number of connections that have opened.
    pub(super) opened: AtomicUsize,
    /// The number of connections that have failed to open.
    pub(super) failed: AtomicUsize,
    /// The number of connections that are open now.
    pub(super) open: AtomicUsize,
    /// The number of open connections that only receive.
    pub(super) subscribers: AtomicUsize,
    /// The number of senders that wait for replies or have more messages to send.
    pub(super) busy: AtomicUsize,
    /// Open loop: wakes each sender when its message is due. The list is in the order in which
    /// the senders send.
    pub(super) wakes: Vec<Notify>,
    /// The number of senders that have connected so far.
    pub(super) turns: AtomicUsize,
    /// The number of senders when the load started.
    senders: AtomicUsize,
    clock: Instant,
    start: AtomicU64,
    end: AtomicU64,
}

impl Run {
    pub(super) fn new(plan: Plan, options: ConnectOptions) -> Run {
        let (publishers, senders) = match plan.fanout {
            true => (plan.publishers, plan.publishers),
            false => (0, plan.connections),
        };
        let window = if plan.rate.is_some() { 0 } else { plan.window };
        Run {
            messages: Messages::new(plan.size, plan.template.as_deref()),
            deliveries: (0..publishers).map(|_| Deliveries::new(window)).collect(),
            handshakes: Semaphore::new(plan.handshakes),
            phase: watch::Sender::new(Phase::Opening),
            timed_out: AtomicBool::new(false),
            interrupted: AtomicU8::new(0),
            changed: Notify::new(),
            opened: AtomicUsize::new(0),
            failed: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            subscribers: AtomicUsize::new(0),
            busy: AtomicUsize::new(0),
            wakes: repeat_with(Notify::new).take(senders).collect(),
            turns: AtomicUsize::new(0),
            senders: AtomicUsize::new(1),
            clock: Instant::now(),
            start: AtomicU64::new(u64::MAX),
            end: AtomicU64::new(u64::MAX),
            plan,
            options,
        }
    }

    /// Nanoseconds since the run began.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.clock.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Converts a time of the run's clock to an instant for the async runtime's timers.
    pub(super) fn instant(&self, time: u64) -> tokio::time::Instant {
        (self.clock + Duration::from_nanos(time)).into()
    }

    /// Starts the load. Returns the span of the measurement, which begins after the warm-up.
    pub(super) fn start(&self) -> Span {
        self.senders.store(self.turns.load(Relaxed).max(1), Relaxed);
        self.start.store(self.now(), Relaxed);
        let end = self.span().begin + nanoseconds(self.plan.duration);
        self.end.store(end, Relaxed);
        self.phase.send_replace(Phase::Load);
        self.span()
    }

    /// Waits until this phase has begun.
    pub(super) async fn reached(&self, phase: Phase) {
        // `wait_for` fails only if the sender `phase` is dropped, and this run owns `phase`.
        let mut phases = self.phase.subscribe();
        phases.wait_for(|now| *now >= phase).await.ok();
    }

    /// Ends the measurement now, if it has not ended earlier.
    pub(super) fn cut(&self) {
        self.end.fetch_min(self.now(), Relaxed);
    }

    pub(super) fn span(&self) -> Span {
        let warm_up = nanoseconds(self.plan.warm_up);
        Span {
            begin: self.started().saturating_add(warm_up),
            end: self.end.load(Relaxed),
            planned: nanoseconds(self.plan.duration),
        }
    }

    /// The time at which the load started.
    pub(super) fn started(&self) -> u64 {
        self.start.load(Relaxed)
    }

    /// The number of senders when the load started; at least 1.
    pub(super) fn senders(&self) -> u64 {
        self.senders.load(Relaxed) as u64
    }

    /// Open loop: returns the time at which a message is due. `number` counts the messages of
    /// all senders.
    pub(super) fn due(&self, rate: f64, number: u64) -> u64 {
        self.started() + (number as f64 * 1e9 / rate) as u64
    }

    /// Open loop: the number of messages that were due in the measurement.
    pub(super) fn planned_messages(&self) -> Option<u64> {
        let rate = self.plan.rate?;
        let span = self.span();
        let before = |time: u64| {
            let since = time.saturating_sub(self.started());
            (since as f64 * rate / 1e9).ceil() as u64
        };
        Some(before(span.end).saturating_sub(before(span.begin)))
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    duration.as_nanos() as u64
}

/// Adds one to a count. When this value is dropped, subtracts one from the count.
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
