//! Why a client could not connect.
//!
//! A client can fail at the name service, in the network, in TLS, in HTTP, or at the server's own
//! rules. Most programs report every failure as "connection failed". Here each failure has its
//! own message and its own help.
//!
//! Text from the server is shortened and made printable before it is shown.

use std::{io, time::Duration};

use crate::{
    error::descriptors,
    tls::{certificate::Certificate, distrust::Distrust, error::CertificateError},
};

/// The request and the response of a handshake that did not open a WebSocket.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The request: its request line, and a line for each header. Tokens are not shown.
    pub request: Vec<String>,
    /// The response: its status line, and a line for each header. Empty without a response.
    pub response: Vec<String>,
}

/// Why a client could not connect. `Display` is one line; `help` says what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address is not valid.
    #[error("{url:?} is not a WebSocket address: {reason}")]
    Url {
        /// The address.
        url: String,
        /// What is wrong with the address.
        reason: &'static str,
    },
    /// A header is not valid. The error does not show the header's value, which may be a
    /// secret.
    #[error("the header {name:?} cannot be sent: {reason}")]
    Header {
        /// The name of the header.
        name: String,
        /// What is wrong with the header.
        reason: &'static str,
    },
    /// The name service does not know the host.
    #[error("the name {host} is not found: {source}")]
    NotFound {
        /// The name of the host.
        host: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// No program listens on the port.
    #[error("connection refused: no program listens at {place}")]
    Refused {
        /// Host and port.
        place: String,
    },
    /// The network has no route to the server.
    #[error("cannot reach {place}: {source}")]
    Unreachable {
        /// Host and port.
        place: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The server did not answer in time.
    #[error("{place} did not answer within {} s", .limit.as_secs_f64())]
    Timeout {
        /// Host and port.
        place: String,
        /// The time limit for all steps together.
        limit: Duration,
    },
    /// The address starts with `wss://`, but the server uses plain text on this port.
    #[error("the server does not speak TLS at {place}")]
    NotTls {
        /// Host and port.
        place: String,
    },
    /// The address starts with `ws://`, but the server uses TLS on this port.
    #[error("the server speaks TLS at {place}, and ws:// is plain text")]
    SpeaksTls {
        /// Host and port.
        place: String,
    },
    /// The client does not trust the server's certificate.
    #[error("the certificate of {place} is refused: {why}")]
    Certificate {
        /// Host and port.
        place: String,
        /// The reason.
        why: Distrust,
        /// The certificates that the server sent, its own certificate first.
        chain: Vec<Certificate>,
    },
    /// The client trusts no certificate at all, so it cannot use `wss://`.
    #[error(transparent)]
    Trust(#[from] CertificateError),
    /// TLS failed for another reason.
    #[error("TLS with {place} failed: {reason}")]
    Tls {
        /// Host and port.
        place: String,
        /// The error message of the TLS library.
        reason: String,
    },
    /// The server answered with an HTTP status that is not 101.
    #[error("the server answered HTTP {status} instead of 101{}", colon(.reason))]
    Http {
        /// The HTTP status.
        status: u16,
        /// The first line of the body, or the address of a redirect.
        reason: String,
        /// The lines of the handshake.
        exchange: Box<Exchange>,
    },
    /// The server accepted the WebSocket, but none of the subprotocols that the client offered.
    #[error("{place} accepted none of the offered subprotocols")]
    Subprotocol {
        /// Host and port.
        place: String,
        /// The lines of the handshake.
        exchange: Box<Exchange>,
    },
    /// The answer of the server is not a WebSocket handshake.
    #[error("{place} answered, but not with a WebSocket handshake: {reason}")]
    NotWebSocket {
        /// Host and port.
        place: String,
        /// What is wrong with the answer.
        reason: String,
        /// The lines of the handshake.
        exchange: Box<Exchange>,
    },
}

impl ConnectError {
    /// The lines of the handshake. `None` if this error has no field `exchange`.
    #[must_use]
    pub fn exchange(&self) -> Option<&Exchange> {
        match self {
            ConnectError::Http { exchange, .. }
            | ConnectError::Subprotocol { exchange, .. }
            | ConnectError::NotWebSocket { exchange, .. } => Some(exchange),
            _ => None,
        }
    }

    /// What the user can do next.
    #[must_use]
    pub fn help(&self) -> String {
        let help = match self {
            error if descriptors::are_used_up(error) => descriptors::HELP,
            ConnectError::Url { .. } => "e.g. ws://127.0.0.1:8765/ or wss://example.com/chat",
            ConnectError::Header { name, .. } if name == "Sec-WebSocket-Protocol" => {
                "offer each one by itself: --protocol a --protocol b"
            }
            ConnectError::Header { .. } => "a header is a name and a value without line breaks",
            ConnectError::NotFound { .. } => {
                "check the spelling, and whether this computer is online"
            }
            ConnectError::Refused { .. } => {
                "is the server running? Its first line says its address and port"
            }
            ConnectError::Unreachable { .. } | ConnectError::Timeout { .. } => {
                "check the address; a firewall on the way may drop packets without an answer"
            }
            ConnectError::NotTls { .. } => {
                "use ws:// with this port, or switch TLS on at the server (WEBSOCKET_SSL_ENABLED)"
            }
            ConnectError::SpeaksTls { .. } => "use wss:// with this port",
            ConnectError::Certificate { why, .. } => return why.help(),
            ConnectError::Trust(error) => return error.help(),
            ConnectError::Tls { .. } => {
                "see the log of the server; if it uses plain text on this port, use ws://"
            }
            ConnectError::Http { status, .. } => help_for_status(*status),
            ConnectError::Subprotocol { .. } => {
                "offer a subprotocol that the server supports (--protocol), or no subprotocol, as the \
                 servers of this course do"
            }
            ConnectError::NotWebSocket { .. } => "another program may listen on this port",
        };
        help.to_owned()
    }
}

fn help_for_status(status: u16) -> &'static str {
    match status {
        300..=399 => "the server has moved: use the address that it names",
        401 => "show the server's token: with --token, or as ?token=… in the address",
        403 => "the server does not allow this origin or host: its log names which",
        404 => "the path is wrong: the servers of this course take / and /ws",
        426 => "the server expects another protocol or version",
        429 | 503 => "the server is full or is throttling you: try again later",
        200..=299 => "this is an ordinary web page: the WebSocket has another path",
        _ => "see the log of the server",
    }
}

fn colon(reason: &str) -> String {
    match reason {
        "" => String::new(),
        reason => format!(": {reason}"),
    }
}
