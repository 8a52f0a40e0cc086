//! Why a connection is closed, as it stands in a Close frame (RFC 6455 section 5.5.1).
//!
//! A code for programs and a reason for people. The protocol is strict about both, and the
//! codec checks neither on the way out: a reason that is too long or a code that is only a
//! stand-in (1005, 1006) would break a strict client. So they are made right here, once.
//!
//! Production gives its own codes, 4000 to 4999, a list that the clients know too.

use std::fmt;

use crate::text::shown::printable;

/// Why a connection is closed: a code of RFC 6455 section 7.4 and a reason of at most 123
/// bytes, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseReason {
    code: u16,
    reason: String,
}

impl fmt::Display for CloseReason {
    /// The code, and the reason where there is one: a stranger's text, so made printable.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason() {
            "" => write!(f, "{}", self.code()),
            reason => write!(f, "{} ({})", self.code(), printable(reason)),
        }
    }
}

impl CloseReason {
    /// 1000: done.
    pub const NORMAL: u16 = 1000;
    /// 1001: the server is shutting down, or the page was left.
    pub const GOING_AWAY: u16 = 1001;
    /// 1002: a frame broke the rules of the protocol.
    pub const PROTOCOL: u16 = 1002;
    /// 1003: this endpoint cannot use that kind of data.
    pub const UNSUPPORTED: u16 = 1003;
    /// 1007: the text was not UTF-8.
    pub const INVALID_TEXT: u16 = 1007;
    /// 1008: a rule of this server was broken; the reason says which.
    pub const POLICY: u16 = 1008;
    /// 1009: the message was larger than the server takes.
    pub const TOO_BIG: u16 = 1009;
    /// 1011: the server failed.
    pub const SERVER_ERROR: u16 = 1011;

    /// The reasons that our clients act upon. To 1008: no token …
    pub(crate) const NO_TOKEN: &str = "Authentication required";
    /// … or a wrong one, …
    pub(crate) const WRONG_TOKEN: &str = "Invalid token";
    /// … too many messages, bytes or pings in a second, …
    pub(crate) const TOO_FAST: &str = "Rate limit exceeded";
    /// … and a client that takes too little, which may be the network's fault.
    pub(crate) const TOO_SLOW: &str = "Too slow";

    /// What a client can do about it, where the reason is one of those that the servers of
    /// this course give.
    pub(crate) fn help(&self) -> Option<&'static str> {
        Some(match (self.code(), self.reason()) {
            (CloseReason::POLICY, CloseReason::NO_TOKEN | CloseReason::WRONG_TOKEN) => {
                "show the server's token with --token: it stands in the link that the server prints"
            }
            (CloseReason::POLICY, CloseReason::TOO_FAST) => {
                "send less at a time, or start the server with WEBSOCKET_RATE_LIMIT=off"
            }
            (CloseReason::POLICY, CloseReason::TOO_SLOW) => {
                "this program, or the network, did not take what the server sent"
            }
            (CloseReason::TOO_BIG, _) => {
                "send less at a time, or raise WEBSOCKET_MAX_MESSAGE_BYTES there"
            }
            _ => return None,
        })
    }

    /// A code and a reason to close with. A reason over 123 bytes is cut; a code that must
    /// not be sent (section 7.4: below 1000, 1004 to 1006, 1015, above 4999) becomes 1011.
    #[must_use]
    pub fn new(code: u16, reason: impl Into<String>) -> CloseReason {
        let code = match code {
            1004..=1006 | 1015 => CloseReason::SERVER_ERROR,
            1000..=4999 => code,
            _ => CloseReason::SERVER_ERROR,
        };
        let mut reason = reason.into();
        // A close frame holds 125 bytes, two of them the code (RFC 6455 section 5.5).
        let mut end = reason.len().min(123);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        reason.truncate(end);
        CloseReason { code, reason }
    }

    /// What a client closed with; 1005 stands for "no code" (section 7.1.5).
    pub(crate) fn received(code: u16, reason: &str) -> CloseReason {
        let reason = reason.to_owned();
        CloseReason { code, reason }
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
