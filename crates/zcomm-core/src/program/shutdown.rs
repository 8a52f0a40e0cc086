//! The signal to stop.
//!
//! Ctrl-C in a terminal, SIGTERM from a service manager and a closed console on Windows all
//! mean: finish, then end. Every client gets a Close frame with the reason. Without this frame,
//! clients could not know why the server ended.
//!
//! A second signal ends the program at once. No other file ends the process.
//!
//! In production, the server first reports that it is not ready, and waits until the load
//! balancer sends no new clients.

use std::future::Future;
#[cfg(unix)]
use std::task::Poll;

/// Waits for the signal to stop. A second signal ends the program with exit code 130.
///
/// This function catches signals as soon as it is called, not only when the future is first
/// polled. Otherwise, Ctrl-C before the first poll would kill the program. Call this function
/// inside the tokio runtime.
pub fn shutdown_signal() -> impl Future<Output = ()> + Send + 'static {
    let mut signals = Signals::new();
    async move {
        signals.next().await;
        tracing::info!("stopping: closing every connection; press Ctrl-C again to stop at once");
        tokio::spawn(async move {
            signals.next().await;
            #[allow(clippy::disallowed_methods, reason = "a second signal means at once")]
            std::process::exit(130);
        });
    }
}

#[cfg(unix)]
struct Signals(Vec<tokio::signal::unix::Signal>);

#[cfg(unix)]
impl Signals {
    fn new() -> Signals {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [SignalKind::interrupt(), SignalKind::terminate()].into_iter();
        // A signal that cannot be caught ends the program at once.
        let warn = |error: &std::io::Error| tracing::warn!("cannot catch signals: {error}");
        Signals(
            kinds
                .filter_map(|kind| signal(kind).inspect_err(warn).ok())
                .collect(),
        )
    }

    async fn next(&mut self) {
        let signals = &mut self.0;
        std::future::poll_fn(|context| {
            let arrived = signals
                .iter_mut()
                .any(|signal| signal.poll_recv(context).is_ready());
            if arrived {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

#[cfg(windows)]
struct Signals(
    Option<tokio::signal::windows::CtrlC>,
    Option<tokio::signal::windows::CtrlBreak>,
    Option<tokio::signal::windows::CtrlClose>,
);

#[cfg(windows)]
impl Signals {
    fn new() -> Signals {
        use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close};
        Signals(ctrl_c().ok(), ctrl_break().ok(), ctrl_close().ok())
    }

    async fn next(&mut self) {
        tokio::select! {
            Some(()) = async { self.0.as_mut()?.recv().await } => {}
            Some(()) = async { self.1.as_mut()?.recv().await } => {}
            Some(()) = async { self.2.as_mut()?.recv().await } => {}
            else => std::future::pending().await,
        }
    }
}
