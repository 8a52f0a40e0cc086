//! Being asked to stop.
//!
//! Ctrl-C in a terminal, SIGTERM from a service manager, a closed console on Windows: all
//! of them mean "finish, then go". Clients then get a Close frame that says so, and come
//! back elsewhere; a server that just dies leaves them to guess.
//!
//! Whoever asks twice means now: a second signal ends the program at once. That is the one
//! place in this crate that ends the process.
//!
//! Production first reports itself as not ready and waits until the load balancer has
//! noticed.

use std::future::Future;

/// Waits until the program is asked to stop. A second request ends it with exit code 130.
///
/// Signals count from this call on, not from the first wait: between a program's first line
/// and its first wait, Ctrl-C must not kill it. Call it inside the tokio runtime.
pub fn shutdown_signal() -> impl Future<Output = ()> + Send + 'static {
    let mut signals = Signals::new();
    async move {
        signals.next().await;
        tracing::info!("stopping: closing every connection; press Ctrl-C again to stop at once");
        tokio::spawn(async move {
            signals.next().await;
            #[allow(clippy::disallowed_methods, reason = "asked twice: now means now")]
            std::process::exit(130);
        });
    }
}

#[cfg(unix)]
struct Signals([Option<tokio::signal::unix::Signal>; 2]);

#[cfg(unix)]
impl Signals {
    fn new() -> Signals {
        use tokio::signal::unix::{SignalKind, signal};
        Signals(
            [SignalKind::interrupt(), SignalKind::terminate()].map(|kind| {
                // A signal that cannot be watched keeps its default: it ends the program.
                signal(kind)
                    .inspect_err(|error| tracing::warn!("cannot watch for signals: {error}"))
                    .ok()
            }),
        )
    }

    async fn next(&mut self) {
        async fn one(signal: &mut Option<tokio::signal::unix::Signal>) {
            match signal {
                Some(signal) => drop(signal.recv().await),
                None => std::future::pending().await,
            }
        }
        let [interrupt, terminate] = &mut self.0;
        tokio::select! {
            () = one(interrupt) => {}
            () = one(terminate) => {}
        }
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
