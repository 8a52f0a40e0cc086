//! What every subcommand begins and ends with.
//!
//! One thread is enough for a program that mostly waits, and its tasks take turns in an
//! order that can be explained.
//!
//! Production has more threads where there is more to compute.

use std::{
    future::{Future, pending},
    io,
};

use tokio::time::{Instant, sleep_until};

/// The exit code after Ctrl-C: 128 and the number of SIGINT, as shells count.
pub(crate) const INTERRUPTED: u8 = 130;

/// Runs a future on this thread to its end.
pub(crate) fn block_on<T, E: From<io::Error>>(
    future: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(future)
}

/// Waits until this time; without one, for ever.
pub(crate) async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}
