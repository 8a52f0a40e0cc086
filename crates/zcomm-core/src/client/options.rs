//! How to connect: the address, and what goes into the handshake besides.
//!
//! A browser lets a page choose the address and the subprotocols, and nothing else. A
//! program chooses every header; so it can show a token where it belongs, in
//! `Authorization`, and not in an address that ends up in logs. It can also claim any
//! origin: an origin protects the users of browsers, not the server.
//!
//! [`ConnectOptions`] is a plain struct: `ConnectOptions { token: …, ..ConnectOptions::new(url, trust) }`.
//!
//! Production adds proxies, and certificates for clients.

use std::{fmt, net::SocketAddr, time::Duration};

use crate::{tls::trust::Trust, xray::Xray};

/// How to connect. [`ConnectOptions::new`] fills in what is usual.
#[derive(Clone)]
pub struct ConnectOptions {
    /// `ws://host:port/path?query` or `wss://…`; without a port 80 or 443.
    pub url: String,
    /// Where to connect to, the first that answers; empty: what the name service says. The
    /// host in the address stays the one that is asked for, and whose certificate counts.
    pub addresses: Vec<SocketAddr>,
    /// Whom to believe, where the address is `wss://`.
    pub trust: Trust,
    /// Shown as `Authorization: Bearer …`.
    pub token: Option<String>,
    /// The origin to claim, as a browser would for its page.
    pub origin: Option<String>,
    /// Subprotocols to offer, the preferred one first (RFC 6455 section 1.9).
    pub protocols: Vec<String>,
    /// Further headers: name and value.
    pub headers: Vec<(String, String)>,
    /// The largest message that the server may send (bytes): 1 MiB.
    pub max_message_bytes: usize,
    /// For the whole way to an open connection: 10 s.
    pub connect_timeout: Duration,
    /// The longest that a [`Client`](crate::Client) waits before it connects again: 30 s. Each
    /// wait is a random part of a range that begins at 0.5 s and doubles up to this.
    pub longest_wait: Duration,
    /// How often a silent server is asked whether it is still there: 20 s. `None`: never.
    pub ping_interval: Option<Duration>,
    /// How long it may take to answer: 10 s.
    pub ping_timeout: Duration,
    /// Shows every byte that passes, TLS taken off. `None`: off.
    pub xray: Option<Xray>,
}

impl ConnectOptions {
    /// The usual options for this address.
    #[must_use]
    pub fn new(url: impl Into<String>, trust: &Trust) -> ConnectOptions {
        ConnectOptions {
            url: url.into(),
            addresses: Vec::new(),
            trust: trust.clone(),
            token: None,
            origin: None,
            protocols: Vec::new(),
            headers: Vec::new(),
            max_message_bytes: 1024 * 1024,
            connect_timeout: Duration::from_secs(10),
            longest_wait: Duration::from_secs(30),
            ping_interval: Some(Duration::from_secs(20)),
            ping_timeout: Duration::from_secs(10),
            xray: None,
        }
    }

    /// The address without what may be secret in it.
    #[must_use]
    pub fn shown_url(&self) -> &str {
        without_secrets(&self.url)
    }
}

/// A token can be behind `?` or `#` of an address, and a password before `@`.
pub(crate) fn without_secrets(url: &str) -> &str {
    let shown = url.split(['?', '#']).next().unwrap_or_default();
    shown.rsplit_once('@').map_or(shown, |(_, host)| host)
}

impl fmt::Debug for ConnectOptions {
    /// Without the token, the query and the headers, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnectOptions({})", self.shown_url())
    }
}
