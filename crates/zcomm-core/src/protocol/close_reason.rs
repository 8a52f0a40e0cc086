//! The content of a Close frame (RFC 6455 section 5.5.1): a code for programs and a reason for
//! people.
//!
//! The codec (tungstenite) does not check a code or a reason that it sends. For a strict
//! client, a reason that is too long or a forbidden code (1005, 1006) is an error. So
//! [`CloseReason::new`] corrects the code and the reason.
//!
//! An application may define its own codes, from 4000 to 4999.

use std::fmt;

use crate::text::shown::printable;

/// Why a connection is closed: a code (RFC 6455 section 7.4), and a reason that people can
/// read. The reason has at most 123 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseReason {
    code: u16,
    reason: String,
    /// Whether this is the content of a received Close frame with a forbidden code.
    forbidden: bool,
}

impl fmt::Display for CloseReason {
    /// Writes the code, and the reason if there is one. A reason from the other side is
    /// untrusted, so it is made printable.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason() {
            "" => write!(f, "{}", self.code()),
            reason => write!(f, "{} ({})", self.code(), printable(reason)),
        }
    }
}

impl CloseReason {
    /// 1000: the connection is finished without an error.
    pub const NORMAL: u16 = 1000;
    /// 1001: the server is shutting down, or the user left the page.
    pub const GOING_AWAY: u16 = 1001;
    /// 1002: a frame broke a rule of the protocol.
    pub const PROTOCOL: u16 = 1002;
    /// 1003: the kind of data (text or binary) is not accepted.
    pub const UNSUPPORTED: u16 = 1003;
    /// 1007: the text was not UTF-8.
    pub const INVALID_TEXT: u16 = 1007;
    /// 1008: the client broke a rule of this server. The reason names the rule.
    pub const POLICY: u16 = 1008;
    /// 1009: the message was larger than the limit.
    pub const TOO_BIG: u16 = 1009;
    /// 1011: the server failed.
    pub const SERVER_ERROR: u16 = 1011;

    /// A reason for 1008: the client sent no token. Clients recognise this text and show help.
    pub(crate) const NO_TOKEN: &str = "Authentication required";
    /// A reason for 1008: the client sent a wrong token.
    pub(crate) const WRONG_TOKEN: &str = "Invalid token";
    /// A reason for 1008: the client sent too many messages, bytes or pings in a second.
    pub(crate) const TOO_FAST: &str = "Rate limit exceeded";
    /// A reason for 1008: the client read its data too slowly. The network may be the cause.
    pub(crate) const TOO_SLOW: &str = "Too slow";

    /// Returns what a user can do next. `None` if there is no help for this code and reason.
    pub(crate) fn help(&self) -> Option<&'static str> {
        if self.forbidden {
            return Some(
                "a mistake of the server: RFC 6455 section 7.4 has the codes that it may send",
            );
        }
        Some(match (self.code(), self.reason()) {
            (CloseReason::POLICY, CloseReason::NO_TOKEN | CloseReason::WRONG_TOKEN) => {
                "pass the server's token with --token: the server printed it, or it is WEBSOCKET_TOKEN on the server"
            }
            (CloseReason::POLICY, CloseReason::TOO_FAST) => {
                "send less at a time, or start the server with WEBSOCKET_RATE_LIMIT=off"
            }
            (CloseReason::POLICY, CloseReason::TOO_SLOW) => {
                "this program or the network accepted the server's data too slowly"
            }
            (CloseReason::TOO_BIG, _) => {
                "send less at a time, or raise WEBSOCKET_MAX_MESSAGE_BYTES on the server"
            }
            _ => return None,
        })
    }

    /// Makes a close reason to send. The text is cut to 123 bytes. A code that must not be sent
    /// (RFC 6455 section 7.4: below 1000, 1004 to 1006, 1015, above 4999) becomes 1011.
    #[must_use]
    pub fn new(code: u16, reason: impl Into<String>) -> CloseReason {
        let code = match code {
            1000..=1003 | 1007..=1014 | 1016..=4999 => code,
            _ => CloseReason::SERVER_ERROR,
        };
        let mut reason = reason.into();
        // A Close frame has at most 125 bytes: 2 for the code, so 123 for the reason (RFC 6455
        // section 5.5).
        let mut end = reason.len().min(123);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        reason.truncate(end);
        CloseReason {
            code,
            reason,
            forbidden: false,
        }
    }

    /// The content of a received Close frame, unchanged.
    pub(crate) fn received(code: u16, reason: &str) -> CloseReason {
        CloseReason {
            code,
            reason: reason.to_owned(),
            forbidden: !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999),
        }
    }

    /// Makes the close reason of a received Close frame that has no code. A missing code
    /// counts as 1005 (RFC 6455 section 7.1.5).
    pub(crate) fn without_code() -> CloseReason {
        CloseReason {
            forbidden: false,
            ..CloseReason::received(1005, "")
        }
    }

    /// Whether a received Close frame had a code that is forbidden in Close frames, e.g. 1005 or
    /// 1006 (RFC 6455 section 7.4).
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        self.forbidden
    }

    /// Returns the code of our answer to a received Close frame. `None` if the answer repeats
    /// the received code. The codec answers 1002 to a forbidden code, and to 1014, which is
    /// newer than RFC 6455.
    pub(crate) fn other_answer(&self) -> Option<u16> {
        (self.forbidden || self.code == 1014).then_some(CloseReason::PROTOCOL)
    }

    /// The close code.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The reason, for people.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f31_a_close_reason_is_cut_at_a_character_boundary() {
        let cut = CloseReason::new(1008, "ä".repeat(100)).reason().to_owned();
        assert_eq!((cut.len(), cut.chars().count()), (122, 61));
        assert_eq!(CloseReason::new(1008, "x".repeat(123)).reason().len(), 123);
    }

    #[test]
    fn a_code_that_must_not_be_sent_becomes_1011() {
        for code in [0, 999, 1004, 1005, 1006, 1015, 5000] {
            assert_eq!(CloseReason::new(code, "").code(), 1011, "{code}");
        }
        for code in [1000, 1001, 1008, 3000, 4999] {
            assert_eq!(CloseReason::new(code, "").code(), code);
        }
    }
}
