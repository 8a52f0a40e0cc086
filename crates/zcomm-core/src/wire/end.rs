//! How a connection ends, and the close code for each mistake of a peer (RFC 6455 section
//! 7.4.1).

use std::{io, time::Duration};

use tokio_tungstenite::tungstenite::{Error as WireError, error::ProtocolError};

use crate::protocol::close_reason::CloseReason;

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum End {
    /// The other side closed the connection with this code and reason.
    #[error("the other side closed with {0}{note}", note = forbidden(.0))]
    ByPeer(CloseReason),
    /// This side closed the connection with this code and reason.
    #[error("this side closed with {0}")]
    ByUs(CloseReason),
    /// The connection ended without a Close frame. The text says why.
    #[error("the connection broke without a Close frame: {0}")]
    Broken(String),
}

impl End {
    /// Returns what a client can do next. `None` if there is no help for this end.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        match self {
            End::ByPeer(why) => why.help(),
            End::ByUs(_) | End::Broken(_) => None,
        }
    }

    /// Whether the other side said goodbye: it closed with 1000 or without a code. 1001 is not
    /// a goodbye, because a browser also sends 1001 when the user loads the page again.
    #[must_use]
    pub fn is_goodbye(&self) -> bool {
        const NO_CODE: u16 = 1005;
        let End::ByPeer(why) = self else { return false };
        matches!(why.code(), CloseReason::NORMAL | NO_CODE) && !why.is_forbidden()
    }

    /// Returns the close code for the metrics. Without a Close frame, this is 1006 (RFC 6455
    /// section 7.1.5). For a forbidden code, this is 1002, because this side answers with 1002.
    pub(crate) fn code(&self) -> u16 {
        match self {
            End::ByPeer(why) if why.is_forbidden() => CloseReason::PROTOCOL,
            End::ByPeer(why) | End::ByUs(why) => why.code(),
            End::Broken(_) => 1006,
        }
    }

    /// The end of a connection whose client did not answer a ping in time: close code 1011.
    pub(crate) fn ping_timeout() -> End {
        let reason = "keepalive ping timeout";
        End::ByUs(CloseReason::new(CloseReason::SERVER_ERROR, reason))
    }

    /// The end of a connection whose client has exceeded a rate limit: close code 1008.
    pub(crate) fn too_fast(_: Duration) -> End {
        End::policy(CloseReason::TOO_FAST)
    }

    /// The end of a connection whose client broke a rule of this server: close code 1008.
    pub(crate) fn policy(reason: &str) -> End {
        End::ByUs(CloseReason::new(CloseReason::POLICY, reason))
    }
}

/// After a reset, a read fails with `ConnectionReset`, and a write may fail with `BrokenPipe`.
fn is_reset(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}

fn forbidden(why: &CloseReason) -> &'static str {
    match why.is_forbidden() {
        true => ", a code that no Close frame may have",
        false => "",
    }
}

impl From<WireError> for End {
    fn from(error: WireError) -> End {
        // RFC 6455 section 7.4.1: each kind of mistake has its own close code.
        let (code, reason) = match &error {
            WireError::Io(error) if is_reset(error) => {
                return End::Broken("the other side reset the TCP connection".to_owned());
            }
            WireError::Io(error) => return End::Broken(error.to_string()),
            WireError::ConnectionClosed
            | WireError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
                return End::Broken("the other side ended the TCP connection".to_owned());
            }
            WireError::Protocol(_) => (CloseReason::PROTOCOL, error.to_string()),
            WireError::Utf8(_) => (CloseReason::INVALID_TEXT, "Text is not UTF-8".to_owned()),
            _ => (CloseReason::SERVER_ERROR, error.to_string()),
        };
        End::ByUs(CloseReason::new(code, reason))
    }
}
