//! Sections 4.2.2 and 4.4: what the server's answer must contain.

use crate::check::{
    case::{
        Answer, Case,
        HeaderRule::{FitsTheKey, Is, Lists, OneOf},
        Level::Must,
        Of::Server,
        Play::Opening,
    },
    request::{EXAMPLE_KEY, Request},
};

const REPLY: &str = "If the server chooses to accept the incoming connection, it MUST reply with a \
    valid HTTP response indicating the following.";
const ACCEPT: &str = "it MUST reply with a valid HTTP response [...] A |Sec-WebSocket-Accept| \
    header field. The value of this header field is constructed by concatenating /key/ [...] with \
    the string \"258EAFA5-E914-47DA-95CA-C5AB0DC85B11\", taking the SHA-1 hash of this concatenated value \
    [...] and base64-encoding [...] this 20-byte hash.";
const SUBPROTOCOL: &str = "The value chosen MUST be derived from the client's handshake, \
    specifically by selecting one of the values from the |Sec-WebSocket-Protocol| field";
const EXTENSIONS: &str = "Extensions not listed by the client MUST NOT be listed.";

/// Does not change the request.
const fn same(_: &mut Request) {}

pub(super) const CASES: &[Case] = &[
    Case {
        id: "ws/4.2.2/1",
        level: Must,
        of: Server,
        does: "sends a right request",
        rule: REPLY,
        fix: "Answer with the line HTTP/1.1 101 Switching Protocols.",
        play: Opening(same, Answer::Opens),
    },
    Case {
        id: "ws/4.2.2/2",
        level: Must,
        of: Server,
        does: "sends a right request, and looks at Upgrade",
        rule: "it MUST reply with a valid HTTP response [...] An |Upgrade| header field with value \
               \"websocket\"",
        fix: "Add the line Upgrade: websocket to the answer.",
        play: Opening(same, Answer::Has("Upgrade", Is("websocket"))),
    },
    Case {
        id: "ws/4.2.2/3",
        level: Must,
        of: Server,
        does: "sends a right request, and looks at Connection",
        rule: "it MUST reply with a valid HTTP response [...] A |Connection| header field with \
               value \"Upgrade\".",
        fix: "Add the line Connection: Upgrade to the answer.",
        play: Opening(same, Answer::Has("Connection", Lists("Upgrade"))),
    },
    Case {
        id: "ws/4.2.2/4",
        level: Must,
        of: Server,
        does: "sends a random key, and computes Sec-WebSocket-Accept",
        rule: ACCEPT,
        fix: "Append the GUID to the key as it was sent, without decoding it; then SHA-1, then \
              base64 of the 20 bytes, not of their hexadecimal digits.",
        play: Opening(same, Answer::Has("Sec-WebSocket-Accept", FitsTheKey)),
    },
    Case {
        id: "ws/4.2.2/5",
        level: Must,
        of: Server,
        does: "sends the key of the example in section 1.3",
        rule: ACCEPT,
        fix: "Compute the value for the key of this request. For this key it is \
              s3pPLMBiTxaQ9kYGzzhZRbK+xOo=.",
        play: Opening(
            |request| request.set("Sec-WebSocket-Key", EXAMPLE_KEY),
            Answer::Has("Sec-WebSocket-Accept", FitsTheKey),
        ),
    },
    Case {
        id: "ws/4.2.2/6",
        level: Must,
        of: Server,
        does: "offers no subprotocol",
        rule: SUBPROTOCOL,
        fix: "Send Sec-WebSocket-Protocol only if the client has offered subprotocols.",
        play: Opening(
            |request| request.remove("Sec-WebSocket-Protocol"),
            Answer::Has("Sec-WebSocket-Protocol", OneOf(&[])),
        ),
    },
    Case {
        id: "ws/4.2.2/7",
        level: Must,
        of: Server,
        does: "offers two subprotocols that no server has",
        rule: SUBPROTOCOL,
        fix: "Choose one word of the client's list, or send no Sec-WebSocket-Protocol. The whole \
              list is not a choice.",
        play: Opening(
            |request| request.set("Sec-WebSocket-Protocol", "x-check-1, x-check-2"),
            Answer::Has("Sec-WebSocket-Protocol", OneOf(&["x-check-1", "x-check-2"])),
        ),
    },
    Case {
        id: "ws/4.2.2/8",
        level: Must,
        of: Server,
        does: "offers no extension",
        rule: EXTENSIONS,
        fix: "Send Sec-WebSocket-Extensions only if the client has offered extensions.",
        play: Opening(
            |request| request.remove("Sec-WebSocket-Extensions"),
            Answer::Has("Sec-WebSocket-Extensions", OneOf(&[])),
        ),
    },
    Case {
        id: "ws/4.2.2/9",
        level: Must,
        of: Server,
        does: "offers an extension that no server has",
        rule: "A (possibly empty) list representing the protocol-level extensions the server is \
               ready to use. [...] the value MUST be derived from the client's handshake",
        fix: "Leave out every extension that your server does not have. Do not send the client's \
              list back.",
        play: Opening(
            |request| request.set("Sec-WebSocket-Extensions", "x-check-extension; level=9"),
            Answer::Has("Sec-WebSocket-Extensions", OneOf(&[])),
        ),
    },
    Case {
        id: "ws/4.4/1",
        level: Must,
        of: Server,
        does: "asks for version 25",
        rule: "If the server doesn't support the requested version, it MUST respond with a \
               |Sec-WebSocket-Version| header field (or multiple |Sec-WebSocket-Version| header \
               fields) containing all versions it is willing to use.",
        fix: "Answer 426 with the line Sec-WebSocket-Version: 13.",
        play: Opening(
            |request| request.set("Sec-WebSocket-Version", "25"),
            Answer::ListsVersion13,
        ),
    },
];
