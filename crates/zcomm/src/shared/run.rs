//! Runs a subcommand to its end.
//!
//! [`block_on`] runs all async tasks in the thread that calls it, and starts no thread for
//! each CPU core. One thread is enough, because the tasks mostly wait.

use std::{
    future::{Future, pending},
    io,
};

use tokio::time::{Instant, sleep_until};

/// The exit code after Ctrl-C: 128 plus 2, the number of SIGINT. Shells use the same code.
pub(crate) const INTERRUPTED: u8 = 130;

/// Runs a future to its end, in this thread.
pub(crate) fn block_on<T, E: From<io::Error>>(
    future: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    check_descriptors()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(future)
}

/// Fails if there are too few file descriptors for the runtime. Without this check, the runtime
/// could panic: it opens a pair of sockets for signals, and does not return the error.
#[cfg(unix)]
fn check_descriptors() -> io::Result<()> {
    use std::os::unix::net::UnixStream;
    // The runtime needs six descriptors: three pairs of sockets.
    let pairs: io::Result<Vec<_>> = (0..3).map(|_| UnixStream::pair()).collect();
    pairs.map(drop)
}

/// Windows has no limit of file descriptors.
#[cfg(not(unix))]
fn check_descriptors() -> io::Result<()> {
    Ok(())
}

/// Waits until this time. If `time` is `None`, waits forever.
pub(crate) async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}
