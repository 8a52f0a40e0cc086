//! Section 5.2: the three forms of a length.

use zcomm_core::xray::BrokenRule;

use super::masking::traffic;
use crate::check::{
    bytes::{
        BINARY,
        Form::{Bits16, Bits64},
        PING, TEXT,
    },
    case::{
        Case,
        Play::{self, Frames},
        Want::{Echo, Fails, FailsOrReads, Keeps},
    },
};

const SHORTEST: &str = "Note that in all cases, the minimal number of bytes MUST be used to \
    encode the length";
const LENGTH: &str = "if 0-125, that is the payload length. If 126, the following 2 bytes [...] \
    are the payload length. If 127, the following 8 bytes [...] (the most significant bit MUST \
    be 0) are the payload length.";
const READ: &str = "Read 7 bits; after 126 read 2 more bytes, after 127 read 8, the highest byte \
    first. The same when you write.";

const fn length(id: &'static str, does: &'static str, play: Play) -> Case {
    Case::must(id, does, LENGTH, READ, play)
}

fn text(length: usize) -> Vec<u8> {
    let letters = b"abcdefghijklmnopqrstuvwxyz ".iter().copied();
    letters.cycle().take(length).collect()
}

pub(super) const CASES: &[Case] = &[
    length(
        "ws/5.2/10",
        "sends an empty text",
        Frames(|frames| vec![frames.frame(TEXT, b"")], Echo(1, Vec::new)),
    ),
    length(
        "ws/5.2/11",
        "sends a text of 125 bytes, the longest with 7 bits",
        Frames(
            |frames| vec![frames.frame(TEXT, &text(125))],
            Echo(1, || text(125)),
        ),
    ),
    length(
        "ws/5.2/12",
        "sends a text of 126 bytes, the shortest with 16 bits",
        Frames(
            |frames| vec![frames.frame(TEXT, &text(126))],
            Echo(1, || text(126)),
        ),
    ),
    length(
        "ws/5.2/13",
        "sends a binary message of 127 bytes",
        Frames(
            |frames| vec![frames.frame(BINARY, &text(127))],
            Echo(2, || text(127)),
        ),
    ),
    length(
        "ws/5.2/14",
        "sends a text of 65,535 bytes, the longest with 16 bits",
        Frames(
            |frames| vec![frames.frame(TEXT, &text(65_535))],
            Echo(1, || text(65_535)),
        ),
    ),
    length(
        "ws/5.2/15",
        "sends a binary message of 65,536 bytes, the shortest with 64 bits",
        Frames(
            |frames| vec![frames.frame(BINARY, &text(65_536))],
            Echo(2, || text(65_536)),
        ),
    ),
    Case::must(
        "ws/5.2/16",
        "declares a length whose highest bit of 64 is 1",
        "the following 8 bytes interpreted as a 64-bit unsigned integer (the most \
               significant bit MUST be 0) are the payload length.",
        "Read the 8 bytes as an unsigned number, and close with 1002 or 1009 if it is too \
              large. Do not wait for the payload.",
        Frames(
            |frames| vec![frames.header(BINARY, 1 << 63)],
            Fails(&[1002, 1009]),
        ),
    ),
    Case::must(
        "ws/5.2/17",
        "sends a ping of 5 bytes with its length in 16 bits",
        SHORTEST,
        "Read the longer form as well as the shorter, or close with 1002; but never take \
              the length for the payload.",
        Frames(
            |frames| vec![frames.with_form(PING, Bits16, b"Hello")],
            FailsOrReads,
        ),
    ),
    Case::must(
        "ws/5.2/18",
        "sends a text of 5 bytes with its length in 64 bits",
        SHORTEST,
        "Read the longer form as well as the shorter, or close with 1002; but never take \
              the length for the payload.",
        Frames(
            |frames| vec![frames.with_form(TEXT, Bits64, b"Hello")],
            FailsOrReads,
        ),
    ),
    Case::must(
        "ws/5.2/22",
        "looks at the form of the length in each frame of the peer",
        SHORTEST,
        "Up to 125 bytes, write the length in 7 bits; up to 65,535 in 16; only then in 64.",
        Frames(traffic, Keeps(BrokenRule::LONG_FORM)),
    ),
];
