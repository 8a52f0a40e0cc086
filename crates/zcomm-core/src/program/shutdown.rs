//! What a program does when a signal asks it to stop.
//!
//! Ctrl-C in a terminal, SIGTERM from a service manager and a closed terminal all mean: finish,
//! then end. Every client gets a Close frame with the reason. Without this frame, clients could
//! not know why the server ended.
//!
//! A second signal ends the program at once.
//!
//! In production, a server does one step more before it stops: it reports that it is not
//! ready, and waits until the load balancer sends no new clients.

use std::future::{Future, pending};

use crate::program::signals::StopSignals;

/// Waits for a signal to stop: see [`StopSignals`]. A second signal ends the program with the exit
/// code of this signal: 130 after Ctrl-C, 143 after SIGTERM.
///
/// This function catches signals as soon as it is called, not only when the future is first
/// polled. Otherwise, Ctrl-C before the first poll would kill the program. Call this function
/// inside the tokio runtime.
pub fn shutdown_signal() -> impl Future<Output = ()> + Send + 'static {
    let signals = StopSignals::new();
    async move {
        let mut signals = match signals {
            Ok(signals) => signals,
            Err(error) => {
                tracing::warn!(
                    "cannot catch signals, so a signal ends the program at once: {error}"
                );
                return pending().await;
            }
        };
        signals.next().await;
        tracing::info!("stopping: closing every connection; press Ctrl-C again to stop at once");
        tokio::spawn(async move {
            let code = signals.next().await;
            #[allow(clippy::disallowed_methods, reason = "a second signal means at once")]
            std::process::exit(code.into());
        });
    }
}
