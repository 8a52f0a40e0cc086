//! Finds the address that a server listens on, and the addresses of this machine that other
//! machines can reach.

use std::net::{IpAddr, ToSocketAddrs};

/// Returns the address that a server listens on if `WEBSOCKET_HOST` is `host`. If `host` is a
/// name, returns the first address of the name. Returns `None` if the name does not resolve.
pub(super) fn of(host: &str) -> Option<IpAddr> {
    let resolve = || Some((host, 0).to_socket_addrs().ok()?.next()?.ip());
    host.parse().ok().or_else(resolve)
}

/// Returns the addresses of this machine.
pub(super) fn own() -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    interfaces.iter().map(if_addrs::Interface::ip).collect()
}

/// Returns the addresses of this machine at which other machines reach a server that listens
/// on `listening`.
pub(super) fn for_others(listening: IpAddr, own: &[IpAddr]) -> Vec<IpAddr> {
    let mut reached = own.to_vec();
    reached.retain(|ip| {
        let only_here = match ip {
            IpAddr::V4(ip) => ip.is_loopback() || ip.is_link_local(),
            // A link-local address is not enough to connect: a client also needs the name of an
            // interface, as in `fe80::1%eth0`.
            IpAddr::V6(ip) => ip.is_loopback() || ip.is_unicast_link_local(),
        };
        // On most systems a server on `::` accepts IPv4, too. A server on `0.0.0.0` never accepts
        // IPv6.
        let accepted = match listening.is_unspecified() {
            true => listening.is_ipv6() || ip.is_ipv4(),
            false => *ip == listening,
        };
        accepted && !only_here
    });
    reached
}

/// Returns the addresses as text, separated by commas.
pub(super) fn list(ips: &[IpAddr]) -> String {
    let list: Vec<_> = ips.iter().map(IpAddr::to_string).collect();
    list.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_machines_reach_an_address_that_is_listened_on_and_is_not_local() {
        let ips = |list: &str| -> Vec<IpAddr> {
            let list = list.split_whitespace();
            list.map(|ip| ip.parse().unwrap()).collect()
        };
        let own = ips("127.0.0.1 ::1 192.168.1.20 169.254.3.4 fd00::2 fe80::1");
        for (listening, reached) in [
            ("0.0.0.0", "192.168.1.20"),
            ("::", "192.168.1.20 fd00::2"),
            ("192.168.1.20", "192.168.1.20"),
            ("192.168.1.21", ""),
            ("127.0.0.1", ""),
            ("fd00::2", "fd00::2"),
        ] {
            let found = for_others(listening.parse().unwrap(), &own);
            assert_eq!(found, ips(reached), "{listening}");
        }
    }
}
