//! Being told to stop, by Ctrl-C or by another program.
//!
//! A program that changes the terminal has to change it back, whoever ends it: `kill` and a
//! window that is closed as well as Ctrl-C. And it has to listen from its beginning to its
//! end: who asks anew each time it waits misses what comes while it is busy.
//!
//! Production does the same; it may say why it was ended.

use std::{
    future::poll_fn,
    io,
    task::{Context, Poll},
};

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
#[cfg(windows)]
use tokio::signal::windows::CtrlC as Signal;

use crate::program::INTERRUPTED;

/// What tells a program to stop, each with the exit code that it leads to: 128 and its
/// number, as shells count.
pub(crate) struct Signals(Vec<(u8, Signal)>);

impl Signals {
    #[cfg(unix)]
    pub(crate) fn new() -> io::Result<Signals> {
        let all = [
            (INTERRUPTED, SignalKind::interrupt()),
            (143, SignalKind::terminate()),
            (129, SignalKind::hangup()),
            // A terminal's Ctrl-\.
            (131, SignalKind::quit()),
        ];
        let all = all
            .into_iter()
            .map(|(code, kind)| Ok((code, signal(kind)?)));
        Ok(Signals(all.collect::<io::Result<_>>()?))
    }

    #[cfg(windows)]
    pub(crate) fn new() -> io::Result<Signals> {
        Ok(Signals(vec![(
            INTERRUPTED,
            tokio::signal::windows::ctrl_c()?,
        )]))
    }

    /// Waits for the next, and returns its exit code. Cancel-safe.
    pub(crate) async fn next(&mut self) -> u8 {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<u8> {
        for (code, signal) in &mut self.0 {
            if signal.poll_recv(context).is_ready() {
                return Poll::Ready(*code);
            }
        }
        Poll::Pending
    }
}
