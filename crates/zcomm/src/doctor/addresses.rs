//! Which addresses a host means, which of them this machine has, and who can reach them.

use std::net::{IpAddr, ToSocketAddrs};

/// What a server that is told this host listens on: the address itself, or the first that
/// the name leads to. None for nowhere.
pub(super) fn of(host: &str) -> Vec<IpAddr> {
    match host.parse() {
        Ok(ip) => vec![ip],
        Err(_) => {
            let found = (host, 0).to_socket_addrs();
            found.map_or(Vec::new(), |found| {
                found.map(|one| one.ip()).take(1).collect()
            })
        }
    }
}

/// Those of this machine.
pub(super) fn own() -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    interfaces.iter().map(if_addrs::Interface::ip).collect()
}

/// Whether a server there can be reached by this machine alone.
pub(super) fn are_loopback(ips: &[IpAddr]) -> bool {
    !ips.is_empty() && ips.iter().all(IpAddr::is_loopback)
}

/// Those of this machine at which others reach a server that listens on these.
pub(super) fn for_others(listening: &[IpAddr], own: &[IpAddr]) -> Vec<IpAddr> {
    let all = |v4| {
        let mut all = listening.iter().filter(|ip| ip.is_unspecified());
        all.any(|ip| ip.is_ipv4() == v4)
    };
    // `::` hears IPv4, too, on most systems; `0.0.0.0` never hears IPv6.
    let (v4, v6) = (all(true) || all(false), all(false));
    let mut reached = own.to_vec();
    reached.retain(|ip| {
        let alone = match ip {
            IpAddr::V4(ip) => ip.is_loopback() || ip.is_link_local(),
            // Others would have to name their own interface as well.
            IpAddr::V6(ip) => ip.is_loopback() || ip.is_unicast_link_local(),
        };
        let heard = if ip.is_ipv4() { v4 } else { v6 };
        !alone && (heard || listening.contains(ip))
    });
    reached
}

/// For people.
pub(super) fn list(ips: &[IpAddr]) -> String {
    let list: Vec<_> = ips.iter().map(IpAddr::to_string).collect();
    list.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_reach_what_is_listened_on_and_leads_beyond_this_machine() {
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
            ("127.0.0.1 fd00::2", "fd00::2"),
        ] {
            let found = for_others(&ips(listening), &own);
            assert_eq!(found, ips(reached), "{listening}");
        }
        assert!(are_loopback(&ips("127.0.0.1 ::1")) && are_loopback(&ips("127.0.0.2")));
        assert!(!are_loopback(&ips("127.0.0.1 10.0.0.1")) && !are_loopback(&[]));
    }
}
