//! Sections 5.6 and 8.1: text is UTF-8, binary is any bytes.

use crate::check::{
    bytes::{BINARY, TEXT, TEXT_BEGINS},
    case::{
        Case,
        Play::{self, Frames},
        Want::{Echo, Fails, Reply},
    },
};

const UTF_8: &str = "When an endpoint is to interpret a byte stream as UTF-8 but finds that the \
    byte stream is not, in fact, a valid UTF-8 stream, that endpoint MUST _Fail the WebSocket \
    Connection_.";
const WHOLE: &str = "Note that a particular text frame might include a partial UTF-8 sequence; \
    however, the whole message MUST contain valid UTF-8.";
const KINDS: &str = "The opcode (frame-opcode) of the first frame containing the data MUST be set \
    to the appropriate value from Section 5.2 for data that is to be interpreted by the \
    recipient as text or binary data.";
const CHECK: &str = "Check the bytes of a text message with a strict UTF-8 decoder, and close with \
    1007. Do not replace wrong bytes.";

const fn wrong(id: &'static str, does: &'static str, play: Play) -> Case {
    Case::must(id, does, UTF_8, CHECK, play)
}

fn all_bytes() -> Vec<u8> {
    (0..=255).collect()
}

const CHARACTERS: &str = "a\u{0}é世🌍\u{10ffff}\u{fffe}";

pub(super) const CASES: &[Case] = &[
    Case::must(
        "ws/5.6/1",
        "sends a text",
        KINDS,
        "Unmask the payload, and answer a text with a text: opcode 1, without a mask.",
        Frames(
            |frames| vec![frames.frame(TEXT, frames.text.as_bytes())],
            Reply,
        ),
    ),
    Case::must(
        "ws/5.6/2",
        "sends a binary message with all 256 bytes",
        KINDS,
        "Keep binary data as bytes, and answer it with opcode 2.",
        Frames(
            |frames| vec![frames.frame(BINARY, &all_bytes())],
            Echo(2, all_bytes),
        ),
    ),
    Case::must(
        "ws/5.6/3",
        "sends characters of one to four bytes, and a NUL",
        "The \"Payload data\" is text data encoded as UTF-8. [...] the whole message MUST contain \
         valid UTF-8.",
        "Accept every character of Unicode, and U+0000, too; count bytes, not characters.",
        Frames(
            |frames| vec![frames.frame(TEXT, CHARACTERS.as_bytes())],
            Echo(1, || CHARACTERS.as_bytes().to_vec()),
        ),
    ),
    Case::must(
        "ws/5.6/4",
        "cuts a character between two frames",
        WHOLE,
        "Check the whole message, or keep the state of the decoder between frames.",
        Frames(
            |frames| frames.fragments(TEXT_BEGINS, &[b"\xf0\x9f", b"\x8c\x8d"]),
            Echo(1, || "🌍".as_bytes().to_vec()),
        ),
    ),
    wrong(
        "ws/8.1/1",
        "sends a text with the byte FF",
        Frames(|frames| vec![frames.frame(TEXT, b"a\xffb")], Fails(&[1007])),
    ),
    wrong(
        "ws/8.1/2",
        "sends a text with an overlong slash: C0 AF",
        Frames(
            |frames| vec![frames.frame(TEXT, b"\xc0\xaf")],
            Fails(&[1007]),
        ),
    ),
    wrong(
        "ws/8.1/3",
        "sends a text with half of a surrogate pair: ED A0 80",
        Frames(
            |frames| vec![frames.frame(TEXT, b"\xed\xa0\x80")],
            Fails(&[1007]),
        ),
    ),
    wrong(
        "ws/8.1/4",
        "sends a text with a character above U+10FFFF",
        Frames(
            |frames| vec![frames.frame(TEXT, b"\xf4\x90\x80\x80")],
            Fails(&[1007]),
        ),
    ),
    wrong(
        "ws/8.1/5",
        "sends a text that ends in the middle of a character",
        Frames(
            |frames| vec![frames.frame(TEXT, b"caf\xc3")],
            Fails(&[1007]),
        ),
    ),
    wrong(
        "ws/8.1/6",
        "sends a wrong character that begins in one frame and ends in the next",
        Frames(
            |frames| frames.fragments(TEXT_BEGINS, &[b"caf\xc3", b"e"]),
            Fails(&[1007]),
        ),
    ),
];
