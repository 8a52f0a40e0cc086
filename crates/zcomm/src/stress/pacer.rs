//! The clock of an open loop: wakes each sender when its message is due.
//!
//! It is a thread of its own: the runtime's timers have a step of one millisecond, and the
//! system's less than a tenth of that. With the former, every latency would be half a
//! millisecond too long. The pacer only wakes. The sender itself reads from the clock how
//! many messages are due, so a late or double wake changes no message.

use std::{io, sync::Arc, thread, time::Duration};

use tokio::sync::Notify;

use super::run::Run;

/// The longest wait before the pacer checks whether the run has ended.
const CHECK: Duration = Duration::from_millis(20);

/// Starts the clock. It ends with the run.
pub(super) fn start(run: &Arc<Run>, rate: f64) -> io::Result<()> {
    let run = Arc::clone(run);
    let senders = run.senders();
    let pace = move || {
        let mut number = 0;
        loop {
            let now = run.now();
            if now >= run.span().end {
                // A sender without a message in flight must see the end, too.
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
