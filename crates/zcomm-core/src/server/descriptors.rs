//! The limit of file descriptors: every connection needs a descriptor.
//!
//! Each process has a soft limit and a hard limit of file descriptors. The soft limit is in
//! effect, and the process may raise it up to the hard limit. In systemd, `LimitNOFILE=` sets
//! both limits.
//!
//! The soft limit is usually 1,024 or even 256. With a limit of 1,024, a server would fail at
//! its 1,025th descriptor. So the server raises its soft limit at the start. If the new limit
//! is still too low, the server lowers its maximum of connections.

use crate::access::slots::{EXTRA, GUESSES};

/// Descriptors that are not client connections: listener, epoll, standard streams, connections
/// that only fetch a page, and connections that wait after a wrong token.
pub const OTHER_DESCRIPTORS: usize = 36 + EXTRA + GUESSES;

/// Raises this process's limit of file descriptors to `needed`, as far as the system permits.
/// Never lowers the limit. Returns the limit after the call.
#[cfg(unix)]
#[must_use]
pub fn raise_descriptor_limit(needed: usize) -> usize {
    use rustix::process::{Resource, getrlimit, setrlimit};

    let mut limit = getrlimit(Resource::Nofile);
    let needed = needed as u64;
    if limit.current.is_some_and(|current| current < needed) {
        let raised = limit.maximum.map_or(needed, |most| most.min(needed));
        limit.current = Some(raised);
        // If the system refuses, the old limit stays. So read the limit again below.
        setrlimit(Resource::Nofile, limit).ok();
    }
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// Windows has no limit of file descriptors, so this returns the largest number.
#[cfg(not(unix))]
#[must_use]
pub fn raise_descriptor_limit(_needed: usize) -> usize {
    usize::MAX
}

/// Raises the limit for `wanted` connections. Returns the number of connections that the limit
/// allows, at most `wanted`.
pub(crate) fn make_room(wanted: usize) -> usize {
    let needed = wanted + OTHER_DESCRIPTORS;
    let limit = raise_descriptor_limit(needed);
    let room = limit.saturating_sub(OTHER_DESCRIPTORS).max(1);
    if room < wanted {
        tracing::warn!(
            "WEBSOCKET_MAX_CONNECTIONS={wanted} needs {needed} file descriptors and the system allows \
             {limit}: accepting at most {room} connections; see `ulimit -n`"
        );
    }
    room.min(wanted)
}
