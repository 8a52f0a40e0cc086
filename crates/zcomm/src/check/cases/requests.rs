//! Sections 4.2.1, 10.7 and 11.3.1: requests that a server must accept or refuse.

use crate::check::{
    case::{Answer, Case, Level::Must, Level::Should, Of::Server, Play::Opening},
    request::EXAMPLE_KEY,
};

const REFUSE: &str = "If the server, while reading the handshake, finds that the client did not \
    send a handshake that matches the description below [...], the server MUST stop processing \
    the client's handshake and return an HTTP response with an appropriate error code";
const WORD: &str = "A |Connection| header field that includes the token \"Upgrade\", treated as an \
    ASCII case-insensitive value.";
const PARSE: &str = "The server must parse at least part of this handshake in order to obtain the \
    necessary information to generate the server part of the handshake.";

pub(super) const CASES: &[Case] = &[
    Case {
        id: "ws/4.2.1/1",
        level: Must,
        of: Server,
        does: "asks with POST instead of GET",
        rule: REFUSE,
        fix: "Open a WebSocket only for the method GET; answer 405 to other methods.",
        play: Opening(|request| request.method = "POST", Answer::Refuses),
    },
    Case {
        id: "ws/4.2.1/2",
        level: Must,
        of: Server,
        does: "asks with HTTP/1.0",
        rule: REFUSE,
        fix: "Read the version in the request line; answer 400 or 505 below HTTP/1.1.",
        play: Opening(|request| request.version = "HTTP/1.0", Answer::Refuses),
    },
    Case {
        id: "ws/4.2.1/3",
        level: Must,
        of: Server,
        does: "leaves out Host",
        rule: REFUSE,
        fix: "Look for the header Host; answer 400 without it.",
        play: Opening(|request| request.remove("Host"), Answer::Refuses),
    },
    Case {
        id: "ws/4.2.1/4",
        level: Must,
        of: Server,
        does: "leaves out Upgrade",
        rule: REFUSE,
        fix: "Look for the header Upgrade; without it the request asks for a page, not for a \
              WebSocket.",
        play: Opening(|request| request.remove("Upgrade"), Answer::Refuses),
    },
    Case {
        id: "ws/4.2.1/5",
        level: Must,
        of: Server,
        does: "asks for another protocol: Upgrade: h2c",
        rule: REFUSE,
        fix: "Compare the value of Upgrade with websocket.",
        play: Opening(|request| request.set("Upgrade", "h2c"), Answer::Refuses),
    },
    Case {
        id: "ws/4.2.1/6",
        level: Must,
        of: Server,
        does: "leaves out Connection",
        rule: REFUSE,
        fix: "Look for the header Connection; answer 400 without it.",
        play: Opening(|request| request.remove("Connection"), Answer::Refuses),
    },
    Case {
        id: "ws/4.2.1/7",
        level: Must,
        of: Server,
        does: "sends Connection: keep-alive, without Upgrade",
        rule: REFUSE,
        fix: "Split the value of Connection at its commas and look for the word upgrade.",
        play: Opening(
            |request| request.set("Connection", "keep-alive"),
            Answer::Refuses,
        ),
    },
    Case {
        id: "ws/4.2.1/8",
        level: Must,
        of: Server,
        does: "leaves out Sec-WebSocket-Key",
        rule: REFUSE,
        fix: "Look for the header Sec-WebSocket-Key; answer 400 without it.",
        play: Opening(
            |request| request.remove("Sec-WebSocket-Key"),
            Answer::Refuses,
        ),
    },
    Case {
        id: "ws/4.2.1/9",
        level: Must,
        of: Server,
        does: "sends a key of 15 bytes",
        rule: REFUSE,
        fix: "Decode the key from base64 and count: it has 16 bytes.",
        play: Opening(
            |request| request.set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j"),
            Answer::Refuses,
        ),
    },
    Case {
        id: "ws/4.2.1/10",
        level: Must,
        of: Server,
        does: "sends a key that is not base64",
        rule: REFUSE,
        fix: "Decode the key from base64; answer 400 if that fails.",
        play: Opening(
            |request| request.set("Sec-WebSocket-Key", "not/base64*at*all!!!!=="),
            Answer::Refuses,
        ),
    },
    Case {
        id: "ws/4.2.1/11",
        level: Must,
        of: Server,
        does: "leaves out Sec-WebSocket-Version",
        rule: REFUSE,
        fix: "Look for the header Sec-WebSocket-Version; answer 426 without it.",
        play: Opening(
            |request| request.remove("Sec-WebSocket-Version"),
            Answer::Refuses,
        ),
    },
    Case {
        id: "ws/4.2.1/12",
        level: Must,
        of: Server,
        does: "asks for version 12, which was never used",
        rule: REFUSE,
        fix: "Compare Sec-WebSocket-Version with 13; answer 426 to all others.",
        play: Opening(
            |request| request.set("Sec-WebSocket-Version", "12"),
            Answer::Refuses,
        ),
    },
    Case {
        id: "ws/4.2.1/13",
        level: Must,
        of: Server,
        does: "sends a header line without a colon",
        rule: REFUSE,
        fix: "Refuse a header line without a colon; or let an HTTP library read the request.",
        play: Opening(|request| request.add("NoColon", ""), Answer::Refuses),
    },
    Case {
        id: "ws/4.2.1/14",
        level: Must,
        of: Server,
        does: "writes the names of the headers in lower case, and Upgrade: WebSocket",
        rule: "An |Upgrade| header field containing the value \"websocket\", treated as an ASCII \
               case-insensitive value.",
        fix: "Compare header names, and the values of Upgrade and Connection, without upper and \
              lower case.",
        play: Opening(
            |request| {
                request.lower_case();
                request.set("Upgrade", "WebSocket");
                request.set("Connection", "upgrade");
            },
            Answer::Opens,
        ),
    },
    Case {
        id: "ws/4.2.1/15",
        level: Must,
        of: Server,
        does: "sends Connection: keep-alive, Upgrade, as Firefox does",
        rule: WORD,
        fix: "Split the value of Connection at its commas and look for the word upgrade.",
        play: Opening(
            |request| request.set("Connection", "keep-alive, Upgrade"),
            Answer::Opens,
        ),
    },
    Case {
        id: "ws/4.2.1/16",
        level: Must,
        of: Server,
        does: "adds a cookie and an unknown header",
        rule: "Unknown header fields are ignored, as per [RFC2616].",
        fix: "Ignore headers that you do not know.",
        play: Opening(
            |request| {
                request.add("Cookie", "theme=dark; size=2");
                request.add("X-Unknown", "1");
            },
            Answer::Opens,
        ),
    },
    Case {
        id: "ws/4.2.1/17",
        level: Must,
        of: Server,
        does: "sends the request in pieces of 8 bytes",
        rule: PARSE,
        fix: "TCP may cut a request anywhere. Read on until the empty line, and only then parse.",
        play: Opening(|request| request.in_pieces = true, Answer::Opens),
    },
    Case {
        id: "ws/4.2.1/18",
        level: Must,
        of: Server,
        does: "puts spaces before and behind the value of the version",
        rule: "A |Sec-WebSocket-Version| header field, with a value of 13.",
        fix: "Remove spaces and tabs around the value of a header (RFC 9112 section 5.1).",
        play: Opening(
            |request| request.set("Sec-WebSocket-Version", "  13  "),
            Answer::Opens,
        ),
    },
    Case {
        id: "ws/10.7/1",
        level: Should,
        of: Server,
        does: "leaves out the key and asks for version 12, and wants an answer in HTTP",
        rule: "If the invalid data is sent during the WebSocket handshake, the server SHOULD \
               return an appropriate HTTP [RFC2616] status code.",
        fix: "Answer with a status such as 400 before you close; a page in a browser then has a \
              line in its console.",
        play: Opening(
            |request| {
                request.remove("Sec-WebSocket-Key");
                request.set("Sec-WebSocket-Version", "12");
            },
            Answer::RefusesInHttp,
        ),
    },
    Case {
        id: "ws/11.3.1/1",
        level: Must,
        of: Server,
        does: "sends two keys",
        rule: "The |Sec-WebSocket-Key| header field MUST NOT appear more than once in an HTTP \
               request.",
        fix: "Count the headers Sec-WebSocket-Key; answer 400 unless there is exactly one.",
        play: Opening(
            |request| request.add("Sec-WebSocket-Key", EXAMPLE_KEY),
            Answer::Refuses,
        ),
    },
];
