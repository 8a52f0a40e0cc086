//! An origin: the scheme, host and port of the page that opens a WebSocket.
//!
//! A browser lets any page of any site connect to any WebSocket server, and sends the cookies
//! of that server too. To protect the server, the browser adds the `Origin` header (RFC 6455
//! section 10.2), which a page cannot forge. The server compares the *whole* origin with a
//! list. A search for a part of the origin would be wrong: `http://localhost.evil.example`
//! also contains `localhost`.
//!
//! The header must have the form that browsers write (RFC 6454 section 6.2). Any other form is
//! refused, e.g. an origin with a user name or a path. If the parser repaired other forms, an
//! attacker could write the same origin in a second way.
//!
//! A program that is not a browser can send any origin, or no origin. So the check of the
//! origin protects only users of browsers. Only the check of the token stops other programs.

use std::fmt;

/// The origin of a page. `Display` does not show the default port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The origin of a page opened by double click, or of a sandboxed iframe of any site.
    Null,
    /// `scheme://host` or `scheme://host:port`.
    Page {
        /// `http` or `https`.
        scheme: &'static str,
        /// Host and port. The port is set even if it is the default port.
        authority: Authority,
    },
}

impl Origin {
    /// Reads an `Origin` header or an entry of a list of origins. Accepts `null` and
    /// `scheme://host[:port]` with the scheme `http` or `https`. `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Origin> {
        if text == "null" {
            return Some(Origin::Null);
        }
        let (scheme, rest) = text.split_once("://")?;
        let (scheme, port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => ("http", 80),
            "https" => ("https", 443),
            _ => return None,
        };
        let authority = Authority::parse(rest, port)?;
        Some(Origin::Page { scheme, authority })
    }

    /// Whether the page came from a loopback name or address.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        matches!(self, Origin::Page { authority, .. } if authority.is_loopback())
    }

    /// Whether the page came from `host`: with `https` if `with_tls` is true, otherwise with
    /// `http`.
    #[must_use]
    pub fn is_page_of(&self, host: &Authority, with_tls: bool) -> bool {
        let own = if with_tls { "https" } else { "http" };
        matches!(self, Origin::Page { scheme, authority } if *scheme == own && authority == host)
    }

    /// The port of the page's server; `None` for `null`.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match self {
            Origin::Null => None,
            Origin::Page { authority, .. } => Some(authority.port),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Null => f.write_str("null"),
            Origin::Page { scheme, authority } => {
                let default = if *scheme == "http" { 80 } else { 443 };
                write!(f, "{scheme}://{}", authority.host)?;
                if authority.port != default {
                    write!(f, ":{}", authority.port)?;
                }
                Ok(())
            }
        }
    }
}

/// A host and a port, as in a `Host` header or in an origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The host in lower case. An IPv6 address has square brackets.
    pub host: String,
    /// The port, even if it is the default port.
    pub port: u16,
}

impl Authority {
    /// Reads `host` or `host:port`. A host has only letters, digits, `-`, `.` and `_`, or is an
    /// IPv6 address in brackets. `None` for any other text, e.g. with a path, a user name or a
    /// space.
    #[must_use]
    pub fn parse(text: &str, default_port: u16) -> Option<Authority> {
        let (host, rest) = if text.starts_with('[') {
            let (host, rest) = text.split_at(text.find(']')? + 1);
            host[1..host.len() - 1].parse::<std::net::Ipv6Addr>().ok()?;
            (host, rest)
        } else {
            let (host, rest) = text.split_at(text.find(':').unwrap_or(text.len()));
            let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
            if host.is_empty() || host.len() > 253 || !host.bytes().all(legal) {
                return None;
            }
            (host, rest)
        };
        let port = match rest.strip_prefix(':') {
            None if rest.is_empty() => default_port,
            // Accept only digits without a leading zero: `:080` would be a second way to write
            // port 80.
            Some(digits) if digits == "0" || digits.starts_with(|c| ('1'..='9').contains(&c)) => {
                digits.parse().ok()?
            }
            _ => return None,
        };
        Some(Authority {
            host: host.to_ascii_lowercase(),
            port,
        })
    }

    /// Reads the host of a request as [`parse`](Authority::parse) does. In a request, the port after
    /// the `:` may be empty, and then counts as missing (RFC 3986 section 3.2.3).
    pub(crate) fn in_request(text: &str, default_port: u16) -> Option<Authority> {
        match text.strip_suffix(':') {
            // An IPv6 address contains `:`, but ends with a bracket.
            Some(host) if host.ends_with(']') || !host.contains(':') => {
                Authority::parse(host, default_port)
            }
            _ => Authority::parse(text, default_port),
        }
    }

    /// Whether the host is `localhost` or a loopback address in its usual form. The text is
    /// compared without a DNS query, so `localhost.` and `127.1` do not count as loopback.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        matches!(self.host.as_str(), "localhost" | "127.0.0.1" | "[::1]")
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Option<String> {
        Origin::parse(text).map(|origin| origin.to_string())
    }

    #[test]
    fn case_and_default_port_do_not_matter() {
        assert_eq!(parse("HTTP://LOCALHOST:80").unwrap(), "http://localhost");
        assert_eq!(parse("https://a.example:443").unwrap(), "https://a.example");
        assert_eq!(parse("http://[::1]:8765").unwrap(), "http://[::1]:8765");
        assert_ne!(parse("http://a.example"), parse("https://a.example"));
    }

    #[test]
    fn only_scheme_host_and_port_make_an_origin() {
        for text in [
            "",
            "localhost",
            "http://",
            "http://localhost:3000/",
            "https://evil.example@localhost",
            "http://a b",
            "http://a:99999",
            "http://a:",
            "http://a:+1",
            "http://a:080",
            "http://[::1",
            "http://[x]",
            "http://lоcalhost",
            "ftp://a.example",
            "http://a http://b",
            "NULL",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn look_alikes_of_loopback_are_other_hosts() {
        for text in [
            "http://localhost.",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "http://127.1",
            "http://0x7f.1",
            "http://2130706433",
            "http://evil-localhost.io",
        ] {
            assert!(!Origin::parse(text).unwrap().is_loopback(), "{text:?}");
        }
        assert!(
            Origin::parse("http://localhost:8765")
                .unwrap()
                .is_loopback()
        );
    }

    proptest! {
        #[test]
        fn whatever_is_read_reads_back_the_same(text in "\\PC{0,40}|https?://[a-z.\\[\\]:0-9]{0,30}") {
            if let Some(origin) = Origin::parse(&text) {
                prop_assert_eq!(Origin::parse(&origin.to_string()), Some(origin));
            }
        }
    }
}
