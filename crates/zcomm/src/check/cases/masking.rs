//! Sections 5.1 and 5.3: a client masks, a server does not.

use zcomm_core::xray::BrokenRule;

use crate::check::{
    bytes::{BINARY, CLOSE, CONTINUES, ENDS, Frames, PING, TEXT, TEXT_BEGINS},
    case::{
        Case,
        Level::Must,
        Of::{Both, Client, Server},
        Play,
        Want::{Echo, Fails, Keeps, Pong},
    },
};

const UNMASKED: &str = "The server MUST close the connection upon receiving a frame that is not \
    masked. In this case, a server MAY send a Close frame with a status code of 1002 (protocol \
    error)";
const MASKED: &str = "A client MUST close a connection if it detects a masked frame. In this \
    case, it MAY use the status code 1002 (protocol error)";
const REMOVE: &str = "To convert masked data into unmasked data, or vice versa, the following \
    algorithm is applied. [...] Octet i of the transformed data [...] is the XOR of octet i of the \
    original data [...] with octet at index i modulo 4 of the masking key";

/// A payload of 37 bytes: nine times the four bytes of a masking key, and one more byte.
const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789-";

/// Frames that make a peer send frames: pongs, messages if it echoes, and a Close frame.
pub(super) fn traffic(frames: &Frames) -> Vec<Vec<u8>> {
    vec![
        frames.frame(PING, b""),
        frames.frame(PING, &[b'p'; 125]),
        frames.frame(TEXT, frames.text.as_bytes()),
        frames.frame(BINARY, &[7; 126]),
        frames.frame(CLOSE, b"\x03\xe8"),
    ]
}

pub(super) const CASES: &[Case] = &[
    Case {
        id: "ws/5.1/1",
        level: Must,
        of: Server,
        does: "sends a text frame without a mask",
        rule: UNMASKED,
        fix: "Look at the highest bit of the second byte. If it is 0, send Close 1002 and close.",
        play: Play::Frames(
            |frames| vec![frames.wrong_mask(TEXT, b"Hello")],
            Fails(&[1002]),
        ),
    },
    Case {
        id: "ws/5.1/2",
        level: Must,
        of: Server,
        does: "sends a ping without a mask",
        rule: UNMASKED,
        fix: "Check the mask of control frames, too.",
        play: Play::Frames(|frames| vec![frames.wrong_mask(PING, b"")], Fails(&[1002])),
    },
    Case {
        id: "ws/5.1/3",
        level: Must,
        of: Server,
        does: "looks at the mask bit of each frame of the server",
        rule: "A server MUST NOT mask any frames that it sends to the client.",
        fix: "Set the highest bit of the second byte to 0, and leave out the masking key.",
        play: Play::Frames(traffic, Keeps(BrokenRule::MASKED)),
    },
    Case {
        id: "ws/5.1/4",
        level: Must,
        of: Client,
        does: "sends a text frame with a mask",
        rule: MASKED,
        fix: "Look at the highest bit of the second byte. If it is 1, send Close 1002 and close.",
        play: Play::Frames(
            |frames| vec![frames.wrong_mask(TEXT, b"Hello")],
            Fails(&[1002]),
        ),
    },
    Case {
        id: "ws/5.1/5",
        level: Must,
        of: Client,
        does: "sends a ping with a mask",
        rule: MASKED,
        fix: "Check the mask of control frames, too.",
        play: Play::Frames(|frames| vec![frames.wrong_mask(PING, b"")], Fails(&[1002])),
    },
    Case {
        id: "ws/5.1/6",
        level: Must,
        of: Client,
        does: "looks at the mask bit of each frame of the client",
        rule: "a client MUST mask all frames that it sends to the server",
        fix: "Set the highest bit of the second byte, add four random bytes, and XOR the payload.",
        play: Play::Frames(traffic, Keeps(BrokenRule::UNMASKED)),
    },
    Case {
        id: "ws/5.3/1",
        level: Must,
        of: Both,
        does: "sends a ping of 37 bytes, to see whether they are unmasked",
        rule: REMOVE,
        fix: "Byte i of the payload belongs to byte i modulo 4 of the key.",
        play: Play::Frames(|frames| vec![frames.frame(PING, ALPHABET)], Pong(ALPHABET)),
    },
    Case {
        id: "ws/5.3/2",
        level: Must,
        of: Server,
        does: "masks a ping with the key 00 00 00 00",
        rule: REMOVE,
        fix: "A key of four zeros is a mask: the mask bit decides, not the key.",
        play: Play::Frames(
            |frames| vec![frames.with_key(PING, b"zero", Some([0; 4]))],
            Pong(b"zero"),
        ),
    },
    Case {
        id: "ws/5.3/3",
        level: Must,
        of: Both,
        does: "sends a text in three frames of 5, 1 and 3 bytes, each with a key of its own",
        rule: REMOVE,
        fix: "Begin again with byte 0 of the new key in each frame.",
        play: Play::Frames(
            |frames| {
                vec![
                    frames.frame(TEXT_BEGINS, b"abcde"),
                    frames.frame(CONTINUES, b"f"),
                    frames.frame(ENDS, b"ghi"),
                ]
            },
            Echo(1, || b"abcdefghi".to_vec()),
        ),
    },
];
