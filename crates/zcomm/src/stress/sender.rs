//! Decides when a connection may send its next message.
//!
//! In a closed loop, the connection may send while fewer than `--window` messages are in flight.
//! In an open loop, the connection may send when its message is due, even if the server is slow.

use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::run::Run;

/// If no message arrives for this time, a closed loop stops waiting and sends new messages.
/// Without this rule, one lost message could stop the loop for ever.
const QUIET: Duration = Duration::from_secs(2);

/// The sending part of a connection.
pub(super) struct Sender {
    /// In an open loop, the senders take turns in a fixed order. This is the sender's position in
    /// the order, from 0.
    pub(super) turn: usize,
    /// The number of the next message.
    pub(super) next: u64,
    /// Messages below this number do not count as in flight. They have arrived, or they are lost
    /// or late.
    arrived: u64,
    /// The value of `arrived` at the last check.
    checked: u64,
    checks: Interval,
}

impl Sender {
    pub(super) fn new(turn: usize) -> Sender {
        let mut checks = interval_at(Instant::now() + QUIET, QUIET);
        // After a late check, wait the full time before the next check.
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Sender {
            turn,
            next: 0,
            arrived: 0,
            checked: 0,
            checks,
        }
    }

    /// Returns the time at which the next message should leave. Returns `None` if no message may
    /// leave now.
    pub(super) fn due(&self, run: &Run, now: u64) -> Option<u64> {
        // After the end of the measurement, send no message, even if it was due earlier.
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

    /// Stops counting the messages below this number as in flight.
    pub(super) fn arrived(&mut self, number: u64) {
        self.arrived = self.arrived.max(number);
    }

    /// Whether a message of this sender counts as in flight.
    pub(super) fn is_waiting(&self) -> bool {
        self.arrived < self.next
    }

    /// Waits for the next check. If no message has arrived since the last check, no message of
    /// this sender counts as in flight any more. Cancel-safe.
    pub(super) async fn check(&mut self) {
        self.checks.tick().await;
        if self.arrived == self.checked {
            self.arrived = self.next;
        }
        self.checked = self.arrived;
    }
}
