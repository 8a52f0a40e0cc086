//! Ends a connection in both directions. The reason is a reset by the user, or one of two faults:
//! `reset-after` or `idle-kill`.

use tokio::time::Instant;

use super::{
    connection::ProxiedConnection,
    delay_queue::{Abort, Ending},
    faults::Fault,
    units::Time,
};
use crate::shared::run::until;

/// Waits until the user or a fault breaks the connection, and returns how it is broken. Returns
/// `Ok` if the program ends.
pub(super) async fn watch(connection: &ProxiedConnection<'_>) -> Ending {
    let mut controls = connection.controls.clone();
    let resets = controls.borrow().resets;
    loop {
        let current = controls.borrow_and_update().clone();
        if current.resets > resets {
            connection.report("reset".into());
            return Err(Abort::Reset);
        }
        let time = |fault| current.faults.get(fault)?.value.time();
        let (reset, idle) = (time(Fault::ResetAfter), time(Fault::IdleKill));
        let reset_at = |after| connection.opened + after;
        let idle_at = |after| connection.activity().last_byte + after;
        let now = Instant::now();
        let breaks = |at: Instant| at <= now && connection.board.may_break();
        if let Some(after) = reset
            && breaks(reset_at(after))
        {
            connection.report(format!("reset {} after it opened", Time(after)));
            return Err(Abort::Reset);
        }
        if let Some(after) = idle
            && breaks(idle_at(after))
        {
            let silence = Time(after);
            connection.report(format!(
                "closed without a Close frame: no byte for {silence}"
            ));
            return Err(Abort::Cut);
        }
        // `--times` limits the number of broken connections. If this limit is reached, a fault
        // waits until the user changes the faults.
        let times = [reset.map(reset_at), idle.map(idle_at)];
        let next = times.into_iter().flatten().filter(|at| *at > now).min();
        tokio::select! {
            // An error means that the program ends and has dropped the board.
            changed = controls.changed() => if changed.is_err() { return Ok(()) },
            () = until(next) => {}
        }
    }
}
