//! The clock of an open loop: wakes each sender when its message is due.
//!
//! A thread of its own, because the runtime's timers are good to a millisecond and the
//! system's to less than a tenth: with the former, half a millisecond would be in every
//! latency. It only wakes; how many messages are due, the sender reads from the clock, so a
//! wake that comes late or twice makes no message late or double.

use std::{io, sync::Arc, thread, time::Duration};

use super::run::Run;

/// Looks at the end of the run at least so often.
const LOOK: Duration = Duration::from_millis(20);

/// Starts the clock. It ends with the run.
pub(super) fn start(run: &Arc<Run>, rate: f64) -> io::Result<()> {
    let run = Arc::clone(run);
    let turns = run.turns().clone();
    let pace = move || {
        let mut number = 0;
        while !turns.is_empty() {
            let now = run.now();
            if now >= run.span().end {
                // Who waits for nothing shall see that this is the end.
                turns.iter().for_each(|turn| turn.notify_one());
                return;
            }
            let due = run.due(rate, number);
            if due > now {
                thread::park_timeout(Duration::from_nanos(due - now).min(LOOK));
                continue;
            }
            turns[(number % turns.len() as u64) as usize].notify_one();
            number += 1;
        }
    };
    thread::Builder::new().name("pacer".into()).spawn(pace)?;
    Ok(())
}
