//! What the course says about each close code; code and name come from `zcomm_xray`.

/// A close code, as the programs of this workspace use it.
pub struct Use {
    pub code: u16,
    /// Who sends it, and when.
    pub sender: &'static str,
    /// The reasons that our programs give with it; `{}` stands for the part that differs.
    pub reasons: &'static [&'static str],
    /// What a client does next.
    pub client: &'static str,
}

/// In the order of `zcomm_core::xray::CLOSE_CODES`.
pub const USES: [Use; 19] = [
    Use {
        code: 1000,
        sender: "A side that is done: a server whose handler returns, a page that calls `close()`, `zcomm connect` at the end of its input, `zcomm listen --exec` when a client's process has ended well.",
        reasons: &["", "Goodbye", "The process has ended"],
        client: "Nothing: it is over. The chat then frees the name of the client.",
    },
    Use {
        code: 1001,
        sender: "A server that stops (Ctrl-C, SIGTERM, a closed terminal), to every client, after the last messages; a browser whose page is left.",
        reasons: &["Server shutting down"],
        client: "Come back after a random wait, with the last position: `clients/chat_wire.js` and `Client` do.",
    },
    Use {
        code: 1002,
        sender: "Either side, when a frame breaks the rules of RFC 6455, such as a frame of a client without a mask.",
        reasons: &["Compressed frame: no compression was agreed"],
        client: "Repair the program that made the frame: trying again ends the same way.",
    },
    Use {
        code: 1003,
        sender: "`open_broadcast`, `4_websocket_broadcast` and `chat_app`, to a client that sends bytes: they pass on text.",
        reasons: &["text only"],
        client: "Send text. Not worth another try as it is.",
    },
    Use {
        code: 1005,
        sender: "Nobody: it stands for a Close frame without a code, such as that of `socket.close()` in a page.",
        reasons: &[],
        client: "As after `1000`.",
    },
    Use {
        code: 1006,
        sender: "Nobody: it stands for a connection that ended without a Close frame, and in a page for a handshake that was refused, too.",
        reasons: &[],
        client: "Ask `/why?attempt=…` when the handshake failed; else come back after a random wait.",
    },
    Use {
        code: 1007,
        sender: "Either side, when a text is not UTF-8.",
        reasons: &["Text is not UTF-8"],
        client: "Send bytes as a binary message. Not worth another try as it is.",
    },
    Use {
        code: 1008,
        sender: "A server one of whose rules was broken; the reason says which.",
        reasons: &[
            "Authentication required",
            "Invalid token",
            "Rate limit exceeded",
            "Too slow",
            "Message too slow",
            "Bad name",
            "Bad position",
            "Too many errors",
        ],
        client: "Read the reason, and change what it names. Only after `Too slow` come back: that is the network's fault.",
    },
    Use {
        code: 1009,
        sender: "A server that got a message over `WEBSOCKET_MAX_MESSAGE_BYTES`.",
        reasons: &["Message larger than {} bytes"],
        client: "Send it in parts, or leave it out; never the same again. The chat drops the message and says so.",
    },
    Use {
        code: 1010,
        sender: "No program of ours. A client that needs an extension which the server declined.",
        reasons: &[],
        client: "It sent this itself: it has to do without.",
    },
    Use {
        code: 1011,
        sender: "A server whose handler failed, or whose ping was not answered in time. `zcomm listen --exec` when a client's process failed or does not read.",
        reasons: &[
            "Internal error",
            "keepalive ping timeout",
            "The process does not read",
            "The process has ended: {}",
        ],
        client: "Come back after a random wait. The log of the server says what failed.",
    },
    Use {
        code: 1012,
        sender: "No program of ours: a server of others that restarts.",
        reasons: &[],
        client: "Come back after a random wait.",
    },
    Use {
        code: 1013,
        sender: "`zcomm listen --exec` when too many processes run. The other programs of ours refuse the handshake with 503 instead. A server of others that is overloaded.",
        reasons: &["Too many processes: try again later"],
        client: "Come back after a random wait.",
    },
    Use {
        code: 1014,
        sender: "No program of ours: a proxy that got no good answer from its server. The code is registered, but newer than RFC 6455: our servers log it and answer with 1002.",
        reasons: &[],
        client: "Come back after a random wait.",
    },
    Use {
        code: 1015,
        sender: "Nobody: it stands for a TLS handshake that failed. Browsers show `1006` instead.",
        reasons: &[],
        client: "Open the `https://` address once, and read what the browser says of the certificate.",
    },
    Use {
        code: 3000,
        sender: "No program of ours: a server of others whose client is not logged in.",
        reasons: &[],
        client: "Log in, or get a new token. Not worth another try as it is.",
    },
    Use {
        code: 3003,
        sender: "No program of ours: a server of others whose client may not do that.",
        reasons: &[],
        client: "Not worth another try as it is.",
    },
    Use {
        code: 3008,
        sender: "No program of ours: a server of others that waited too long for its client.",
        reasons: &[],
        client: "Come back after a random wait.",
    },
    Use {
        code: 4001,
        sender: "`chat_app`, to the older of two connections of one session.",
        reasons: &["Replaced by a new connection"],
        client: "Stop: the conversation goes on in another tab. Coming back would take it away from there, for ever in turn.",
    },
];
