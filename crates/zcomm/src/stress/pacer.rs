//! The pacer of an open loop: wakes each sender when its message is due.
//!
//! The pacer has its own thread. The timers of the async runtime have steps of one millisecond,
//! and the timers of the system have steps of less than 0.1 ms. With the runtime's timers, every
//! latency would be half a millisecond too long. The pacer does not send. Each sender reads from
//! the clock how many messages are due, so a late or second wake-up changes no message.

use std::{io, sync::Arc, thread, time::Duration};

use tokio::sync::Notify;

use super::run::Run;

/// The longest wait before the pacer checks whether the run has ended.
const CHECK: Duration = Duration::from_millis(20);

/// Starts the pacer. It ends with the run.
pub(super) fn start(run: &Arc<Run>, rate: f64) -> io::Result<()> {
    let run = Arc::clone(run);
    let senders = run.senders();
    let pace = move || {
        let mut number = 0;
        loop {
            let now = run.now();
            if now >= run.span().end {
                // Wake all senders, because a sender without a message in flight must notice the
                // end, too.
                run.wakes.iter().for_each(Notify::notify_one);
                return;
            }
            let due = run.due(rate, number);
            if due > now {
                thread::park_timeout(Duration::from_nanos(due - now).min(CHECK));
                continue;
            }
            // The senders take turns.
            run.wakes[(number % senders) as usize].notify_one();
            number += 1;
        }
    };
    thread::Builder::new().name("pacer".into()).spawn(pace)?;
    Ok(())
}
