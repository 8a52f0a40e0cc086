//! The close codes (RFC 6455 section 7.4): name, meaning, and whether a client connects again.
//!
//! This is the only table of close codes. Rust clients read it. The page
//! `docs/reference/close-codes.md` and the web pages' file `clients/close_codes.js` are made
//! from it.

/// One close code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseCode {
    /// The number in the Close frame.
    pub code: u16,
    /// A short name, based on RFC 6455 and the IANA registry.
    pub name: &'static str,
    /// What a web page says about this code.
    pub meaning: &'static str,
    /// Whether a client connects again. True if the same request may succeed later.
    pub retry: bool,
}

impl CloseCode {
    /// Finds a code in [`CLOSE_CODES`]. Returns `None` if the table does not have this code.
    #[must_use]
    pub fn find(code: u16) -> Option<&'static CloseCode> {
        CLOSE_CODES.iter().find(|known| known.code == code)
    }

    /// Whether a client connects again after this code. If the table does not have this code,
    /// returns false for a code of an application (4000 to 4999) and true for other codes.
    #[must_use]
    pub fn may_retry(code: u16) -> bool {
        let known = CloseCode::find(code);
        known.map_or(!(4000..=4999).contains(&code), |known| known.retry)
    }
}

const RETRY: bool = true;
const OVER: bool = false;

/// The codes that the programs of this workspace send, show or count. The table also has the
/// codes with which other servers refuse a client. The codes are in ascending order.
#[rustfmt::skip]
pub const CLOSE_CODES: [CloseCode; 19] = [
    code(1000, OVER, "normal closure", "normal closure"),
    code(1001, RETRY, "going away", "the server is shutting down"),
    code(1002, OVER, "protocol error", "protocol error: a frame broke the rules"),
    code(1003, OVER, "unsupported data", "the server does not accept this kind of data"),
    code(1005, OVER, "no code in the Close frame: never sent", "the Close frame had no code"),
    code(1006, RETRY, "no Close frame: never sent", "no Close frame arrived"),
    code(1007, OVER, "not the data it claims to be", "the text was not valid UTF-8"),
    code(1008, OVER, "policy violation", "refused by the server's policy"),
    code(1009, OVER, "message too big", "the message was too big (WEBSOCKET_MAX_MESSAGE_BYTES on the server)"),
    code(1010, OVER, "extension missing", "an extension that the client needs is missing"),
    code(1011, RETRY, "internal error", "the server had an error"),
    code(1012, RETRY, "service restart", "the server is restarting: try again soon"),
    code(1013, RETRY, "try again later", "the server is overloaded: try again later"),
    code(1014, RETRY, "bad gateway", "a proxy got no good answer from its server"),
    code(1015, OVER, "TLS failed: never sent", "the TLS handshake failed"),
    code(3000, OVER, "unauthorized", "the server requires a login"),
    code(3003, OVER, "forbidden", "this login is not allowed to do that"),
    code(3008, RETRY, "timeout", "the client was too slow"),
    code(4001, OVER, "the application's own", "a code of this application"),
];

const fn code(code: u16, retry: bool, name: &'static str, meaning: &'static str) -> CloseCode {
    CloseCode {
        code,
        name,
        meaning,
        retry,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_ascending_order() {
        assert!(CLOSE_CODES.is_sorted_by(|one, next| one.code < next.code));
    }

    #[test]
    fn a_client_comes_back_only_if_the_same_request_may_succeed_later() {
        for code in [
            1001, 1006, 1011, 1012, 1013, 1014, 1016, 2999, 3001, 3008, 3999,
        ] {
            assert!(CloseCode::may_retry(code), "{code}");
        }
        for code in [
            1000, 1002, 1003, 1005, 1007, 1008, 1009, 1010, 1015, 3000, 3003, 4000, 4001, 4003,
            4400, 4999,
        ] {
            assert!(!CloseCode::may_retry(code), "{code}");
        }
    }
}
