//! Why a client did not get a WebSocket, in words.
//!
//! Between a program and an open WebSocket stand five others: the name service, the
//! network, TLS, HTTP and the server's own rules. Each fails in its own way, and a
//! beginner sees of all of them "connection failed". So each has its sentence here, and
//! its next step.
//!
//! Text that came from the server is cut and made printable before it is shown.
//!
//! Production counts these by kind: a rising line of `Timeout` is another problem than one
//! of `Http`.

use std::{io, time::Duration};

use crate::tls::{certificate::Certificate, distrust::Distrust};

/// Why there is no connection. `Display` is one line; `help` says what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address is not one.
    #[error("{url:?} is no address of a WebSocket: {reason}")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A header cannot be sent like that. Its value is not repeated: it may be secret.
    #[error(
        "the header {name:?} cannot be sent: its name or value has characters that a header must not have"
    )]
    Header {
        /// The name.
        name: String,
    },
    /// The name service does not know the host.
    #[error("the name {host} is not found: {source}")]
    NotFound {
        /// The name.
        host: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// Nobody listens there.
    #[error("nobody listens at {place}")]
    Refused {
        /// Host and port.
        place: String,
    },
    /// The network does not lead there.
    #[error("cannot reach {place}: {source}")]
    Unreachable {
        /// Host and port.
        place: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// It took too long.
    #[error("{place} did not answer within {} s", .limit.as_secs())]
    Timeout {
        /// Host and port.
        place: String,
        /// The time limit for the whole way.
        limit: Duration,
    },
    /// `wss://` to a port that speaks plain text.
    #[error("the server does not speak TLS at {place}")]
    NotTls {
        /// Host and port.
        place: String,
    },
    /// `ws://` to a port that speaks TLS.
    #[error("the server speaks TLS at {place}, and ws:// is plain text")]
    SpeaksTls {
        /// Host and port.
        place: String,
    },
    /// The server's certificate is not to be believed.
    #[error("the certificate of {place} is refused: {why}")]
    Certificate {
        /// Host and port.
        place: String,
        /// The one reason that counts.
        why: Distrust,
        /// What the server showed, its own certificate first.
        chain: Vec<Certificate>,
    },
    /// Any other failure of TLS.
    #[error("TLS with {place} failed: {reason}")]
    Tls {
        /// Host and port.
        place: String,
        /// What TLS said.
        reason: String,
    },
    /// An answer of HTTP, but not 101.
    #[error("the server answered HTTP {status} instead of 101{}", colon(.reason))]
    Http {
        /// The status.
        status: u16,
        /// The first line of its body, or where it sends us.
        reason: String,
    },
    /// A WebSocket, but with none of the subprotocols that were offered.
    #[error("{place} took none of the subprotocols that were offered")]
    Subprotocol {
        /// Host and port.
        place: String,
    },
    /// An answer that is no handshake at all.
    #[error("{place} answered, but not with a WebSocket handshake: {reason}")]
    NotWebSocket {
        /// Host and port.
        place: String,
        /// What is wrong with the answer.
        reason: String,
    },
}

impl ConnectError {
    /// Whether trying again by itself is of no use: the server has refused, or somebody has
    /// to change something first.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            ConnectError::NotFound { .. }
            | ConnectError::Refused { .. }
            | ConnectError::Unreachable { .. }
            | ConnectError::Timeout { .. }
            | ConnectError::Tls { .. } => false,
            // Too many, or too busy: that passes. All other refusals stay.
            ConnectError::Http { status, .. } => !matches!(status, 408 | 429 | 500..=599),
            ConnectError::Url { .. }
            | ConnectError::Header { .. }
            | ConnectError::NotTls { .. }
            | ConnectError::SpeaksTls { .. }
            | ConnectError::Certificate { .. }
            | ConnectError::Subprotocol { .. }
            | ConnectError::NotWebSocket { .. } => true,
        }
    }

    /// What the reader can do next.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            ConnectError::Url { .. } => "e.g. ws://127.0.0.1:8765/ or wss://example.com/chat".into(),
            ConnectError::Header { .. } => "a name and a value, without line ends".into(),
            ConnectError::NotFound { .. } => {
                "check the spelling, and whether this computer is online".into()
            }
            ConnectError::Refused { .. } => {
                "is the server running? Its first line says its address and port".into()
            }
            ConnectError::Unreachable { .. } | ConnectError::Timeout { .. } => {
                "check the address; a firewall on the way drops what it does not like without a word"
                    .into()
            }
            ConnectError::NotTls { .. } => {
                "use ws:// with this port, or switch TLS on there (WEBSOCKET_SSL_ENABLED)".into()
            }
            ConnectError::SpeaksTls { .. } => "use wss:// with this port".into(),
            ConnectError::Certificate { why, .. } => why.help(),
            ConnectError::Tls { .. } => {
                "the log of the server says more; if it speaks plain text there, use ws://".into()
            }
            ConnectError::Http { status, .. } => match status {
                300..=399 => "the server is elsewhere: use the address it names",
                401 => "show the server's token: with --token, or as ?token=… in the address",
                403 => "its lists of origins and hosts decide: the server's log names what was refused",
                404 => "the path is wrong: the servers of this course take / and /ws",
                426 => "this place wants another protocol or version",
                429 | 503 => "it is full or has had enough of us: try again later",
                200..=299 => "an ordinary web page is there: the path of the WebSocket is another",
                _ => "the log of the server says more",
            }
            .into(),
            ConnectError::Subprotocol { .. } => {
                "offer one that the server knows (--protocol), or none: the lessons take none".into()
            }
            ConnectError::NotWebSocket { .. } => "another program may listen there".into(),
        }
    }
}

fn colon(reason: &str) -> String {
    match reason {
        "" => String::new(),
        reason => format!(": {reason}"),
    }
}
