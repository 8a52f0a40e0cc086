//! Sections 5.5, 5.5.2 and 5.5.3: control frames, ping and pong.

use zcomm_core::xray::BrokenRule;

use super::masking::traffic;
use crate::check::{
    bytes::{CLOSE, PING, PONG},
    case::{
        Case,
        Play::Frames,
        Want::{Fails, Keeps, Pong, Silence},
    },
};

const SHORT: &str = "All control frames MUST have a payload length of 125 bytes or less and MUST \
    NOT be fragmented.";
const ANSWER: &str = "Upon receipt of a Ping frame, an endpoint MUST send a Pong frame in \
    response, unless it already received a Close frame.";
const IDENTICAL: &str = "A Pong frame sent in response to a Ping frame must have identical \
    \"Application data\" as found in the message body of the Ping frame being replied to.";
const UNSOLICITED: &str = "A Pong frame MAY be sent unsolicited. [...] A response to an \
    unsolicited Pong frame is not expected.";
const TOO_LONG: &str = "Check the length of opcodes from 8 upwards: over 125 bytes, close with \
    1002. Do not read the payload first.";
const IN_PIECES: &str = "Check FIN of opcodes from 8 upwards: if it is 0, close with 1002.";

const FULL: &[u8] = &[b'x'; 125];

pub(super) const CASES: &[Case] = &[
    Case::must(
        "ws/5.5/1",
        "sends a ping of 126 bytes",
        SHORT,
        TOO_LONG,
        Frames(
            |frames| vec![frames.frame(PING, &[b'x'; 126])],
            Fails(&[1002]),
        ),
    ),
    Case::must(
        "ws/5.5/2",
        "sends a pong of 126 bytes",
        SHORT,
        TOO_LONG,
        Frames(
            |frames| vec![frames.frame(PONG, &[b'x'; 126])],
            Fails(&[1002]),
        ),
    ),
    Case::must(
        "ws/5.5/3",
        "sends a Close frame of 126 bytes",
        SHORT,
        TOO_LONG,
        Frames(
            |frames| vec![frames.close(1000, &[b'x'; 124])],
            Fails(&[1002]),
        ),
    ),
    Case::must(
        "ws/5.5/4",
        "sends a ping without FIN",
        SHORT,
        IN_PIECES,
        Frames(
            |frames| vec![frames.frame(PING & 0x0f, b"Hel")],
            Fails(&[1002]),
        ),
    ),
    Case::must(
        "ws/5.5/5",
        "sends a pong without FIN",
        SHORT,
        IN_PIECES,
        Frames(
            |frames| vec![frames.frame(PONG & 0x0f, b"Hel")],
            Fails(&[1002]),
        ),
    ),
    Case::must(
        "ws/5.5/6",
        "sends a Close frame without FIN",
        SHORT,
        IN_PIECES,
        Frames(
            |frames| vec![frames.frame(CLOSE & 0x0f, b"\x03\xe8")],
            Fails(&[1002]),
        ),
    ),
    Case::must(
        "ws/5.5/7",
        "looks at the length of each control frame of the peer",
        SHORT,
        "Send at most 125 bytes in a pong or a Close frame; a reason has at most 123.",
        Frames(traffic, Keeps(BrokenRule::CONTROL_TOO_LONG)),
    ),
    Case::must(
        "ws/5.5.2/1",
        "sends an empty ping",
        ANSWER,
        "Answer opcode 9 with opcode 10, even if the ping is empty.",
        Frames(|frames| vec![frames.frame(PING, b"")], Pong(b"")),
    ),
    Case::must(
        "ws/5.5.2/2",
        "sends a ping with a text",
        ANSWER,
        "Answer opcode 9 with opcode 10 and the same payload.",
        Frames(|frames| vec![frames.frame(PING, b"Hello")], Pong(b"Hello")),
    ),
    Case::must(
        "ws/5.5.2/3",
        "sends ten pings, one behind the other",
        ANSWER,
        "Answer each ping, or at least the last one.",
        Frames(
            |frames| {
                (b'0'..=b'9')
                    .map(|digit| frames.frame(PING, &[digit]))
                    .collect()
            },
            Pong(b"9"),
        ),
    ),
    Case::must(
        "ws/5.5.3/1",
        "sends a ping of 125 bytes, the longest",
        IDENTICAL,
        "Copy the whole payload of the ping into the pong.",
        Frames(|frames| vec![frames.frame(PING, FULL)], Pong(FULL)),
    ),
    Case::must(
        "ws/5.5.3/2",
        "sends a ping with bytes that are not text",
        IDENTICAL,
        "Keep the payload of a ping as bytes: it need not be text.",
        Frames(
            |frames| vec![frames.frame(PING, b"\x00\xff\xfe\xfd\xfc\xfb\x80")],
            Pong(b"\x00\xff\xfe\xfd\xfc\xfb\x80"),
        ),
    ),
    Case::must(
        "ws/5.5.3/3",
        "sends a pong that nobody asked for",
        UNSOLICITED,
        "Ignore a pong for which you sent no ping.",
        Frames(|frames| vec![frames.frame(PONG, b"nobody asked")], Silence),
    ),
    Case::must(
        "ws/5.5.3/4",
        "sends an empty pong that nobody asked for, and then a ping",
        UNSOLICITED,
        "Ignore a pong for which you sent no ping.",
        Frames(
            |frames| vec![frames.frame(PONG, b""), frames.frame(PING, b"now")],
            Pong(b"now"),
        ),
    ),
];
