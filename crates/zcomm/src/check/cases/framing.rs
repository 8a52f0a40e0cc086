//! Section 5.2: reserved bits and opcodes; frames that TCP cuts or joins.

use zcomm_core::xray::BrokenRule;

use super::masking::traffic;
use crate::check::{
    bytes::{ENDS, PING, PONG, TEXT, TEXT_BEGINS},
    case::{
        Case,
        Play::{self, Frames},
        Want::{Fails, Keeps, Pong},
    },
};

const BITS: &str = "If a nonzero value is received and none of the negotiated extensions defines \
    the meaning of such a nonzero value, the receiving endpoint MUST _Fail the WebSocket \
    Connection_.";
const OPCODE: &str = "If an unknown opcode is received, the receiving endpoint MUST _Fail the \
    WebSocket Connection_.";
const BITS_FIX: &str = "Check bits 0x70 of the first byte. Unless an extension was agreed, close \
    with 1002.";
const OPCODE_FIX: &str = "Know the opcodes 0, 1, 2, 8, 9 and 10; close with 1002 on all others.";

const fn bits(id: &'static str, does: &'static str, play: Play) -> Case {
    Case::must(id, does, BITS, BITS_FIX, play)
}

const fn opcode(id: &'static str, does: &'static str, play: Play) -> Case {
    Case::must(id, does, OPCODE, OPCODE_FIX, play)
}

pub(super) const CASES: &[Case] = &[
    bits(
        "ws/5.2/1",
        "sends a text frame with the reserved bit RSV1",
        Frames(
            |frames| vec![frames.frame(TEXT | 0x40, b"Hello")],
            Fails(&[1002]),
        ),
    ),
    bits(
        "ws/5.2/2",
        "sends a text frame with the reserved bit RSV2",
        Frames(
            |frames| vec![frames.frame(TEXT | 0x20, b"Hello")],
            Fails(&[1002]),
        ),
    ),
    bits(
        "ws/5.2/3",
        "sends a text frame with the reserved bit RSV3",
        Frames(
            |frames| vec![frames.frame(TEXT | 0x10, b"Hello")],
            Fails(&[1002]),
        ),
    ),
    bits(
        "ws/5.2/4",
        "sends a ping with all three reserved bits",
        Frames(
            |frames| vec![frames.frame(PING | 0x70, b"Hello")],
            Fails(&[1002]),
        ),
    ),
    bits(
        "ws/5.2/5",
        "sends a last fragment with the reserved bit RSV1",
        Frames(
            |frames| {
                vec![
                    frames.frame(TEXT_BEGINS, b"Hel"),
                    frames.frame(ENDS | 0x40, b"lo"),
                ]
            },
            Fails(&[1002]),
        ),
    ),
    opcode(
        "ws/5.2/6",
        "sends the opcode 3, reserved for data",
        Frames(|frames| vec![frames.frame(0x83, b"Hello")], Fails(&[1002])),
    ),
    opcode(
        "ws/5.2/7",
        "sends the opcode 7, reserved for data",
        Frames(|frames| vec![frames.frame(0x87, b"")], Fails(&[1002])),
    ),
    opcode(
        "ws/5.2/8",
        "sends the opcode 11, reserved for control frames",
        Frames(|frames| vec![frames.frame(0x8b, b"Hello")], Fails(&[1002])),
    ),
    opcode(
        "ws/5.2/9",
        "sends the opcode 15, reserved for control frames",
        Frames(|frames| vec![frames.frame(0x8f, b"")], Fails(&[1002])),
    ),
    Case::must(
        "ws/5.2/19",
        "sends a ping byte by byte",
        "Incoming data MUST be parsed as WebSocket frames as defined in Section 5.2.",
        "TCP may cut a frame anywhere, in its header, too. Keep what has come, and go on \
              when more comes.",
        Frames(
            |frames| {
                frames
                    .frame(PING, b"slowly")
                    .chunks(1)
                    .map(<[u8]>::to_vec)
                    .collect()
            },
            Pong(b"slowly"),
        ),
    ),
    Case::must(
        "ws/5.2/20",
        "sends two pongs and two pings in one write",
        "Incoming data MUST be parsed as WebSocket frames as defined in Section 5.2.",
        "One read may bring several frames. Parse until no complete frame is left.",
        Frames(
            |frames| {
                let pongs = [frames.frame(PONG, b"a"), frames.frame(PONG, b"b")];
                let pings = [frames.frame(PING, b"first"), frames.frame(PING, b"second")];
                vec![[pongs.concat(), pings.concat()].concat()]
            },
            Pong(b"second"),
        ),
    ),
    Case::must(
        "ws/5.2/21",
        "looks at the reserved bits of each frame of the peer",
        "MUST be 0 unless an extension is negotiated that defines meanings for non-zero values.",
        "Look at the code that writes the first byte of a frame.",
        Frames(traffic, Keeps(BrokenRule::RESERVED_BITS)),
    ),
];
