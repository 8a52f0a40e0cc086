//! Echo: every connection sends, and expects its own messages back.
//!
//! The numbers of messages that are not back stand in a queue, oldest first. Replies usually
//! come in order, so the first number in the queue is the one. When it is not, the messages
//! before it are lost or late. They stay in the queue until the run ends: a message that
//! comes late is not lost.

use std::{collections::VecDeque, pin::pin, sync::Arc};

use tokio::time::{Instant, sleep_until};

use super::{
    client::Client,
    marker::Marker,
    sender::{QUIET, Sender},
};

/// The messages of one connection.
struct Echo {
    sender: Sender,
    /// The numbers of messages that were sent and are not back, in order.
    missing: VecDeque<u64>,
}

/// Sends and receives until every message is back after the end.
pub(super) async fn echo(client: &mut Client, sender: Sender) {
    let wake = Arc::clone(&sender.wake);
    let mut echo = Echo {
        sender,
        missing: VecDeque::new(),
    };
    let mut check = pin!(sleep_until(Instant::now() + QUIET));
    let open_loop = client.run.plan.rate.is_some();
    let mut now = client.run.now();
    loop {
        echo.send(client, now);
        if now >= client.run.span().end && echo.missing.is_empty() {
            return;
        }
        tokio::select! {
            biased;
            message = client.socket.recv() => {
                let Some(message) = message else { return };
                // One reading of the clock serves the reply and the message that it permits.
                now = client.run.now();
                if let Some(marker) = client.find(&message) {
                    echo.received(client, marker, now, message.len());
                }
            }
            () = wake.notified(), if open_loop => now = client.run.now(),
            () = &mut check => {
                now = client.run.now();
                echo.sender.check();
                check.as_mut().reset(Instant::now() + QUIET);
            }
        }
    }
}

impl Echo {
    /// Sends every message that may leave now.
    fn send(&mut self, client: &mut Client, now: u64) {
        while let Some(due) = self.sender.due(&client.run, now) {
            if !client.feed(self.sender.next, due, now) {
                return;
            }
            self.missing.push_back(self.sender.next);
            self.sender.next += 1;
        }
    }

    fn received(&mut self, client: &Client, marker: Marker, now: u64, bytes: usize) {
        let mut tally = client.tally.borrow_mut();
        if marker.sender as usize != client.number {
            // The server passes on messages of other connections.
            tally.other += 1;
            return;
        }
        let place = match self.missing.front() {
            Some(first) if *first == marker.number => Ok(0),
            _ => self.missing.binary_search(&marker.number),
        };
        let Ok(place) = place else {
            tally.repeated += 1;
            return;
        };
        self.missing.remove(place);
        self.sender.arrived(marker.number + 1);
        tally.received(client.run.span(), marker.intended, now, bytes);
    }
}
