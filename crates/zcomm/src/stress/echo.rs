//! Echo: every connection sends, and expects its own messages back.
//!
//! The numbers of messages that are not back stand in a queue, oldest first. Replies usually
//! come in order. When one does not, the messages before it are lost or late. They stay in the
//! queue until the run ends: a message that comes late is not lost.

use std::{collections::VecDeque, sync::Arc};

use super::{client::Client, sender::Sender};

/// Sends and receives until every message is back after the end.
pub(super) async fn echo(client: &mut Client, mut sender: Sender) {
    let run = Arc::clone(&client.run);
    let open_loop = run.plan.rate.is_some();
    // The numbers of messages that were sent and are not back, in order.
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
        // One reading of the clock serves the reply and the message that it permits.
        now = run.now();
        let Some(marker) = client.find(&message) else {
            continue;
        };
        let mut tally = client.tally.borrow_mut();
        match missing.binary_search(&marker.number) {
            // The server passes on messages of other connections.
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
