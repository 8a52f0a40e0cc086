//! Sections 5.5.1, 7.1.7 and 7.4: the closing handshake and its codes.

use zcomm_core::xray::BrokenRule;

use super::masking::traffic;
use crate::check::{
    bytes::{CLOSE, TEXT},
    case::{
        Case,
        Level::{Must, Should},
        Of::{Both, Server},
        Play::Frames,
        Want::{Close, CloseWith, End, Fails, FailsLegally, Keeps},
    },
};

const RESPONSE: &str = "If an endpoint receives a Close frame and did not previously send a Close \
    frame, the endpoint MUST send a Close frame in response.";
const ANSWER: &str = "Answer opcode 8 with a Close frame before you close the TCP connection.";
const BODY: &str = "If there is a body, the first two bytes of the body MUST be a 2-byte unsigned \
    integer (in network byte order) representing a status code";
const RESERVED_FIX: &str = "Check the code of a Close frame before you echo it. A code that must \
    not be sent is a protocol error: answer with 1002.";
const DEFINED: &str = "the first two bytes of the body MUST be a 2-byte unsigned integer (in network \
    byte order) representing a status code with value /code/ defined in Section 7.4.";

pub(super) const CASES: &[Case] = &[
    Case::must(
        "ws/5.5.1/1",
        "closes with code 1000",
        RESPONSE,
        ANSWER,
        Frames(|frames| vec![frames.close(1000, b"")], Close),
    ),
    Case::must(
        "ws/5.5.1/2",
        "closes without a code",
        RESPONSE,
        "A Close frame may be empty. Answer it with an empty one, or with 1000.",
        Frames(|frames| vec![frames.frame(CLOSE, b"")], Close),
    ),
    Case::must(
        "ws/5.5.1/3",
        "closes with a reason of 123 bytes, the longest",
        RESPONSE,
        ANSWER,
        Frames(|frames| vec![frames.close(1000, &[b'r'; 123])], Close),
    ),
    Case::must(
        "ws/5.5.1/4",
        "closes with half a code: a payload of one byte",
        BODY,
        "A Close frame has no payload, or at least two bytes. One byte is a protocol error.",
        Frames(|frames| vec![frames.frame(CLOSE, b"\x03")], Fails(&[1002])),
    ),
    Case::must(
        "ws/5.5.1/5",
        "closes with a reason that is not UTF-8",
        "Following the 2-byte integer, the body MAY contain UTF-8-encoded data [...] When an \
         endpoint is to interpret a byte stream as UTF-8 but finds that the byte stream is not, in \
         fact, a valid UTF-8 stream, that endpoint MUST _Fail the WebSocket Connection_.",
        "Check the reason as you check a text, and close with 1007 or 1002.",
        Frames(
            |frames| vec![frames.close(1000, b"caf\xe9")],
            Fails(&[1007, 1002]),
        ),
    ),
    Case {
        id: "ws/5.5.1/6",
        level: Must,
        of: Server,
        does: "closes, and waits for the end of the TCP connection",
        rule: "After both sending and receiving a Close message, an endpoint considers the \
               WebSocket connection closed and MUST close the underlying TCP connection. The \
               server MUST close the underlying TCP connection immediately",
        fix: "Close the TCP connection when your Close frame is written. Do not wait for the \
              client.",
        play: Frames(|frames| vec![frames.close(1000, b"")], End),
    },
    Case::must(
        "ws/5.5.1/7",
        "looks for data behind the Close frame of the peer",
        "The application MUST NOT send any more data frames after sending a Close frame.",
        "Send nothing but the Close frame once the closing has begun.",
        Frames(traffic, Keeps(BrokenRule::AFTER_CLOSE)),
    ),
    Case::must(
        "ws/5.5.1/8",
        "sends a text and closes in the same write",
        RESPONSE,
        "Read what is behind a message, too: a Close may come in the same segment.",
        Frames(
            |frames| {
                let text = frames.frame(TEXT, frames.text.as_bytes());
                vec![[text, frames.close(1000, b"bye")].concat()]
            },
            Close,
        ),
    ),
    Case {
        id: "ws/7.1.7/1",
        level: Should,
        of: Both,
        does: "breaks a rule, and wants a Close frame that says so",
        rule: "If _The WebSocket Connection is Established_ prior to the point where the endpoint \
               is required to _Fail the WebSocket Connection_, the endpoint SHOULD send a Close \
               frame with an appropriate status code",
        fix: "Send Close 1002 before you end the TCP connection; and read on for a moment, or the \
              system may discard it with a reset.",
        play: Frames(
            |frames| vec![frames.frame(TEXT | 0x70, b"x")],
            CloseWith(&[1002]),
        ),
    },
    Case {
        id: "ws/7.1.7/2",
        level: Should,
        of: Both,
        does: "sends a text that is not UTF-8, and wants a Close frame that says so",
        rule: "the endpoint SHOULD send a Close frame with an appropriate status code",
        fix: "Send Close 1007 before you end the TCP connection.",
        play: Frames(
            |frames| vec![frames.frame(TEXT, b"\xff")],
            CloseWith(&[1007]),
        ),
    },
    Case::must(
        "ws/7.4.1/1",
        "closes with code 1005",
        "1005 is a reserved value and MUST NOT be set as a status code in a Close control frame by \
         an endpoint.",
        RESERVED_FIX,
        Frames(|frames| vec![frames.close(1005, b"")], FailsLegally),
    ),
    Case::must(
        "ws/7.4.1/2",
        "closes with code 1006",
        "1006 is a reserved value and MUST NOT be set as a status code in a Close control frame by \
         an endpoint.",
        RESERVED_FIX,
        Frames(|frames| vec![frames.close(1006, b"")], FailsLegally),
    ),
    Case::must(
        "ws/7.4.1/3",
        "closes with code 1015",
        "1015 is a reserved value and MUST NOT be set as a status code in a Close control frame by \
         an endpoint.",
        RESERVED_FIX,
        Frames(|frames| vec![frames.close(1015, b"")], FailsLegally),
    ),
    Case::must(
        "ws/7.4.1/4",
        "closes without a code, and looks at the code of the answer",
        "1005 is a reserved value and MUST NOT be set as a status code in a Close control frame by \
         an endpoint.",
        "1005 is what a program reports for a Close frame without a code. Never write it into a \
         frame.",
        Frames(
            |frames| vec![frames.frame(CLOSE, b"")],
            Keeps(BrokenRule::CLOSE_CODE),
        ),
    ),
    Case::must(
        "ws/7.4.1/5",
        "closes with code 1011",
        "1011 indicates that a server is terminating the connection [...] the endpoint MUST send a \
         Close frame in response.",
        ANSWER,
        Frames(|frames| vec![frames.close(1011, b"")], Close),
    ),
    Case::must(
        "ws/7.4.2/1",
        "closes with code 0",
        DEFINED,
        RESERVED_FIX,
        Frames(|frames| vec![frames.close(0, b"")], FailsLegally),
    ),
    Case::must(
        "ws/7.4.2/2",
        "closes with code 999",
        DEFINED,
        RESERVED_FIX,
        Frames(|frames| vec![frames.close(999, b"")], FailsLegally),
    ),
    Case::must(
        "ws/7.4.2/3",
        "closes with code 5000",
        DEFINED,
        RESERVED_FIX,
        Frames(|frames| vec![frames.close(5000, b"")], FailsLegally),
    ),
    Case::must(
        "ws/7.4.2/4",
        "closes with code 3000, of a library",
        "Status codes in the range 3000-3999 are reserved for use by libraries, frameworks, and \
         applications. [...] the endpoint MUST send a Close frame in response.",
        "Codes from 3000 to 4999 are legal. Answer them as you answer 1000.",
        Frames(|frames| vec![frames.close(3000, b"library")], Close),
    ),
    Case::must(
        "ws/7.4.2/5",
        "closes with code 4999, of an application",
        "Status codes in the range 4000-4999 are reserved for private use [...] the endpoint MUST \
         send a Close frame in response.",
        "Codes from 3000 to 4999 are legal. Answer them as you answer 1000.",
        Frames(|frames| vec![frames.close(4999, b"application")], Close),
    ),
];
