//! Every connection is a file descriptor, and the system lends only so many.
//!
//! The usual soft limit is 1,024 or even 256, lower than the number of connections a server
//! may promise; the hard limit is higher. A server that finds out at the 1,025th client
//! fails in the middle of its work, so this one asks at the start: it raises the soft
//! limit as far as it needs and may, and lowers its promise to what it got.
//!
//! Production sets the limit where the service is defined (`LimitNOFILE=` in systemd).

/// Descriptors that are not client connections: listener, epoll, standard streams, and a
/// reserve for connections that only ask for a page.
pub const OTHER_DESCRIPTORS: usize = 100;

/// Raises this process's limit of file descriptors to so many, as far as the system lets it,
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
        // When the system says no, the old limit counts; it is read again below.
        setrlimit(Resource::Nofile, limit).ok();
    }
    let lent = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(lent).unwrap_or(usize::MAX)
}

/// Windows has no such limit.
#[cfg(not(unix))]
#[must_use]
pub fn raise_descriptor_limit(_needed: usize) -> usize {
    usize::MAX
}

/// Makes room for `wanted` connections. Returns how many there is room for.
pub(crate) fn make_room(wanted: usize) -> usize {
    let needed = wanted + OTHER_DESCRIPTORS;
    let lent = raise_descriptor_limit(needed);
    let room = lent.saturating_sub(OTHER_DESCRIPTORS).max(1);
    if room < wanted {
        tracing::warn!(
            "WEBSOCKET_MAX_CONNECTIONS={wanted} needs {needed} file descriptors and the system lends \
             {lent}: taking at most {room} connections; see `ulimit -n`"
        );
    }
    room.min(wanted)
}
