//! The limit of file descriptors: every connection needs a descriptor.
//!
//! Each process has a soft limit and a hard limit of file descriptors. The soft limit is in
//! effect, and the process may raise it up to the hard limit. In systemd, `LimitNOFILE=` sets
//! both limits.
//!
//! The soft limit is usually 1,024 or even 256. With a limit of 1,024, a server would fail at
//! its 1,025th descriptor. So the server raises its soft limit at the start. If the new limit
//! is still too low, the server first lowers the number of wrong tokens that may wait, and then its
//! maximum of connections.

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

/// What a limit of file descriptors is enough for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Room {
    connections: usize,
    /// The number of connections that may wait after a wrong token.
    guesses: usize,
}

impl Room {
    /// Shares `limit` descriptors. The connections that wait after a wrong token have an eighth at
    /// most: with a low limit, their usual number would leave almost nothing for clients.
    fn within(limit: usize, wanted: usize) -> Room {
        let free = limit.saturating_sub(OTHER_DESCRIPTORS - GUESSES);
        let connections = wanted.min(most_connections(limit)).max(1);
        Room {
            connections,
            guesses: free.saturating_sub(connections).min(GUESSES),
        }
    }
}

/// The maximum number of connections of a server with `limit` file descriptors.
#[must_use]
pub fn most_connections(limit: usize) -> usize {
    let free = limit.saturating_sub(OTHER_DESCRIPTORS - GUESSES);
    free - GUESSES.min(free / 8)
}

/// Raises the limit of descriptors for `most` connections. If the limit stays too low, lowers `most`.
/// Returns the number of connections that may wait after a wrong token.
pub(crate) fn make_room(most: &mut usize) -> usize {
    let wanted = *most;
    let needed = wanted + OTHER_DESCRIPTORS;
    let limit = raise_descriptor_limit(needed);
    let Room {
        connections,
        guesses,
    } = Room::within(limit, wanted);
    if connections < wanted {
        tracing::warn!(
            "WEBSOCKET_MAX_CONNECTIONS={wanted} needs {needed} file descriptors and the system allows \
             {limit}: accepting at most {connections} connections, and at most {guesses} wrong tokens \
             wait for their answer; see `ulimit -n`"
        );
    } else if guesses < GUESSES {
        tracing::info!(
            "the system allows {limit} file descriptors: at most {guesses} wrong tokens wait for their \
             answer; see `ulimit -n`"
        );
    }
    *most = connections;
    guesses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_low_limit_is_shared_between_clients_and_wrong_tokens() {
        for (limit, wanted, connections, guesses) in [
            (1228, 1000, 1000, 128),
            (usize::MAX, 1000, 1000, 128),
            // The clients come first.
            (1227, 1000, 999, 128),
            (256, 1000, 137, 19),
            (256, 100, 100, 56),
            (256, 20, 20, 128),
            (108, 1000, 7, 1),
            (40, 1000, 1, 0),
            (0, 1000, 1, 0),
        ] {
            let room = Room::within(limit, wanted);
            let expected = Room {
                connections,
                guesses,
            };
            assert_eq!(room, expected, "{limit}, {wanted}");
        }
    }
}
