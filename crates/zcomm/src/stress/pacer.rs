//! The pacer of an open loop: wakes each sender when its message is due.
//!
//! The pacer has its own thread, so that it can use the timers of the system. These timers
//! have steps of less than 0.1 ms. The timers of the async runtime have steps of one
//! millisecond. With steps of one millisecond, messages would leave half a millisecond late on
//! average.
//!
//! The pacer does not send messages. It wakes a sender, and the sender reads from the clock
//! how many messages are due. So a late or repeated wake-up does not change the number of
//! messages.

use std::{io, sync::Arc, thread, time::Duration};

use tokio::sync::Notify;

use super::run::Run;

/// At least once in this time, the pacer checks whether the measurement has ended.
const CHECK: Duration = Duration::from_millis(20);

/// Starts the pacer. The pacer ends when the measurement ends.
pub(super) fn start(run: &Arc<Run>, rate: f64) -> io::Result<()> {
    let run = Arc::clone(run);
    let senders = run.senders();
    let pace = move || {
        let mut number = 0;
        loop {
            let now = run.now();
            if now >= run.span().end {
                // Wake all senders, because a sender without a message in flight must also notice
                // the end of the measurement.
                run.wakes.iter().for_each(Notify::notify_one);
                return;
            }
            let due = run.due(rate, number);
            if due > now {
                thread::park_timeout(Duration::from_nanos(due - now).min(CHECK));
                continue;
            }
            // Wake one sender. The senders take turns: each message is for the next sender.
            run.wakes[(number % senders) as usize].notify_one();
            number += 1;
        }
    };
    thread::Builder::new().name("pacer".into()).spawn(pace)?;
    Ok(())
}
