//! Sections 4.1 and 5.3: a client's request, and the answers that a client must accept or refuse.

use crate::check::{
    bytes::PING,
    case::{
        Ask, Case,
        HeaderRule::{Is, Lists, SixteenBytes},
        Level::Must,
        Of::Client,
        Play::{self, Answering, Asks, Frames},
        Reply::{Leaves, Opens},
        Want::NewKeys,
    },
};

const NOT_101: &str = "The client MUST validate the server's response as follows: [...] If the status \
    code received from the server is not 101, the client handles the response per HTTP [RFC2616] \
    procedures.";

const fn case(
    id: &'static str,
    does: &'static str,
    rule: &'static str,
    fix: &'static str,
    play: Play,
) -> Case {
    let (level, of) = (Must, Client);
    Case {
        id,
        level,
        of,
        does,
        rule,
        fix,
        play,
    }
}

pub(super) const CASES: &[Case] = &[
    case(
        "ws/4.1/1",
        "looks at the first line of the request",
        "The method of the request MUST be GET, and the HTTP version MUST be at least 1.1.",
        "Write GET, the path with its query, and HTTP/1.1.",
        Asks(Ask::Line),
    ),
    case(
        "ws/4.1/2",
        "looks at Host",
        "The request MUST contain a |Host| header field whose value contains /host/ plus \
         optionally \":\" followed by /port/ (when not using the default port).",
        "Write the host and the port of the address into Host.",
        Asks(Ask::Host),
    ),
    case(
        "ws/4.1/3",
        "looks at Upgrade",
        "The request MUST contain an |Upgrade| header field whose value MUST include the \
         \"websocket\" keyword.",
        "Add the line Upgrade: websocket.",
        Asks(Ask::Header("Upgrade", Is("websocket"))),
    ),
    case(
        "ws/4.1/4",
        "looks at Connection",
        "The request MUST contain a |Connection| header field whose value MUST include the \
         \"Upgrade\" token.",
        "Add the line Connection: Upgrade.",
        Asks(Ask::Header("Connection", Lists("upgrade"))),
    ),
    case(
        "ws/4.1/5",
        "looks at the key",
        "The value of this header field MUST be a nonce consisting of a randomly selected 16-byte \
         value that has been base64-encoded",
        "Send 16 random bytes in base64 as Sec-WebSocket-Key.",
        Asks(Ask::Header("Sec-WebSocket-Key", SixteenBytes)),
    ),
    case(
        "ws/4.1/6",
        "compares the keys of two connections",
        "The nonce MUST be selected randomly for each connection.",
        "Choose a new key for each connection, with the random numbers of the system.",
        Asks(Ask::NewKey),
    ),
    case(
        "ws/4.1/7",
        "looks at the version",
        "The request MUST include a header field with the name |Sec-WebSocket-Version|. The value \
         of this header field MUST be 13.",
        "Add the line Sec-WebSocket-Version: 13.",
        Asks(Ask::Header("Sec-WebSocket-Version", Is("13"))),
    ),
    case(
        "ws/4.1/8",
        "answers with header names in lower case, and upgrade: WebSocket",
        "|Upgrade| header field contains a value that is not an ASCII case-insensitive match for \
         the value \"websocket\", the client MUST _Fail the WebSocket Connection_.",
        "Compare header names, and the values of Upgrade and Connection, without upper and lower \
         case.",
        Answering(
            |answer| {
                answer.set("Upgrade", "WebSocket");
                answer.set("Connection", "upgrade");
            },
            Opens,
        ),
    ),
    case(
        "ws/4.1/9",
        "answers in pieces of 8 bytes",
        "Once the client's opening handshake has been sent, the client MUST wait for a response \
         from the server",
        "TCP may cut an answer anywhere. Read on until the empty line, and only then parse.",
        Answering(|answer| answer.in_pieces = true, Opens),
    ),
    case(
        "ws/4.1/10",
        "answers without Upgrade",
        "If the response lacks an |Upgrade| header field [...] the client MUST _Fail the WebSocket \
         Connection_.",
        "Look for Upgrade: websocket in the answer. Without it, close.",
        Answering(|answer| answer.remove("Upgrade"), Leaves),
    ),
    case(
        "ws/4.1/11",
        "answers with Upgrade: h2c",
        "|Upgrade| header field contains a value that is not an ASCII case-insensitive match for \
         the value \"websocket\", the client MUST _Fail the WebSocket Connection_.",
        "Compare the value of Upgrade with websocket.",
        Answering(|answer| answer.set("Upgrade", "h2c"), Leaves),
    ),
    case(
        "ws/4.1/12",
        "answers without Connection",
        "If the response lacks a |Connection| header field [...] the client MUST _Fail the \
         WebSocket Connection_.",
        "Look for Connection: Upgrade in the answer. Without it, close.",
        Answering(|answer| answer.remove("Connection"), Leaves),
    ),
    case(
        "ws/4.1/13",
        "answers without Sec-WebSocket-Accept",
        "If the response lacks a |Sec-WebSocket-Accept| header field [...] the client MUST _Fail \
         the WebSocket Connection_.",
        "Look for Sec-WebSocket-Accept in the answer. Without it, close.",
        Answering(|answer| answer.remove("Sec-WebSocket-Accept"), Leaves),
    ),
    case(
        "ws/4.1/14",
        "answers with the Sec-WebSocket-Accept of another key",
        "the |Sec-WebSocket-Accept| contains a value other than the base64-encoded SHA-1 of the \
         concatenation of the |Sec-WebSocket-Key| [...] the client MUST _Fail the WebSocket \
         Connection_.",
        "Compute the value from your key, and compare it with the answer.",
        Answering(
            |answer| answer.set("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            Leaves,
        ),
    ),
    case(
        "ws/4.1/15",
        "answers with an extension that nobody offers",
        "this header field indicates the use of an extension that was not present in the client's \
         handshake [...] the client MUST _Fail the WebSocket Connection_.",
        "Compare Sec-WebSocket-Extensions with what you have offered.",
        Answering(
            |answer| answer.add("Sec-WebSocket-Extensions", "x-check-extension"),
            Leaves,
        ),
    ),
    case(
        "ws/4.1/16",
        "answers with a subprotocol that nobody offers",
        "this header field indicates the use of a subprotocol that was not present in the client's \
         handshake [...] the client MUST _Fail the WebSocket Connection_.",
        "Compare Sec-WebSocket-Protocol with what you have offered.",
        Answering(
            |answer| answer.add("Sec-WebSocket-Protocol", "x-check-protocol"),
            Leaves,
        ),
    ),
    case(
        "ws/4.1/17",
        "answers with the status 200 and all right headers",
        NOT_101,
        "Look at the status: only 101 opens a WebSocket.",
        Answering(|answer| answer.status = "200 OK", Leaves),
    ),
    case(
        "ws/4.1/18",
        "answers with the status 404",
        NOT_101,
        "Look at the status: only 101 opens a WebSocket. Report the other to the user.",
        Answering(
            |answer| {
                answer.status = "404 Not Found";
                answer.remove("Upgrade");
                answer.set("Connection", "close");
                answer.add("Content-Length", "0");
            },
            Leaves,
        ),
    ),
    case(
        "ws/5.3/4",
        "sends four pings, and compares the masking keys of the pongs",
        "When preparing a masked frame, the client MUST pick a fresh masking key from the set of \
         allowed 32-bit values.",
        "Choose a new masking key for each frame, with the random numbers of the system.",
        Frames(
            |frames| {
                (b'1'..=b'4')
                    .map(|digit| frames.frame(PING, &[digit]))
                    .collect()
            },
            NewKeys,
        ),
    ),
];
