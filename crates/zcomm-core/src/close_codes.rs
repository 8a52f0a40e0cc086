//! The close codes in one table: what each means, who sends it here, and what then.
//!
//! A code is a word of two bytes that both sides must read alike (RFC 6455 section 7.4).
//! Programs show it, pages explain it, monitors count it, and the course lists it: so it is
//! written once, and the X-ray, the figures and `docs/reference/close-codes.md` take it from
//! here. A reason is for people; those that our programs give stand here, too, and a test
//! finds each in the sources.
//!
//! Production adds its own codes from 4000 on to a table like this, and ships the table to
//! its clients.

/// One close code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseCode {
    /// The number in the Close frame.
    pub code: u16,
    /// Its name, as RFC 6455 and the registry behind it have it.
    pub name: &'static str,
    /// Who sends it in this workspace, and when.
    pub sender: &'static str,
    /// The reasons that our programs give with it; `{}` stands for what differs.
    pub reasons: &'static [&'static str],
    /// What a client does then.
    pub client: &'static str,
}

impl CloseCode {
    /// What is known of a code; `None` for one that has no place in the table.
    #[must_use]
    pub fn find(code: u16) -> Option<&'static CloseCode> {
        CLOSE_CODES.iter().find(|known| known.code == code)
    }
}

/// Every code that a program of this workspace sends, shows or counts.
pub const CLOSE_CODES: [CloseCode; 16] = [
    CloseCode {
        code: 1000,
        name: "normal closure",
        sender: "Whoever is done: a server whose handler returns, a page that calls `close()`, `zcomm connect` at the end of its input.",
        reasons: &["", "Goodbye"],
        client: "Nothing: it is over.",
    },
    CloseCode {
        code: 1001,
        name: "going away",
        sender: "A server that stops (Ctrl-C, SIGTERM), to every client; a browser whose page is left.",
        reasons: &["Server shutting down"],
        client: "Come back after a random wait, with the last position: `clients/chat_wire.js` and `Client` do.",
    },
    CloseCode {
        code: 1002,
        name: "protocol error",
        sender: "Either side, when a frame breaks the rules of RFC 6455, such as a frame of a client without a mask.",
        reasons: &[],
        client: "Repair the program that made the frame: trying again ends the same way.",
    },
    CloseCode {
        code: 1003,
        name: "unsupported data",
        sender: "`open_broadcast`, `4_websocket_broadcast` and `chat_app`, to a client that sends bytes: they pass on text.",
        reasons: &["text only"],
        client: "Send text. Not worth another try as it is.",
    },
    CloseCode {
        code: 1005,
        name: "no code: never sent",
        sender: "Nobody: it stands for a Close frame without a code, such as that of `socket.close()` in a page.",
        reasons: &[],
        client: "As after `1000`.",
    },
    CloseCode {
        code: 1006,
        name: "no Close frame: never sent",
        sender: "Nobody: it stands for a connection that ended without a Close frame, and in a page for a handshake that was refused, too.",
        reasons: &[],
        client: "Ask `/why?attempt=…` when the handshake failed; else come back after a random wait.",
    },
    CloseCode {
        code: 1007,
        name: "not the data it claims to be",
        sender: "Either side, when a text is not UTF-8.",
        reasons: &["Text is not UTF-8"],
        client: "Send bytes as a binary message. Not worth another try as it is.",
    },
    CloseCode {
        code: 1008,
        name: "policy violation",
        sender: "A server one of whose rules was broken; the reason says which.",
        reasons: &[
            "Authentication required",
            "Invalid token",
            "Rate limit exceeded",
            "Too slow",
            "Message too slow",
            "Bad name",
            "Too many errors",
        ],
        client: "Read the reason, and change what it names. Only after `Too slow` come back: that is the network's fault.",
    },
    CloseCode {
        code: 1009,
        name: "message too big",
        sender: "A server that got a message over `WEBSOCKET_MAX_MESSAGE_BYTES`.",
        reasons: &["Message larger than {} bytes"],
        client: "Send it in parts, or leave it out; never the same again.",
    },
    CloseCode {
        code: 1010,
        name: "extension missing",
        sender: "No program of ours. A client that needs an extension which the server declined.",
        reasons: &[],
        client: "It sent this itself: it has to do without.",
    },
    CloseCode {
        code: 1011,
        name: "internal error",
        sender: "A server whose handler failed, or whose ping was not answered in time.",
        reasons: &["Internal error", "keepalive ping timeout"],
        client: "Come back after a random wait. The log of the server says what failed.",
    },
    CloseCode {
        code: 1012,
        name: "service restart",
        sender: "No program of ours: a server of others that restarts.",
        reasons: &[],
        client: "Come back after a random wait.",
    },
    CloseCode {
        code: 1013,
        name: "try again later",
        sender: "No program of ours, which refuse the handshake with 503 instead: a server of others that is overloaded.",
        reasons: &[],
        client: "Come back after a longer wait.",
    },
    CloseCode {
        code: 1014,
        name: "bad gateway",
        sender: "No program of ours: a proxy that got no good answer from its server.",
        reasons: &[],
        client: "Come back after a random wait.",
    },
    CloseCode {
        code: 1015,
        name: "TLS failed: never sent",
        sender: "Nobody: it stands for a TLS handshake that failed. Browsers show `1006` instead.",
        reasons: &[],
        client: "Open the `https://` address once, and read what the browser says of the certificate.",
    },
    CloseCode {
        code: 4001,
        name: "the application's own",
        sender: "`chat_app`, to the older of two connections of one session.",
        reasons: &["Replaced by a new connection"],
        client: "Stop: the conversation goes on in another tab. Coming back would take it away from there, for ever in turn.",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_ascend_and_reasons_fit_into_a_close_frame() {
        assert!(CLOSE_CODES.is_sorted_by(|one, next| one.code < next.code));
        let mut reasons = CLOSE_CODES.iter().flat_map(|known| known.reasons);
        assert!(
            reasons.all(|reason| reason.len() <= 123),
            "RFC 6455 section 5.5"
        );
    }
}
