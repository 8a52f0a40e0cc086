//! When a connection may send its next message.
//!
//! Closed loop: while fewer messages than the window are in flight. Open loop: when the
//! message is due by the clock, whatever the server does.

use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::run::Run;

/// A closed loop that has received nothing for this long sends again. Without this, one lost
/// message would stop it for ever.
const QUIET: Duration = Duration::from_secs(2);

/// One connection that sends.
pub(super) struct Sender {
    /// Its place in the order of all senders.
    pub(super) turn: usize,
    /// The number of the next message.
    pub(super) next: u64,
    /// No message below this number is in flight: it has arrived, or a later one has.
    arrived: u64,
    /// `arrived` at the last check.
    checked: u64,
    checks: Interval,
}

impl Sender {
    pub(super) fn new(turn: usize) -> Sender {
        let mut checks = interval_at(Instant::now() + QUIET, QUIET);
        // A late check must not be followed by the next at once.
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Sender {
            turn,
            next: 0,
            arrived: 0,
            checked: 0,
            checks,
        }
    }

    /// The time at which the next message should leave, if it may leave now.
    pub(super) fn due(&self, run: &Run, now: u64) -> Option<u64> {
        // After the end nothing is sent, not even a message that was due before.
        if now >= run.span().end {
            return None;
        }
        match run.plan.rate {
            None => (self.next - self.arrived < run.plan.window).then_some(now),
            Some(rate) => {
                let due = run.due(rate, self.next * run.senders() + self.turn as u64);
                (due <= now).then_some(due)
            }
        }
    }

    /// All messages below this number have arrived.
    pub(super) fn arrived(&mut self, number: u64) {
        self.arrived = self.arrived.max(number);
    }

    /// Whether a message is in flight.
    pub(super) fn is_waiting(&self) -> bool {
        self.arrived < self.next
    }

    /// Waits for the next check, which gives up the messages in flight when none has arrived
    /// since the last one. Cancel-safe.
    pub(super) async fn check(&mut self) {
        self.checks.tick().await;
        if self.arrived == self.checked {
            self.arrived = self.next;
        }
        self.checked = self.arrived;
    }
}
