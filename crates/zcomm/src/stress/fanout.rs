//! Fan-out: some connections send, and all others expect every message.
//!
//! Each subscriber that was open when the load started should get each message once. A message
//! that does not arrive counts as lost.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use super::{client::Client, sender::Sender};

/// Sends until the end of the measurement. In a closed loop, then waits until no message of this
/// publisher is in flight.
pub(super) async fn publish(client: &mut Client, mut sender: Sender) {
    let run = Arc::clone(&client.run);
    let Some(deliveries) = run.deliveries.get(client.number) else {
        return;
    };
    let closed_loop = run.plan.rate.is_none();
    let wake = match closed_loop {
        true => &deliveries.wake,
        false => &run.wakes[sender.turn],
    };
    loop {
        let now = run.now();
        sender.arrived(deliveries.finished());
        if closed_loop && now >= run.span().end && !sender.is_waiting() {
            return;
        }
        client.send(&mut sender, now);
        tokio::select! {
            biased;
            // A server may send a message back to this publisher. This copy is not counted.
            message = client.socket.recv() => if message.is_none() { return },
            () = wake.notified() => {}
            () = sender.check() => {}
        }
    }
}

/// Receives until the connection ends.
pub(super) async fn subscribe(client: &mut Client) {
    let run = Arc::clone(&client.run);
    // For each publisher, the number of the next message that should arrive.
    let mut expected = vec![0; run.deliveries.len()];
    while let Some(message) = client.recv().await {
        let Some(marker) = client.find(&message) else {
            continue;
        };
        let publisher = marker.sender as usize;
        let mut tally = client.tally.borrow_mut();
        match (expected.get_mut(publisher), run.deliveries.get(publisher)) {
            (Some(expected), Some(deliveries)) if marker.number >= *expected => {
                tally.received(run.span(), marker.intended, run.now(), message.len());
                let from = std::mem::replace(expected, marker.number + 1);
                let subscribers = run.subscribers.load(Relaxed) as u64;
                deliveries.count(from..=marker.number, subscribers);
            }
            _ => tally.repeated += 1,
        }
    }
}
