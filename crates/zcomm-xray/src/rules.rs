//! The rules of RFC 6455 that a decoder checks, each with its section.
//!
//! Most libraries end the connection at the first broken rule, and report little more than
//! "protocol error". But a learner who writes a client needs the rule and its section in the
//! RFC.

use serde::{Deserialize, Serialize};
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use crate::splitter::FrameHeader;

/// The longest payload of a control frame (RFC 6455 section 5.5).
pub(crate) const MAX_CONTROL: usize = 125;

/// The direction of bytes. JSON has the name of the sender instead: `client` or `server`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// From the client to the server.
    #[serde(rename = "client")]
    ClientToServer,
    /// From the server to the client.
    #[serde(rename = "server")]
    ServerToClient,
}

/// A rule of RFC 6455 that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BrokenRule {
    /// The rule or the mistake, in one sentence.
    pub what: &'static str,
    /// The section of RFC 6455, such as `5.2`.
    pub section: &'static str,
}

/// Makes a constant for each rule from three values: a name, a section and a sentence.
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
    KEY "4.1" "Sec-WebSocket-Key must be 16 bytes in base64"
    ACCEPT "4.1" "Sec-WebSocket-Accept must be computed from the key"
    EXTENSION "4.1" "the server chose an extension that was not offered"
    UNMASKED "5.1" "a client must mask every frame"
    MASKED "5.1" "a server must not mask"
    RESERVED_BITS "5.2" "a reserved bit is set, but no agreed extension uses it"
    RESERVED_OPCODE "5.2" "this opcode is not defined"
    LONG_FORM "5.2" "the length must be in its shortest form"
    TOP_BIT "5.2" "the highest bit of a 64-bit length must be 0"
    NOTHING_BEGUN "5.4" "a continuation frame, but no message has begun"
    UNFINISHED "5.4" "a new message begins before the last one has ended"
    CONTROL_IN_PIECES "5.5" "a control frame must not be fragmented"
    CONTROL_TOO_LONG "5.5" "a control frame has at most 125 bytes of payload"
    HALF_A_CODE "5.5.1" "a Close has no payload, or begins with a 2-byte code"
    AFTER_CLOSE "5.5.1" "no data may follow a Close frame"
    CLOSE_CODE "7.4" "this close code must not be sent"
    NOT_TEXT "8.1" "the text is not UTF-8"
    REASON_NOT_TEXT "8.1" "the reason is not UTF-8"
}

/// Returns the rules that one header breaks.
pub(crate) fn broken_by(header: &FrameHeader, from: Direction, extended: bool) -> Vec<BrokenRule> {
    let (length, control) = (header.length(), header.is_control());
    let reserved = matches!(
        header.opcode(),
        OpCode::Data(Data::Reserved(_)) | OpCode::Control(Control::Reserved(_))
    );
    let client = from == Direction::ClientToServer;
    let shorter = match header.length_bits() {
        16 => length < 126,
        64 => length < 1 << 16,
        _ => false,
    };
    let rules = [
        (
            header.rsv() != [false; 3] && !extended,
            BrokenRule::RESERVED_BITS,
        ),
        (reserved, BrokenRule::RESERVED_OPCODE),
        (client && header.mask().is_none(), BrokenRule::UNMASKED),
        (!client && header.mask().is_some(), BrokenRule::MASKED),
        (control && !header.fin(), BrokenRule::CONTROL_IN_PIECES),
        (
            control && length > MAX_CONTROL as u64,
            BrokenRule::CONTROL_TOO_LONG,
        ),
        (shorter, BrokenRule::LONG_FORM),
        (!header.has_valid_length(), BrokenRule::TOP_BIT),
    ];
    let broken = rules.into_iter().filter(|(broken, _)| *broken);
    broken.map(|(_, rule)| rule).collect()
}
