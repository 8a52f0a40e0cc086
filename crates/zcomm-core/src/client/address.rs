//! Parses the address of a WebSocket (RFC 6455 section 3).
//!
//! An address is `ws://host:port/path?query`. A `#` part is an error, because a browser would
//! not send this part. A user name is an error, because the server would not read the name. The
//! error for a wrong address (`http://`, port 99999) says what to change. The parser never
//! guesses, because a guess could connect to another server.

use std::{future::Future, time::Duration};

use tokio::time::timeout;
use tokio_tungstenite::tungstenite::http::Uri;

use crate::{
    error::connect::ConnectError,
    text::{secrets::without_secrets, shown::printable},
};

/// The parts of an address.
pub(crate) struct Target {
    pub(crate) uri: Uri,
    pub(crate) tls: bool,
    /// The host. An IPv6 address has no brackets here.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Host and port, to show in messages.
    pub(crate) place: String,
}

impl Target {
    /// Parses an address. The error does not repeat the query, because a query may contain a
    /// token.
    pub(crate) fn parse(url: &str) -> Result<Target, ConnectError> {
        let wrong = |reason| ConnectError::Url {
            url: printable(without_secrets(url)),
            reason,
        };
        if url.contains('#') {
            return Err(wrong(
                "it must not have a # part (a token goes into ?token=)",
            ));
        }
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        let scheme = scheme.to_ascii_lowercase();
        let tls = match scheme.as_str() {
            "wss" => true,
            "ws" => false,
            "http" => return Err(wrong("use ws:// instead of http://")),
            "https" => return Err(wrong("use wss:// instead of https://")),
            _ => return Err(wrong("it must begin with ws:// or wss://")),
        };
        let uri: Uri = format!("{scheme}://{rest}")
            .parse()
            .map_err(|_| wrong("it is not a valid URL"))?;
        let authority = uri.authority().ok_or(wrong("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("it must not contain a user name"));
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") if tls => 443,
            Some("") => 80,
            _ => authority.port_u16().unwrap_or(0),
        };
        let place = format!("{}:{port}", authority.host());
        match host.is_empty() || port == 0 {
            true => Err(wrong("it needs a host, and a port from 1 to 65535")),
            false => Ok(Target {
                uri,
                tls,
                host,
                port,
                place,
            }),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_or_says_what_is_wrong_with_it() {
        let place = |url| Target::parse(url).map(|target| (target.place, target.tls));
        for (url, found) in [
            ("ws://localhost", ("localhost:80", false)),
            ("WSS://Example.com/chat?x=1", ("Example.com:443", true)),
            ("wss://[::1]:8766/", ("[::1]:8766", true)),
        ] {
            assert_eq!(place(url).unwrap(), (found.0.to_owned(), found.1));
        }
        for (url, reason) in [
            ("http://localhost:8765/", "ws:// instead of http://"),
            ("https://localhost:8765/", "wss:// instead of https://"),
            ("localhost:8765", "begin with ws://"),
            ("/ws", "begin with ws://"),
            ("ws://", "not a valid URL"),
            ("ws://a b/", "not a valid URL"),
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
