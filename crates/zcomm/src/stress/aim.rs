//! Where a load may go: to this machine and to its neighbours.
//!
//! A load test at somebody else's server is an attack, whatever it was meant as. So the
//! name is looked up once, every address it has must be one that the internet does not
//! carry, and the connections go to those addresses: a name that changes its mind in
//! between changes nothing.
//!
//! Production asks whoever runs the server, and whoever runs the network in between.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The first address that is neither this machine nor on a private network.
pub(super) fn public(addresses: &[SocketAddr]) -> Option<IpAddr> {
    let mut addresses = addresses.iter().map(SocketAddr::ip);
    addresses.find(|address| !is_near(*address))
}

/// Where a cloud answers its machines about themselves: near, and somebody else's.
const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// Loopback, private (RFC 1918, RFC 4193) or link-local (RFC 3927, RFC 4291).
fn is_near(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(METADATA) => false,
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_near(v4.into()),
            None => v6.is_loopback() || is_unique_local(v6) || is_link_local(v6),
        },
    }
}

/// fc00::/7
fn is_unique_local(address: Ipv6Addr) -> bool {
    address.segments()[0] & 0xfe00 == 0xfc00
}

/// fe80::/10
fn is_link_local(address: Ipv6Addr) -> bool {
    address.segments()[0] & 0xffc0 == 0xfe80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_addresses_are_fine_and_their_neighbours_are_not() {
        for near in [
            "127.0.0.1",
            "127.255.0.9",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.10.1",
            "::1",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "febf::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(is_near(near.parse().unwrap()), "{near}");
        }
        for far in [
            "128.0.0.1",
            "11.0.0.1",
            "172.15.255.255",
            "172.32.0.1",
            "192.169.0.1",
            "100.64.0.1",
            "169.253.0.1",
            "169.254.169.254",
            "8.8.8.8",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "::",
            "fe00::1",
            "fbff::1",
            "fec0::1",
            "2001:db8::1",
            "::ffff:8.8.8.8",
            "64:ff9b::a00:1",
        ] {
            assert!(!is_near(far.parse().unwrap()), "{far}");
        }
    }

    #[test]
    fn one_public_address_among_private_ones_is_found() {
        let addresses = ["10.0.0.1:80", "8.8.8.8:80", "[::1]:80"].map(|text| text.parse().unwrap());
        assert_eq!(public(&addresses), Some([8, 8, 8, 8].into()));
        assert_eq!(public(&addresses[..1]), None);
    }
}
