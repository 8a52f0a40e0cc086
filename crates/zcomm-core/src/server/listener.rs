//! The listening socket, and what to do when `accept` fails.
//!
//! Every connection inherits the options of the listening socket. An error of `accept` is an
//! ordinary event: the client left before its turn, or the system has no file descriptor left.
//! The first needs no action. The second repeats at once, so it gets a pause and one log line a
//! second.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    net::{TcpListener, TcpSocket, lookup_host},
    time::{Instant, sleep},
};

use crate::{
    error::{Error, Result},
    settings::config::Config,
};

/// The pause after an error such as "too many open files". Without it, the error would repeat
/// hundreds of thousands of times a second.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The kernel's send buffer for one client (bytes; Linux doubles it).
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
    // means something else: another program may take the port as well.)
    if cfg!(not(windows)) {
        socket.set_reuseaddr(true)?;
    }
    // By default, the kernel buffers up to 4 MB for one slow client, and a ping waits behind it.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

/// Resolves the address in the settings.
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

/// Handles an error of `accept`. It concerns one connection or the whole system, and never
/// ends the server.
pub(crate) async fn accept_failed(error: &io::Error, last_complaint: &mut Option<Instant>) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, PermissionDenied};
    if matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted | PermissionDenied
    ) {
        return;
    }
    if may_complain(last_complaint) {
        tracing::error!(%error, "accept.error: no new client can connect for now; see `ulimit -n`");
    }
    sleep(ACCEPT_PAUSE).await;
}

/// True at most once a second, for log lines whose cause can repeat thousands of times a second.
pub(crate) fn may_complain(last: &mut Option<Instant>) -> bool {
    let now = Instant::now();
    let may = last.is_none_or(|last| now - last >= Duration::from_secs(1));
    if may {
        *last = Some(now);
    }
    may
}
