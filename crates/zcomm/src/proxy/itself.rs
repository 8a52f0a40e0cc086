//! Finds out whether the server of a proxy is the proxy itself. Such a proxy would connect to itself
//! again and again, until no file descriptor is free.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Whether a connection to `target` reaches a proxy that listens at `own`.
pub(super) fn reaches(target: SocketAddr, own: SocketAddr) -> bool {
    let ip = match target.ip().to_canonical() {
        // On Linux, a connection to such an address reaches this machine.
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    // A program can use only an address of its own machine.
    let is_here = || UdpSocket::bind((ip, 0)).is_ok();
    let own_ip = own.ip().to_canonical();
    target.port() == own.port() && (ip == own_ip || (own_ip.is_unspecified() && is_here()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_reaches_itself_at_its_address_and_on_this_machine() {
        for (target, own, itself) in [
            ("127.0.0.1:8770", "127.0.0.1:8770", true),
            ("0.0.0.0:8770", "127.0.0.1:8770", true),
            ("[::ffff:127.0.0.1]:8770", "127.0.0.1:8770", true),
            ("127.0.0.1:8770", "0.0.0.0:8770", true),
            ("127.0.0.1:8770", "[::]:8770", true),
            ("127.0.0.1:8765", "127.0.0.1:8770", false),
            ("127.0.0.2:8770", "127.0.0.1:8770", false),
            // RFC 5737: this address belongs to no machine.
            ("203.0.113.1:8770", "0.0.0.0:8770", false),
        ] {
            let (target, own) = (target.parse().unwrap(), own.parse().unwrap());
            assert_eq!(reaches(target, own), itself, "{target} {own}");
        }
    }
}
