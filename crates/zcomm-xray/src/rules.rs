//! The rules of the protocol that can be seen broken on the wire, each with its section of
//! RFC 6455.
//!
//! A codec ends the connection at the first broken rule and says little more than "protocol
//! error". Whoever writes a client wants to know which rule, and where it stands. So each
//! has a sentence here, and the number under which to read on.
//!
//! Production keeps such a list in its tests, one case for each line.

use serde::{Deserialize, Serialize};
use tokio_tungstenite::tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Control, Data, OpCode},
};

/// The longest payload of a control frame (RFC 6455 section 5.5).
pub(crate) const MAX_CONTROL: usize = 125;

/// Who sent something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// The client, to the server.
    #[serde(rename = "client")]
    ClientToServer,
    /// The server, to the client.
    #[serde(rename = "server")]
    ServerToClient,
}

/// A rule of RFC 6455 that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BrokenRule {
    /// What was wrong, in words.
    pub what: &'static str,
    /// The section of RFC 6455 that says so, e.g. `5.2`.
    pub section: &'static str,
}

/// The list: name, section, words.
macro_rules! rules {
    ($($name:ident $section:literal $what:literal)*) => {
        impl BrokenRule {
            $(
                #[doc = $what]
                pub const $name: BrokenRule = BrokenRule { what: $what, section: $section };
            )*
        }
    };
}

rules! {
    KEY "4.1" "the key must be 16 bytes, written as base64"
    ACCEPT "4.1" "the accept value must be the sum of the key"
    EXTENSION "4.1" "a server must not use an extension that nobody offered"
    UNMASKED "5.1" "a client must mask every frame"
    MASKED "5.1" "a server must not mask"
    RESERVED_BITS "5.2" "a reserved bit is set, but no agreed extension uses it"
    RESERVED_OPCODE "5.2" "nobody has defined this opcode"
    LONG_FORM "5.2" "the length must be in its shortest form"
    TOP_BIT "5.2" "the highest bit of a 64-bit length must be 0"
    NOTHING_BEGUN "5.4" "a continuation, but no message has begun"
    UNFINISHED "5.4" "a new message, but the one before is not finished"
    CONTROL_IN_PIECES "5.5" "a control frame must not be fragmented"
    CONTROL_TOO_LONG "5.5" "a control frame has at most 125 bytes of payload"
    HALF_A_CODE "5.5.1" "a Close has no payload, or first a code of two bytes"
    AFTER_CLOSE "5.5.1" "after a Close frame no data may be sent"
    CLOSE_CODE "7.4" "this close code must not be sent"
    NOT_TEXT "8.1" "the text is not UTF-8"
    REASON_NOT_TEXT "8.1" "the reason is not UTF-8"
}

/// The rules that a header breaks by itself. `form`: with how many bits it writes the length.
pub(crate) fn broken_by(
    header: &FrameHeader,
    length: u64,
    form: u8,
    from: Direction,
    extended: bool,
) -> Vec<BrokenRule> {
    let reserved = matches!(
        header.opcode,
        OpCode::Data(Data::Reserved(_)) | OpCode::Control(Control::Reserved(_))
    );
    let control = matches!(header.opcode, OpCode::Control(_));
    let client = from == Direction::ClientToServer;
    let bits = header.rsv1 || header.rsv2 || header.rsv3;
    let shorter = (form == 16 && length < 126) || (form == 64 && length < 1 << 16);
    let rules = [
        (bits && !extended, BrokenRule::RESERVED_BITS),
        (reserved, BrokenRule::RESERVED_OPCODE),
        (client && header.mask.is_none(), BrokenRule::UNMASKED),
        (!client && header.mask.is_some(), BrokenRule::MASKED),
        (control && !header.is_final, BrokenRule::CONTROL_IN_PIECES),
        (
            control && length > MAX_CONTROL as u64,
            BrokenRule::CONTROL_TOO_LONG,
        ),
        (shorter, BrokenRule::LONG_FORM),
        (length >> 63 == 1, BrokenRule::TOP_BIT),
    ];
    let broken = rules.into_iter().filter(|(broken, _)| *broken);
    broken.map(|(_, rule)| rule).collect()
}
