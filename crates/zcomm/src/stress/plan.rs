//! What will be done, and whether this machine can do it.
//!
//! A load test that finds out in the middle that it has no file descriptors, or no ports,
//! has measured its own machine. So both are counted before the first connection.
//!
//! Production runs the load from several machines.

use std::{net::SocketAddr, time::Duration};

use zcomm_core::{OTHER_DESCRIPTORS, raise_descriptor_limit};

use super::arguments::Arguments;
use crate::failure::Failure;

/// Ports that a system has for outgoing connections, unless it says so: Linux by default.
const PORTS: usize = 28_232;

/// How the messages are spaced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Pace {
    /// Closed loop: so many in flight for each sender.
    Window(u64),
    /// Open loop: so many a second, all senders together.
    Rate(f64),
}

/// Who sends, and who receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Every connection gets its own messages back.
    Echo,
    /// The first so many connections send, all others receive.
    Fanout(usize),
}

/// The time that is measured (nanoseconds of the run's clock).
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) begin: u64,
    pub(super) end: u64,
    /// How long it was to be; Ctrl-C makes it shorter.
    pub(super) planned: u64,
}

impl Span {
    pub(super) fn has(self, time: u64) -> bool {
        (self.begin..self.end).contains(&time)
    }

    pub(super) fn seconds(self) -> f64 {
        self.end.saturating_sub(self.begin) as f64 / 1e9
    }
}

/// What will be done.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) connections: usize,
    pub(super) shape: Shape,
    pub(super) pace: Pace,
    pub(super) size: usize,
    pub(super) duration: Duration,
    pub(super) warm_up: Duration,
    pub(super) ramp_up: Duration,
    pub(super) handshakes: usize,
    pub(super) threads: usize,
    pub(super) hello: Option<String>,
}

/// Messages that all senders of a fan-out may have under way: each has a place in memory.
const MOST_UNFINISHED: u64 = 1 << 20;

impl Plan {
    pub(super) fn new(arguments: &Arguments) -> Result<Plan, Failure> {
        let connections = arguments.connections as usize;
        let publishers = arguments.publishers as usize;
        if arguments.fanout && publishers >= connections {
            return Err(Failure::usage(
                format!("{publishers} of {connections} connections would send, and nobody listen"),
                format!("more connections: -c {}", publishers + 1),
            ));
        }
        let window = arguments.window.map_or(1, u64::from);
        if window * publishers as u64 > MOST_UNFINISHED {
            return Err(Failure::usage(
                format!("{publishers} x {window} messages would be under way at once"),
                format!("--window and --publishers that make at most {MOST_UNFINISHED}"),
            ));
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = arguments.threads.map(|threads| threads as usize);
        Ok(Plan {
            connections,
            shape: match arguments.fanout {
                true => Shape::Fanout(publishers),
                false => Shape::Echo,
            },
            pace: match (arguments.rate, arguments.window) {
                (Some(rate), _) => Pace::Rate(rate),
                (None, window) => Pace::Window(window.unwrap_or(1).into()),
            },
            // At most 16 MiB.
            size: arguments.size as usize,
            duration: arguments.duration,
            warm_up: arguments.warm_up,
            ramp_up: arguments.ramp_up,
            handshakes: arguments.handshakes as usize,
            // The server wants some cores, too, if it is here.
            threads: threads.unwrap_or((cores / 2).clamp(1, 4)).min(connections),
            hello: arguments.hello.clone(),
        })
    }

    /// Connections that send.
    pub(super) fn is_sender(&self, number: usize) -> bool {
        match self.shape {
            Shape::Echo => true,
            Shape::Fanout(publishers) => number < publishers,
        }
    }

    /// Whether this machine can open so many connections to these addresses.
    pub(super) fn check_room(&self, addresses: &[SocketAddr]) -> Result<(), Failure> {
        let needed = self.connections + OTHER_DESCRIPTORS;
        let lent = raise_descriptor_limit(needed);
        if lent < needed {
            return Err(Failure::new(
                format!(
                    "{} connections need {needed} file descriptors, and the system lends {lent}",
                    self.connections
                ),
                format!(
                    "ulimit -n {needed} in this terminal, and in the server's; or at most -c {}",
                    lent.saturating_sub(OTHER_DESCRIPTORS)
                ),
            ));
        }
        // Each connection to one address and port takes a port of ours.
        let ports = ports();
        if self.connections > ports && !addresses.is_empty() {
            return Err(Failure::new(
                format!(
                    "{} connections need as many ports of this machine, and it has {ports} for them",
                    self.connections
                ),
                format!(
                    "at most -c {ports}; on Linux more with sysctl net.ipv4.ip_local_port_range='1024 65535'"
                ),
            ));
        }
        Ok(())
    }
}

/// Ports for outgoing connections.
fn ports() -> usize {
    // Other systems have no such file.
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok();
    range.and_then(|range| in_range(&range)).unwrap_or(PORTS)
}

/// Linux writes the first and the last.
fn in_range(range: &str) -> Option<usize> {
    let mut ends = range
        .split_whitespace()
        .map(|end| end.parse::<usize>().ok());
    let (first, last) = (ends.next()??, ends.next()??);
    Some((last + 1).saturating_sub(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ports_of_a_range_are_counted_with_both_ends() {
        assert_eq!(in_range("32768\t60999\n"), Some(PORTS));
        assert_eq!(in_range("32768"), None);
    }
}
