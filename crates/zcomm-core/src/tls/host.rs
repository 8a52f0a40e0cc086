//! The hosts for which a certificate can be made: names and addresses that every client reads
//! in the same way.
//!
//! Clients read unusual hosts in different ways: `127.1` is an address for a browser, but an
//! invalid name for a TLS library. A certificate for such a host would work in one client and
//! fail in another client. So this file refuses unusual hosts.

use std::net::{IpAddr, Ipv6Addr};

use rustls::pki_types::DnsName;

const EXPECTED: &str = "expected a name or an address, e.g. board.local or 192.168.1.20";

/// Returns a host in the form that clients use: a name in lower case, or an address without
/// brackets. The error says what is wrong.
pub(crate) fn host(text: &str) -> Result<String, &'static str> {
    if let Some(address) = address(text)? {
        return match address.is_unspecified() {
            true => Err("this means every address: write the address that other machines use"),
            false => Ok(address.to_string()),
        };
    }
    if text.len() > 1 && text.ends_with('.') {
        return Err("ends with a dot, which names in certificates do not have: leave it out");
    }
    if ends_in_a_number(text) {
        return Err(
            "ends in a number, so browsers take it for an address: write four numbers from 0 \
                    to 255, without leading zeros, e.g. 192.168.1.20",
        );
    }
    // A certificate contains the punycode form, `xn--bcher-kva.example` for `bücher.example`.
    let ascii = url::Host::parse(text).map_err(|_| EXPECTED)?.to_string();
    let text = if text.is_ascii() { text } else { &ascii };
    let name = DnsName::try_from(text).map_err(|_| EXPECTED)?;
    Ok(name.as_ref().to_ascii_lowercase())
}

/// Reads an IPv4 address, or an IPv6 address with or without brackets. `None` if the text may
/// be a name. If the text starts with a bracket and is not an IPv6 address, returns an error.
fn address(text: &str) -> Result<Option<IpAddr>, &'static str> {
    let Some(inside) = text.strip_prefix('[') else {
        return Ok(text.parse().ok());
    };
    let inside = inside.strip_suffix(']').unwrap_or_default();
    let address = inside.parse::<Ipv6Addr>().map_err(|_| EXPECTED)?;
    Ok(Some(address.into()))
}

/// Whether the last part of a host is a decimal or a hexadecimal number. If it is, browsers
/// read the whole host as an IPv4 address (WHATWG URL, "ends in a number").
fn ends_in_a_number(text: &str) -> bool {
    let last = text.rsplit('.').next().unwrap_or_default();
    let digits = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    let lower = last.to_ascii_lowercase();
    let hex = lower.strip_prefix("0x");
    digits || hex.is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_one_that_every_client_reads_in_the_same_way() {
        for (text, meant) in [
            ("Board.Local", "board.local"),
            ("laptop_3", "laptop_3"),
            ("1and1.example", "1and1.example"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("Ä.local", "xn--4ca.local"),
            ("192.168.1.20", "192.168.1.20"),
            ("[FD00::1]", "fd00::1"),
            ("fd00:0::1", "fd00::1"),
        ] {
            assert_eq!(host(text), Ok(meant.to_owned()));
        }
        let long = format!("{}.local", "a".repeat(64));
        for text in [
            "",
            ".",
            "..",
            "-",
            "a-",
            "-a",
            ".com",
            "a..b",
            "localhost.",
            "*.local",
            "a b",
            "a:80",
            "ä b.local",
            "ä..local",
            "１２７.1",
            "[192.168.1.20]",
            "[board.local]",
            "[::1",
            "::1]",
            "fe80::1%eth0",
            &long,
            "0.0.0.0",
            "::",
            "127.1",
            "1",
            "192.168.1.020",
            "192.168.1.256",
            "0x7f.1",
            "1.0x7F",
            "0x7f",
            "1.0x",
        ] {
            assert!(host(text).is_err(), "{text:?}");
        }
        assert!(host("127.1").unwrap_err().contains("ends in a number"));
    }
}
