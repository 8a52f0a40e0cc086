//! Every connection needs a file descriptor, and the system limits them.
//!
//! The usual soft limit is 1,024 or even 256, lower than the number of connections a server may
//! accept; the hard limit is higher. A server that learns this at its 1,025th client fails in the
//! middle of its work. So this one raises the soft limit at the start, as far as it may, and
//! lowers its maximum to what it got. In systemd, `LimitNOFILE=` sets the limit.

/// Descriptors that are not client connections: listener, epoll, standard streams, and a
/// reserve for connections that only ask for a page.
pub const OTHER_DESCRIPTORS: usize = 100;

/// Raises this process's limit of file descriptors to `needed`, as far as the system permits,
/// and never lowers it. Returns the limit.
#[cfg(unix)]
#[must_use]
pub fn raise_descriptor_limit(needed: usize) -> usize {
    use rustix::process::{Resource, getrlimit, setrlimit};

    let mut limit = getrlimit(Resource::Nofile);
    let needed = needed as u64;
    if limit.current.is_some_and(|current| current < needed) {
        let raised = limit.maximum.map_or(needed, |most| most.min(needed));
        limit.current = Some(raised);
        // When the system refuses, the old limit stays; it is read again below.
        setrlimit(Resource::Nofile, limit).ok();
    }
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// Windows has no such limit.
#[cfg(not(unix))]
#[must_use]
pub fn raise_descriptor_limit(_needed: usize) -> usize {
    usize::MAX
}

/// Makes room for `wanted` connections. Returns for how many there is room.
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
