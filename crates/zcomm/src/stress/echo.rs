//! Everybody sends, and expects its own messages back.
//!
//! What was sent and is not back stands in a queue, oldest first. Answers usually come in
//! order, so the first in the queue is the one; when it is not, those before it were lost or
//! overtaken, and stay for as long as the run: only what never came is lost.

use std::{collections::VecDeque, pin::pin};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::{
    connection::{Connection, QUIET},
    marker::Marker,
    plan::Pace,
};

/// One connection's messages.
#[derive(Default)]
struct Talk {
    /// Sent and not back: their numbers, in order.
    missing: VecDeque<u64>,
    next: u64,
    /// All messages below this number are no longer in flight: they, or later ones, are back.
    passed: u64,
}

/// Sends and receives until everything is back after the end, or the run is over.
pub(super) async fn talk(connection: &mut Connection, turn: usize, wake: &Notify) {
    let mut talk = Talk::default();
    let mut over = pin!(connection.over());
    let mut check = pin!(sleep_until(Instant::now() + QUIET));
    let mut seen = 0;
    let open_loop = matches!(connection.run.plan.pace, Pace::Rate(_));
    let mut now = connection.run.now();
    loop {
        talk.send(connection, turn, now);
        if now >= connection.run.span().end && talk.missing.is_empty() {
            return;
        }
        tokio::select! {
            biased;
            message = connection.socket.recv() => {
                let Some(message) = message else { return };
                // One look at the clock for a message: it is back, and the next may leave.
                now = connection.run.now();
                if let Some(marker) = connection.find(&message) {
                    talk.back(connection, marker, now, message.len());
                }
            }
            () = wake.notified(), if open_loop => now = connection.run.now(),
            () = &mut check => {
                now = connection.run.now();
                if talk.passed == seen {
                    talk.passed = talk.next;
                }
                seen = talk.passed;
                check.as_mut().reset(Instant::now() + QUIET);
            }
            () = &mut over => return,
        }
    }
}

impl Talk {
    /// Sends what is to be sent now.
    fn send(&mut self, connection: &mut Connection, turn: usize, now: u64) {
        let run = &connection.run;
        let end = run.span().end;
        match run.plan.pace {
            Pace::Window(window) => {
                while now < end && self.next - self.passed < window {
                    if !connection.feed(self.next, now, now) {
                        return;
                    }
                    self.sent();
                }
            }
            Pace::Rate(rate) => {
                loop {
                    let due = connection.run.due_of(rate, turn, self.next);
                    // What is due after the end is not sent, and neither is what was held
                    // up until then.
                    if due > now || now >= end || !connection.feed(self.next, due, now) {
                        return;
                    }
                    self.sent();
                }
            }
        }
    }

    fn sent(&mut self) {
        self.missing.push_back(self.next);
        self.next += 1;
    }

    /// A message has come back.
    fn back(&mut self, connection: &Connection, marker: Marker, now: u64, bytes: usize) {
        let ours = marker.sender as usize == connection.number;
        let place = match self.missing.front() {
            Some(first) if *first == marker.number => Ok(0),
            _ => self.missing.binary_search(&marker.number),
        };
        let mut tally = connection.tally.borrow_mut();
        match place {
            Ok(place) if ours => {
                self.missing.remove(place);
                self.passed = self.passed.max(marker.number + 1);
                let run = &connection.run;
                tally.received(run.span(), marker.intended, now, bytes);
            }
            _ if ours => tally.repeated += 1,
            // Somebody else's: the server passes messages on.
            _ => tally.other += 1,
        }
    }
}
