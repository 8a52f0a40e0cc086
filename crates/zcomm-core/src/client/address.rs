//! Parses the address of a WebSocket (RFC 6455 section 3).
//!
//! An address is `ws://host:port/path?query`. The crate `url` reads an address as browsers do. An
//! empty path becomes `/`. The host `bücher.example` becomes `xn--bcher-kva.example` (punycode).
//! In the path and the query, each character that HTTP forbids is percent-encoded.
//!
//! A `#` part is an error, because a client never sends this part to the server. A user name is
//! an error too, because the server would not read the name.
//!
//! The error for a wrong address (`http://`, port 99999) says what to change. The parser never
//! guesses: a guess could connect to another server.

use std::{future::Future, time::Duration};

use tokio::time::timeout;
use tokio_tungstenite::tungstenite::http::Uri;
use url::{Host, ParseError, Position, Url};

use crate::{
    error::connect::ConnectError,
    text::{secrets::without_secrets, shown::printable},
};

const NO_HOST: &str = "it has no host";
const WRONG_HOST: &str = "its host is not a valid name or address";
const WRONG_PORT: &str = "it needs a port from 1 to 65535";

/// The parts of an address.
pub(crate) struct Target {
    pub(crate) uri: Uri,
    pub(crate) tls: bool,
    /// The host, for the name service and the certificate. It has no dot at the end, and an
    /// IPv6 address has no brackets.
    pub(crate) host: String,
    /// Whether the host in the address ends with a dot. Then the name service must not add the
    /// domain of this computer to the name.
    pub(crate) absolute: bool,
    pub(crate) port: u16,
    /// Host and port, to show in messages.
    pub(crate) place: String,
}

impl Target {
    /// Parses an address. The error does not repeat the query, which may contain a token.
    pub(crate) fn parse(text: &str) -> Result<Target, ConnectError> {
        Target::read(text).map_err(|reason| ConnectError::Url {
            url: printable(without_secrets(text)),
            reason,
        })
    }

    fn read(text: &str) -> Result<Target, &'static str> {
        let tls = check_form(text)?;
        let url = Url::parse(text).map_err(|error| match error {
            ParseError::EmptyHost => NO_HOST,
            ParseError::InvalidPort => WRONG_PORT,
            _ => WRONG_HOST,
        })?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("it must not contain a user name");
        }
        let (host, absolute) = match url.host().ok_or(NO_HOST)? {
            Host::Domain(name) => match name.strip_suffix('.') {
                Some(name) => (name.to_owned(), true),
                None => (name.to_owned(), false),
            },
            Host::Ipv4(address) => (address.to_string(), false),
            Host::Ipv6(address) => (address.to_string(), false),
        };
        if host.split('.').any(str::is_empty) {
            return Err(WRONG_HOST);
        }
        let port = url.port_or_known_default().unwrap_or(0);
        if port == 0 {
            return Err(WRONG_PORT);
        }
        let brackets = match host.contains(':') {
            true => format!("[{host}]"),
            false => host.clone(),
        };
        let given_port = url.port().map(|port| format!(":{port}"));
        let authority = format!("{brackets}{}", given_port.unwrap_or_default());
        let path = &url[Position::BeforePath..Position::AfterQuery];
        let uri = format!("{}://{authority}{path}", url.scheme()).parse();
        Ok(Target {
            uri: uri.map_err(|_| "it is too long")?,
            tls,
            host,
            absolute,
            port,
            place: format!("{brackets}:{port}"),
        })
    }

    /// Runs the steps of one attempt to connect under one time limit.
    pub(crate) async fn within<T>(
        &self,
        limit: Duration,
        steps: impl Future<Output = Result<T, ConnectError>>,
    ) -> Result<T, ConnectError> {
        let done = timeout(limit, steps).await;
        done.unwrap_or_else(|_| {
            let place = self.place.clone();
            Err(ConnectError::Timeout { place, limit })
        })
    }
}

/// Checks for mistakes that a browser would repair without an error. Returns true for `wss://`.
fn check_form(text: &str) -> Result<bool, &'static str> {
    if text.contains('#') {
        return Err("it must not have a # part (a token goes into ?token=)");
    }
    if text.contains(char::is_control) {
        return Err("it must not have control characters");
    }
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    let tls = match scheme.to_ascii_lowercase().as_str() {
        "wss" => true,
        "ws" => false,
        "http" => return Err("use ws:// instead of http://"),
        "https" => return Err("use wss:// instead of https://"),
        _ => return Err("it must begin with ws:// or wss://"),
    };
    match rest.starts_with(['/', '\\']) {
        true => Err(NO_HOST),
        false => Ok(tls),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_or_says_what_is_wrong_with_it() {
        let place = |url| Target::parse(url).map(|target| (target.place, target.tls));
        for (url, found) in [
            ("ws://localhost", ("localhost:80", false)),
            ("WSS://Example.com/chat?x=1", ("example.com:443", true)),
            ("wss://[::1]:8766/", ("[::1]:8766", true)),
            ("ws://localhost.:8765/", ("localhost:8765", false)),
            ("ws://bücher.example/", ("xn--bcher-kva.example:80", false)),
        ] {
            assert_eq!(place(url).unwrap(), (found.0.to_owned(), found.1));
        }
        for (url, reason) in [
            ("http://localhost:8765/", "ws:// instead of http://"),
            ("https://localhost:8765/", "wss:// instead of https://"),
            ("localhost:8765", "begin with ws://"),
            ("/ws", "begin with ws://"),
            ("ws://", "no host"),
            ("ws:///localhost/", "no host"),
            ("ws://./", "not a valid name"),
            ("ws://a b/", "not a valid name"),
            ("ws://a..b/", "not a valid name"),
            ("ws://localhost../", "not a valid name"),
            ("ws://xn--a/", "not a valid name"),
            ("ws://[::1/", "not a valid name"),
            ("ws://a/\r\nX: 1", "control characters"),
            ("ws://host:x/", "port"),
            ("ws://host:99999/", "port"),
            ("ws://host:0/", "port"),
            ("ws://user:secret@host/", "user name"),
            ("ws://host/#token=x", "# part"),
        ] {
            let error = place(url).unwrap_err().to_string();
            assert!(error.contains(reason), "{url}: {error}");
        }
    }

    #[test]
    fn a_request_has_a_path_punycode_and_one_percent_encoding() {
        for (url, path, host) in [
            ("ws://h?token=x", "/?token=x", "h"),
            ("ws://h:8765?token=x", "/?token=x", "h:8765"),
            ("ws://h", "/", "h"),
            ("wss://h:443/a", "/a", "h"),
            ("wss://h:80/a", "/a", "h:80"),
            ("ws://h/pfad/ü", "/pfad/%C3%BC", "h"),
            ("ws://h/pfad/%C3%BC%2f", "/pfad/%C3%BC%2f", "h"),
            ("ws://h/a b?name=Ada Löw", "/a%20b?name=Ada%20L%C3%B6w", "h"),
            ("ws://h/?x=100%&y=\"<'>", "/?x=100%&y=%22%3C%27%3E", "h"),
            ("ws://BÜCHER.test/", "/", "xn--bcher-kva.test"),
            ("ws://xn--bcher-kva.test/", "/", "xn--bcher-kva.test"),
            ("ws://例え。テスト:81/", "/", "xn--r8jz45g.xn--zckzah:81"),
            ("ws://localhost.:8765/", "/", "localhost:8765"),
            ("ws://[0:0:0:0:0:0:0:1]:8765", "/", "[::1]:8765"),
            ("ws://127.1:8765/", "/", "127.0.0.1:8765"),
        ] {
            let target = Target::parse(url).unwrap();
            let request = target.uri.path_and_query().unwrap().as_str();
            let authority = target.uri.authority().unwrap().as_str();
            assert_eq!((request, authority), (path, host), "{url}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_path_and_query_can_be_sent(rest in "[^#\\p{Cc}]{0,60}") {
            for joint in ["/", "?"] {
                let target = Target::parse(&format!("ws://h{joint}{rest}")).unwrap();
                let line = target.uri.path_and_query().unwrap().as_str();
                let legal = line.bytes().all(|byte| byte.is_ascii_graphic());
                proptest::prop_assert!(line.starts_with('/') && legal, "{line:?}");
            }
        }
    }

    #[test]
    fn an_error_does_not_repeat_the_token_in_an_address() {
        for url in [
            "http://host/?token=secret",
            "ws://host/?token=secret#x",
            "ws://host/#token=secret",
            "ws://user:secret@host/",
            "ws://user:secret?x@host/",
            "ws://user:secret#x@host/",
            "user:secret?x@host/",
            "ws://host:99999/&token=secret",
        ] {
            let error = Target::parse(url).map(|_| ()).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
