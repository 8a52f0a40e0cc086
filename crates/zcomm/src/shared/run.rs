//! Runs a subcommand to its end, and watches for the signals that stop it.
//!
//! A subcommand runs in one thread. One thread is enough, because a subcommand mostly waits.

use std::{
    future::{Future, pending, poll_fn},
    io,
    task::Poll,
};

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
#[cfg(windows)]
use tokio::signal::windows::CtrlC as Signal;
use tokio::time::{Instant, sleep_until};

/// The exit code after Ctrl-C: 128 plus 2, the number of SIGINT. Shells use the same code.
pub(crate) const INTERRUPTED: u8 = 130;

/// Runs a future to its end, in this thread.
pub(crate) fn block_on<T, E: From<io::Error>>(
    future: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(future)
}

/// Waits until this time. If `time` is `None`, waits forever.
pub(crate) async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}

/// The signals that ask a program to stop. The exit code of a signal is 128 plus its number.
///
/// A subcommand creates this value once, before its loop. A signal that arrives between two
/// calls of [`next`](Self::next) is kept for the second call.
pub(crate) struct Signals(Vec<(u8, Signal)>);

impl Signals {
    /// Watches for Ctrl-C. Any other signal still ends the program at once.
    pub(crate) fn ctrl_c() -> io::Result<Signals> {
        #[cfg(unix)]
        let ctrl_c = signal(SignalKind::interrupt())?;
        #[cfg(windows)]
        let ctrl_c = tokio::signal::windows::ctrl_c()?;
        Ok(Signals(vec![(INTERRUPTED, ctrl_c)]))
    }

    /// Watches for Ctrl-C and for the other signals that ask a program to stop. A subcommand that
    /// changes the terminal needs all these signals, so that it restores the terminal after
    /// `kill`, too.
    #[cfg_attr(windows, allow(unused_mut, reason = "Windows has Ctrl-C alone"))]
    pub(crate) fn new() -> io::Result<Signals> {
        let mut signals = Signals::ctrl_c()?;
        #[cfg(unix)]
        signals.0.extend([
            (143, signal(SignalKind::terminate())?),
            (129, signal(SignalKind::hangup())?),
            // A user sends SIGQUIT with Ctrl-\ in a terminal.
            (131, signal(SignalKind::quit())?),
        ]);
        Ok(signals)
    }

    /// Waits for the next signal and returns its exit code. A cancelled call loses no signal.
    pub(crate) async fn next(&mut self) -> u8 {
        poll_fn(|context| {
            let mut signals = self.0.iter_mut();
            let arrived = signals
                .find_map(|(code, signal)| signal.poll_recv(context).is_ready().then_some(*code));
            arrived.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}
