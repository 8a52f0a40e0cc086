//! Echo: every connection sends messages, and expects the server to send them back.
//!
//! The queue `missing` contains the numbers of the sent messages that are not back, oldest
//! first. Replies usually come in order. If a reply comes too early, the messages before it
//! are lost or late. The numbers of these messages stay in the queue until the run ends,
//! because their replies may still come.

use std::{collections::VecDeque, sync::Arc};

use super::{client::Client, sender::Sender};

/// Sends until the end of the measurement, then receives until every message is back.
pub(super) async fn echo(client: &mut Client, mut sender: Sender) {
    let run = Arc::clone(&client.run);
    let open_loop = run.plan.rate.is_some();
    let mut missing = VecDeque::new();
    let mut now = run.now();
    loop {
        missing.extend(client.send(&mut sender, now));
        if now >= run.span().end && missing.is_empty() {
            return;
        }
        let received = tokio::select! {
            biased;
            message = client.socket.recv() => message,
            () = run.wakes[sender.turn].notified(), if open_loop => {
                now = run.now();
                continue;
            }
            () = sender.check() => {
                now = run.now();
                continue;
            }
        };
        let Some(message) = received else { return };
        // Read the clock only once: for this reply, and for the message that is sent next.
        now = run.now();
        let Some(marker) = client.find(&message) else {
            continue;
        };
        let mut tally = client.tally.borrow_mut();
        match missing.binary_search(&marker.number) {
            // Another connection sent this message, so it is not a reply to this connection.
            _ if marker.sender as usize != client.number => tally.other += 1,
            Err(_) => tally.repeated += 1,
            Ok(place) => {
                missing.remove(place);
                sender.arrived(marker.number + 1);
                tally.received(run.span(), marker.intended, now, message.len());
            }
        }
    }
}
