//! Section 5.4: messages in several frames.

use crate::check::{
    bytes::{
        BINARY, BINARY_BEGINS, CLOSE, CONTINUES, ENDS, Frames as Maker, PING, TEXT, TEXT_BEGINS,
    },
    case::{
        Case,
        Play::Frames,
        Want::{Close, Echo, Fails, Pong, Reply},
    },
};

const SUPPORT: &str = "Clients and servers MUST support receiving both fragmented and \
    unfragmented messages.";
const CONTROL: &str = "An endpoint MUST be capable of handling control frames in the middle of a \
    fragmented message.";
const ORDER: &str = "A fragmented message consists of a single frame with the FIN bit clear and an \
    opcode other than 0, followed by zero or more frames with the FIN bit clear and the opcode \
    set to 0, and terminated by a single frame with the FIN bit set and an opcode of 0.";
const INTERLEAVE: &str = "The fragments of one message MUST NOT be interleaved between the \
    fragments of another message unless an extension has been negotiated that can interpret the \
    interleaving.";
const JOIN: &str = "Append the payload of each continuation frame, and pass the message on when \
    FIN is 1.";
const BEGUN: &str = "Remember whether a message has begun. A continuation without a beginning is \
    a protocol error: close with 1002.";
const INSIDE: &str = "Remember whether a message has begun. A text or binary frame inside it is a \
    protocol error: close with 1002.";

/// The two halves of the text that the peer answers.
fn halves(frames: &Maker) -> [Vec<u8>; 2] {
    let text = frames.text.as_bytes();
    let (first, last) = text.split_at(text.len() / 2);
    [first.to_vec(), last.to_vec()]
}

pub(super) const CASES: &[Case] = &[
    Case::must(
        "ws/5.4/1",
        "sends a text in two frames",
        SUPPORT,
        JOIN,
        Frames(
            |frames| {
                let [first, last] = halves(frames);
                frames.fragments(TEXT_BEGINS, &[&first, &last])
            },
            Reply,
        ),
    ),
    Case::must(
        "ws/5.4/2",
        "sends a text in frames of one byte",
        SUPPORT,
        JOIN,
        Frames(
            |frames| {
                let parts: Vec<_> = frames.text.as_bytes().chunks(1).collect();
                frames.fragments(TEXT_BEGINS, &parts)
            },
            Reply,
        ),
    ),
    Case::must(
        "ws/5.4/3",
        "sends a text between an empty first and an empty last frame",
        "A sender MAY create fragments of any size for non-control messages. [...] Clients and \
         servers MUST support receiving both fragmented and unfragmented messages.",
        "An empty frame is a frame: its payload adds nothing, and its FIN counts.",
        Frames(
            |frames| frames.fragments(TEXT_BEGINS, &[b"", frames.text.as_bytes(), b""]),
            Reply,
        ),
    ),
    Case::must(
        "ws/5.4/4",
        "sends a ping in the middle of a message",
        CONTROL,
        "Answer a ping at once, before the rest of the message comes.",
        Frames(
            |frames| {
                let [first, _] = halves(frames);
                vec![
                    frames.frame(TEXT_BEGINS, &first),
                    frames.frame(PING, b"between"),
                ]
            },
            Pong(b"between"),
        ),
    ),
    Case::must(
        "ws/5.4/5",
        "goes on with the message after a ping",
        CONTROL,
        "A control frame does not end the message around it: keep its parts apart.",
        Frames(
            |frames| {
                let [first, last] = halves(frames);
                vec![
                    frames.frame(TEXT_BEGINS, &first),
                    frames.frame(PING, b"between"),
                    frames.frame(ENDS, &last),
                ]
            },
            Reply,
        ),
    ),
    Case::must(
        "ws/5.4/6",
        "sends Close in the middle of a message",
        CONTROL,
        "Answer a Close at once; the rest of the message will not come.",
        Frames(
            |frames| {
                let [first, _] = halves(frames);
                vec![
                    frames.frame(TEXT_BEGINS, &first),
                    frames.frame(CLOSE, b"\x03\xe8"),
                ]
            },
            Close,
        ),
    ),
    Case::must(
        "ws/5.4/7",
        "sends a last fragment without a beginning",
        ORDER,
        BEGUN,
        Frames(|frames| vec![frames.frame(ENDS, b"Hello")], Fails(&[1002])),
    ),
    Case::must(
        "ws/5.4/8",
        "sends a middle fragment without a beginning",
        ORDER,
        BEGUN,
        Frames(
            |frames| vec![frames.frame(CONTINUES, b"Hello")],
            Fails(&[1002]),
        ),
    ),
    Case::must(
        "ws/5.4/9",
        "sends one more fragment behind a complete message",
        ORDER,
        "Forget the message when FIN is 1. A continuation after it is a protocol error.",
        Frames(
            |frames| {
                let [first, last] = halves(frames);
                let mut pieces = frames.fragments(TEXT_BEGINS, &[&first, &last]);
                pieces.push(frames.frame(ENDS, b"more"));
                pieces
            },
            Fails(&[1002]),
        ),
    ),
    Case::must(
        "ws/5.4/10",
        "sends a whole text inside a message",
        INTERLEAVE,
        INSIDE,
        Frames(
            |frames| vec![frames.frame(TEXT_BEGINS, b"Hel"), frames.frame(TEXT, b"lo")],
            Fails(&[1002]),
        ),
    ),
    Case::must(
        "ws/5.4/11",
        "sends a whole binary message inside a text",
        INTERLEAVE,
        INSIDE,
        Frames(
            |frames| {
                vec![
                    frames.frame(TEXT_BEGINS, b"Hel"),
                    frames.frame(BINARY, b"lo"),
                ]
            },
            Fails(&[1002]),
        ),
    ),
    Case::must(
        "ws/5.4/12",
        "begins a second message inside the first",
        INTERLEAVE,
        INSIDE,
        Frames(
            |frames| {
                vec![
                    frames.frame(TEXT_BEGINS, b"Hel"),
                    frames.frame(TEXT_BEGINS, b"lo"),
                ]
            },
            Fails(&[1002]),
        ),
    ),
    Case::must(
        "ws/5.4/13",
        "sends a binary message in three frames",
        "all fragments of a message are of the same type, as set by the first fragment's opcode. \
         [...] the type for all fragments in a message MUST be either text, binary, or one of \
         the reserved opcodes.",
        "Keep the opcode of the first frame for the whole message.",
        Frames(
            |frames| frames.fragments(BINARY_BEGINS, &[b"\x00\x01", b"\xfe", b"\xff"]),
            Echo(2, || b"\x00\x01\xfe\xff".to_vec()),
        ),
    ),
];
