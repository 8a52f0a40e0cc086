//! The addresses that a load test may use: this machine and private networks.
//!
//! A load test on another person's server is an attack. So every address of the server's name
//! must be private, unless `--i-own-this-server` is set. The tool looks up the name once, and
//! all connections use the addresses of this look-up. So a later change in DNS has no effect.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Returns the first public address: an address outside this machine and private networks.
pub(crate) fn first_public(addresses: &[SocketAddr]) -> Option<IpAddr> {
    let mut addresses = addresses.iter().map(SocketAddr::ip);
    addresses.find(|address| !is_private(*address))
}

/// The address of a cloud's metadata service. The address is link-local, but the service belongs
/// to the cloud's provider.
const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// Whether an address is loopback, private (RFC 1918, RFC 4193) or link-local (RFC 3927,
/// RFC 4291). The address [`METADATA`] is not private.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(METADATA) => false,
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_private(v4.into()),
            None => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_allowed_and_their_neighbours_are_not() {
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
            assert!(is_private(near.parse().unwrap()), "{near}");
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
            assert!(!is_private(far.parse().unwrap()), "{far}");
        }
    }

    #[test]
    fn one_public_address_among_private_ones_is_found() {
        let addresses = ["10.0.0.1:80", "8.8.8.8:80", "[::1]:80"].map(|text| text.parse().unwrap());
        assert_eq!(first_public(&addresses), Some([8, 8, 8, 8].into()));
        assert_eq!(first_public(&addresses[..1]), None);
    }
}
