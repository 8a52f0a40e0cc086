//! Reads the ports and the addresses of the command line.
//!
//! Rust's own parsers return errors such as `invalid digit found in string`. The errors in
//! this file say which value is expected.

use std::net::SocketAddr;

/// Reads a port; 0 means any free port.
pub(crate) fn port(text: &str) -> Result<u16, &'static str> {
    text.parse()
        .map_err(|_| "expected a port from 0 to 65535, e.g. 8765")
}

/// Reads the port of a server.
pub(crate) fn server_port(text: &str) -> Result<u16, &'static str> {
    let port = port(text).ok().filter(|port| *port > 0);
    port.ok_or("expected a port from 1 to 65535, e.g. 8765")
}

/// Reads the address that a proxy listens on.
pub(crate) fn listen_address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse()
        .map_err(|_| "expected an IP address and a port, e.g. 127.0.0.1:9000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_and_an_address_have_errors_that_say_what_is_expected() {
        for (text, expected) in [("0", Some(0)), ("8765", Some(8765)), ("65535", Some(65535))] {
            assert_eq!(port(text).ok(), expected);
        }
        assert_eq!(server_port("0").ok(), None);
        assert_eq!(server_port("1").ok(), Some(1));
        for wrong in ["", "65536", "-1", "8765/", "ws://h", "127.0.0.1:9000", "x"] {
            assert!(port(wrong).unwrap_err().contains("0 to 65535"), "{wrong}");
            assert!(server_port(wrong).is_err(), "{wrong}");
        }
        for text in ["127.0.0.1:9000", "[::1]:0"] {
            assert_eq!(listen_address(text), Ok(text.parse().unwrap()));
        }
        for wrong in [
            "",
            "9000",
            "127.0.0.1",
            "127.0.0.1:65536",
            "::1:9000",
            "localhost:9000",
        ] {
            assert!(listen_address(wrong).is_err(), "{wrong}");
        }
    }
}
