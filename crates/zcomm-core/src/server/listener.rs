//! The listening socket, and what to do when `accept` fails.
//!
//! On Linux, every connection inherits the options of the listening socket. So this file sets
//! the options once.
//!
//! An error of `accept` is normal. If a client ended its connection before `accept`, the
//! server does nothing. If the system has no free file descriptor, the error repeats at once.
//! So the server pauses, and logs at most one line a second.

use std::{io, net::SocketAddr, ops::RangeInclusive, time::Duration};

use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpSocket, lookup_host},
    time::{Instant, sleep},
};

use crate::{
    error::{Error, Result},
    settings::{config::Config, parse::wrong},
    text::secrets::may_be_secret,
    wire::counted_tcp::limit_unsent,
};

/// The pause after an error such as "too many open files". Without the pause, the error would
/// repeat hundreds of thousands of times a second.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The size of the kernel's send buffer for one client (bytes). Linux doubles this value.
const SEND_BUFFER: u32 = 256 * 1024;
/// The minimum and the maximum length of the queue of connections that wait to be accepted.
const BACKLOG: RangeInclusive<usize> = 1024..=65_535;

/// Listens at an address.
///
/// After a restart, all clients connect again in the same second. The kernel stores each new
/// connection in a queue until the server accepts it. If the queue is full, the kernel drops the
/// packet of the next client. This client tries again after one second, then after three. So the
/// queue has space for the maximum number of clients.
pub(crate) fn listen(addr: SocketAddr, max_connections: usize) -> Result<TcpListener> {
    let backlog = max_connections.clamp(*BACKLOG.start(), *BACKLOG.end());
    if let Some(warning) = system_limit().and_then(|limit| too_short(limit, backlog)) {
        tracing::warn!("{warning}");
    }
    open(addr, backlog as u32).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => Error::AddressInUse(addr),
        _ => Error::Listen { addr, source },
    })
}

fn open(addr: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let socket = match addr {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Without this option, a server that restarts could not use its port until the old
    // connections have timed out. (On Windows, the option would allow another program to use the
    // same port.)
    if cfg!(not(windows)) {
        socket.set_reuseaddr(true)?;
    }
    // By default, the kernel buffers up to 4 MB for a slow client. A ping would have to wait
    // until the client has read this data.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    // Send small messages at once. Nagle's algorithm would delay small messages to make larger
    // packets, but a connection already puts messages together.
    socket.set_nodelay(true)?;
    limit_unsent(&socket);
    socket.bind(addr)?;
    let listener = socket.listen(backlog)?;
    // Each client needs a file descriptor. If none is free now, no client could ever connect.
    SockRef::from(&listener).try_clone()?;
    Ok(listener)
}

/// The maximum length of a queue in this system. The system shortens a longer queue without an
/// error. `None` if the maximum is unknown.
fn system_limit() -> Option<usize> {
    let limit = std::fs::read_to_string("/proc/sys/net/core/somaxconn").ok()?;
    limit.trim().parse().ok()
}

/// Returns a warning if the system shortens the queue.
fn too_short(limit: usize, backlog: usize) -> Option<String> {
    (limit < backlog).then(|| {
        format!(
            "only {limit} new connections can wait to be accepted, and {backlog} clients may come back \
             at once after a restart: the others need some seconds more; raise the limit of the \
             system: sysctl -w net.core.somaxconn={backlog}"
        )
    })
}

/// Resolves the address in the settings.
pub(crate) async fn resolve(config: &Config) -> Result<SocketAddr> {
    let not_found = |reason: String| {
        let host = &config.host;
        // A user may have written a token into the setting of the host. The parts of a host name
        // are short, and a token is long. So check each part.
        let secret = host.split('.').any(may_be_secret);
        wrong("WEBSOCKET_HOST", host, secret, &reason)
    };
    let mut addresses = lookup_host((config.host.as_str(), config.port))
        .await
        .map_err(|error| not_found(format!("is not found: {error}")))?;
    addresses
        .next()
        .ok_or_else(|| not_found("has no address".into()))
}

/// Handles an error of `accept`. The server continues after every error. If the error is about
/// one connection, does nothing. Otherwise writes a log line, at most one a second, and pauses.
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

/// Whether to write a log line now: at most once a second, because some errors repeat much
/// faster.
pub(crate) fn may_complain(last: &mut Option<Instant>) -> bool {
    let now = Instant::now();
    let may = last.is_none_or(|last| now - last >= Duration::from_secs(1));
    if may {
        *last = Some(now);
    }
    may
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn connections_inherit_the_options_of_the_listening_socket() {
        let listener = listen(([127, 0, 0, 1], 0).into(), 10).unwrap();
        let client = tokio::net::TcpStream::connect(listener.local_addr().unwrap());
        let (accepted, client) = tokio::join!(listener.accept(), client);
        client.unwrap();
        let accepted = accepted.unwrap().0;
        assert!(accepted.nodelay().unwrap());
        let socket = SockRef::from(&accepted);
        assert_eq!(socket.send_buffer_size().unwrap(), 2 * SEND_BUFFER as usize);
        assert_eq!(socket.tcp_notsent_lowat().unwrap(), 16 * 1024);
    }

    #[test]
    fn a_queue_that_the_system_cuts_is_named_with_the_command() {
        assert_eq!(too_short(4096, 1024), None);
        assert_eq!(too_short(4096, 4096), None);
        let warning = too_short(128, 1024).unwrap();
        assert!(
            warning.contains("sysctl -w net.core.somaxconn=1024"),
            "{warning}"
        );
    }
}
