//! How to connect: the address, the headers of the handshake, and the limits.
//!
//! A browser lets a page choose only the address and the subprotocols. A program chooses every
//! header.
//!
//! A program can send a token in the header `Authorization`. There, a token is safer than in the
//! address, because servers log addresses.
//!
//! A program can also send any origin. So a check of the origin protects users of browsers, but
//! does not protect the server from programs.
//!
//! [`ConnectOptions`] is a plain struct. To change a default, write
//! `ConnectOptions { token: …, ..ConnectOptions::new(url, trust) }`.

use std::{fmt, net::SocketAddr, time::Duration};

use crate::{text::secrets::without_secrets, tls::trust::Trust, xray::Xray};

/// How to connect. [`ConnectOptions::new`] sets the defaults.
#[derive(Clone)]
pub struct ConnectOptions {
    /// `ws://host:port/path?query` (default port 80) or `wss://…` (default port 443).
    pub url: String,
    /// The addresses to try, in order. If the list is empty (the default), the client asks the
    /// name service. The `Host` header and the certificate check always use the host in `url`.
    pub addresses: Vec<SocketAddr>,
    /// The certificates to trust, for `wss://`.
    pub trust: Trust,
    /// A token to send as `Authorization: Bearer …`. Default: none.
    pub token: Option<String>,
    /// The value of the `Origin` header. A browser sends the origin of its page. Default: none.
    pub origin: Option<String>,
    /// Subprotocols to offer, the preferred one first (RFC 6455 section 1.9). Each one must be
    /// one word, and must be different from the others. Default: none.
    pub protocols: Vec<String>,
    /// More headers: name and value. A header that may appear only once, such as `Host` or
    /// `Origin`, replaces the header that the client would send. Default: none.
    pub headers: Vec<(String, String)>,
    /// The largest message to receive, in bytes. Default: 1 MiB. A larger message ends the
    /// connection with 1009.
    pub max_message_bytes: usize,
    /// Time limit for one attempt to connect, with all its steps. Default: 10 s.
    pub connect_timeout: Duration,
    /// The maximum delay before a [`Client`](crate::Client) connects again. Default: 30 s. Each
    /// delay is random: the first is at most 0.5 s. The limit of 0.5 s doubles after each
    /// failure, up to the maximum delay.
    pub longest_wait: Duration,
    /// The client sends a ping after the server has sent nothing for this time. Default: 20 s.
    /// `None` means no pings.
    pub ping_interval: Option<Duration>,
    /// Time limit for the answer to a ping. Default: 10 s.
    pub ping_timeout: Duration,
    /// An X-ray that shows every byte of the connection, after TLS is removed. Default: none.
    pub xray: Option<Xray>,
}

impl ConnectOptions {
    /// The default options for this address.
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

    /// The address without the parts that may contain a secret: user name, query and `#` part.
    #[must_use]
    pub fn shown_url(&self) -> &str {
        without_secrets(&self.url)
    }
}

impl fmt::Debug for ConnectOptions {
    /// Shows only the address without its query, because the query, the token and the headers
    /// may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnectOptions({})", self.shown_url())
    }
}
