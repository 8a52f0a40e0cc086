//! Checks whether this machine can open the connections of a run.
//!
//! If a load test runs out of file descriptors or ports, it measures the limits of its own
//! machine, not the server. So the tool checks these two limits before the first connection.

use zcomm_core::raise_descriptor_limit;

use crate::shared::failure::Failure;

/// The descriptors of this tool itself: the standard streams, the files of the report, and the
/// files that describe the server's process.
const OWN: usize = 24;
/// The descriptors of one thread's runtime.
const EACH_THREAD: usize = 4;
/// The number of ports for outgoing connections, if the system does not publish this number. The
/// value is the default of Linux.
const PORTS: usize = 28_232;

/// Checks that there are enough file descriptors and ports. Raises the process's limit of
/// descriptors if possible.
pub(super) fn check(connections: usize, threads: usize) -> Result<(), Failure> {
    let own = OWN + EACH_THREAD * threads;
    let needed = connections + own;
    let allowed = raise_descriptor_limit(needed);
    if allowed < needed {
        let fewer = match allowed.saturating_sub(own) {
            0 => String::new(),
            most => format!("; or at most -c {most}"),
        };
        return Err(Failure::new(
            format!(
                "{connections} connections need {needed} file descriptors, and the system allows {allowed}"
            ),
            format!("ulimit -n {needed} in this terminal, and in the server's{fewer}"),
        ));
    }
    // All connections go to one address and port, so each connection needs its own local port.
    let ports = ports();
    if connections > ports {
        return Err(Failure::new(
            format!(
                "{connections} connections need {connections} local ports, and this system has {ports}"
            ),
            format!(
                "at most -c {ports}; on Linux more with sysctl net.ipv4.ip_local_port_range='1024 65535'"
            ),
        ));
    }
    Ok(())
}

/// The number of ports for outgoing connections.
fn ports() -> usize {
    // Only Linux has this file. On other systems, use PORTS.
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok();
    range.and_then(|range| in_range(&range)).unwrap_or(PORTS)
}

/// Counts the ports of a range. The text contains the first port and the last port, as in the
/// file of Linux.
fn in_range(range: &str) -> Option<usize> {
    let mut ends = range.split_whitespace();
    let first: usize = ends.next()?.parse().ok()?;
    let last: usize = ends.next()?.parse().ok()?;
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
