//! The door: an address to listen at, and what to do when accepting fails.
//!
//! What is set on the socket that listens, every connection inherits. And an error of
//! `accept` is an ordinary event: a client that left before its turn, or a system that has
//! no file descriptor to give. The first kind is nothing to stop for; the second comes back
//! at once, so it gets a pause, and one line a second in the log.
//!
//! Production passes the listener in from outside, so that a new version of the program can
//! take over the port without a gap.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    net::{TcpListener, TcpSocket, lookup_host},
    time::{Instant, sleep},
};

use crate::{
    error::{Error, Result},
    settings::config::Config,
};

/// How long `accept` rests after an error such as "too many open files", which would else
/// come back hundreds of thousands of times a second.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the kernel may keep for one client that does not read (bytes; Linux doubles it).
const SEND_BUFFER: u32 = 256 * 1024;
/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// Listens at an address.
pub(crate) fn listen(addr: SocketAddr) -> Result<TcpListener> {
    open(addr).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => Error::AddressInUse(addr),
        _ => Error::Listen { addr, source },
    })
}

fn open(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = match addr {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A restart must not wait for the last connections to time out. (On Windows the option
    // means something else: to share the port with a stranger.)
    if cfg!(not(windows)) {
        socket.set_reuseaddr(true)?;
    }
    // The kernel would keep up to 4 MB for one slow client, and a ping would wait behind it.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

/// The address that the settings mean.
pub(crate) async fn resolve(config: &Config) -> Result<SocketAddr> {
    let not_found = |reason: String| Error::Setting {
        name: "WEBSOCKET_HOST",
        value: config.host.clone(),
        reason,
    };
    let mut addresses = lookup_host((config.host.as_str(), config.port))
        .await
        .map_err(|error| not_found(format!("is not found: {error}")))?;
    addresses
        .next()
        .ok_or_else(|| not_found("has no address".into()))
}

/// An error of `accept` belongs to one connection, or to the whole system; it never ends
/// the server. Only the second kind comes back at once, so it gets a pause.
pub(crate) async fn accept_failed(error: &io::Error, last_complaint: &mut Option<Instant>) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, PermissionDenied};
    if matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted | PermissionDenied
    ) {
        return;
    }
    if may_complain(last_complaint) {
        tracing::error!(%error, "accept.error: nobody new can connect for now; see `ulimit -n`");
    }
    sleep(ACCEPT_PAUSE).await;
}

/// True once a second: what can happen ten thousand times a second is said once.
pub(crate) fn may_complain(last: &mut Option<Instant>) -> bool {
    let now = Instant::now();
    let may = last.is_none_or(|last| now - last >= Duration::from_secs(1));
    if may {
        *last = Some(now);
    }
    may
}
