//! Where frames begin and end in the bytes of one direction.
//!
//! Faults are made to frames, and a network knows none: it cuts where it likes. So bytes are
//! cut again, here, at the ends of headers and frames, and passed on in pieces that know what
//! they belong to. The header is read by the codec's own parser; payloads are followed and
//! not kept, so a frame of a gigabyte takes no memory.
//!
//! Before the frames there is HTTP. Whether frames follow, the server says with its 101: for
//! the other direction that is told through `upgraded`. A page that is loaded has none, and
//! passes as it is.
//!
//! Production leaves frames to the two ends, and disturbs packets.

use std::{
    fmt,
    io::Cursor,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use tokio_tungstenite::tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Control, Data, OpCode},
};
use zcomm_core::xray::Direction;

use crate::shared::text::counted;

/// The longest header: two bytes, eight of length, four of key.
const MAX_HEADER: usize = 14;
/// A status line is shorter; of the first line no more is looked at.
const MAX_STATUS: usize = 64;

/// A frame that begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) opcode: OpCode,
    pub(super) last: bool,
    /// Of its payload.
    pub(super) length: u64,
    /// Of its header.
    pub(super) header: usize,
}

impl Frame {
    /// Whether it carries a message, or a part of one.
    pub(super) fn is_data(&self) -> bool {
        matches!(
            self.opcode,
            OpCode::Data(Data::Text | Data::Binary | Data::Continue)
        )
    }

    /// Whether it is a whole message.
    pub(super) fn is_message(&self) -> bool {
        let begins = matches!(self.opcode, OpCode::Data(Data::Text | Data::Binary));
        begins && self.last
    }

    pub(super) fn is_pong(&self) -> bool {
        self.opcode == OpCode::Control(Control::Pong)
    }

    /// All bytes of it.
    pub(super) fn size(&self) -> u64 {
        self.length.saturating_add(self.header as u64)
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.opcode {
            OpCode::Data(Data::Text) => "text",
            OpCode::Data(Data::Binary) => "binary",
            OpCode::Data(Data::Continue) => "continuation",
            OpCode::Control(Control::Ping) => "ping",
            OpCode::Control(Control::Pong) => "pong",
            OpCode::Control(Control::Close) => "close",
            _ => "reserved",
        };
        write!(f, "{kind}, {}", counted(self.length, "byte"))
    }
}

/// A piece of what came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// HTTP, or bytes after which nobody can tell where a frame begins.
    Raw(&'a [u8]),
    /// The whole header of a frame.
    Begin(Frame, Vec<u8>),
    /// Some of its payload.
    Payload(&'a [u8]),
}

/// Finds the frames of one direction.
pub(super) struct Splitter {
    way: Direction,
    state: State,
}

enum State {
    /// In the head of a request or response: its first line, and how much has come of the
    /// empty line that ends it.
    Head {
        line: Vec<u8>,
        end: usize,
    },
    /// Behind it, before it is known whether frames follow.
    Waiting,
    Header {
        bytes: [u8; MAX_HEADER],
        known: usize,
    },
    Payload {
        left: u64,
    },
    Raw,
}

impl Splitter {
    pub(super) fn new(way: Direction) -> Splitter {
        Splitter { way, state: head() }
    }

    /// Whether a frame has begun, and not ended.
    pub(super) fn inside(&self) -> bool {
        match self.state {
            State::Payload { .. } => true,
            State::Header { known, .. } => known > 0,
            _ => false,
        }
    }

    /// Takes the next piece off the front of these bytes; `None` when there is none yet.
    pub(super) fn next<'a>(
        &mut self,
        bytes: &mut &'a [u8],
        upgraded: &AtomicBool,
    ) -> Option<Piece<'a>> {
        while !bytes.is_empty() {
            match &mut self.state {
                State::Head { line, end } => {
                    let length = head_in(bytes, line, end);
                    if *end == END.len() {
                        self.state = match self.way {
                            Direction::ClientToServer => State::Waiting,
                            Direction::ServerToClient => after(line, upgraded),
                        };
                    }
                    return Some(Piece::Raw(take(bytes, length)));
                }
                State::Waiting => {
                    self.state = match upgraded.load(Relaxed) {
                        true => header(),
                        // More HTTP, or frames before their time: nobody can tell.
                        false => State::Raw,
                    };
                }
                State::Header { bytes: kept, known } => {
                    kept[*known] = take(bytes, 1)[0];
                    *known += 1;
                    if let Some(frame) = parse(&kept[..*known]) {
                        let header = kept[..*known].to_vec();
                        // The highest bit of a length must not be set (section 5.2).
                        self.state = match frame.length >> 63 {
                            0 => payload(frame.length),
                            _ => State::Raw,
                        };
                        return Some(Piece::Begin(frame, header));
                    }
                }
                State::Payload { left } => {
                    let here = usize::try_from(*left).unwrap_or(usize::MAX);
                    let piece = take(bytes, here.min(bytes.len()));
                    self.state = payload(*left - piece.len() as u64);
                    return Some(Piece::Payload(piece));
                }
                State::Raw => return Some(Piece::Raw(take(bytes, bytes.len()))),
            }
        }
        None
    }
}

/// The empty line.
const END: &[u8] = b"\r\n\r\n";

/// How many of these bytes belong to the head.
fn head_in(bytes: &[u8], line: &mut Vec<u8>, end: &mut usize) -> usize {
    for (byte, length) in bytes.iter().zip(1..) {
        if line.len() < MAX_STATUS {
            line.push(*byte);
        }
        *end = match *byte == END[*end] {
            true => *end + 1,
            false => usize::from(*byte == END[0]),
        };
        if *end == END.len() {
            return length;
        }
    }
    bytes.len()
}

/// What follows the head of a response that begins with this.
fn after(line: &[u8], upgraded: &AtomicBool) -> State {
    if line.starts_with(b"HTTP/1.1 101") {
        upgraded.store(true, Relaxed);
        header()
    } else if line.starts_with(b"HTTP/1.1 1") {
        // "Wait": the answer is still to come.
        head()
    } else {
        State::Raw
    }
}

fn head() -> State {
    State::Head {
        line: Vec::new(),
        end: 0,
    }
}

fn header() -> State {
    State::Header {
        bytes: [0; MAX_HEADER],
        known: 0,
    }
}

fn payload(left: u64) -> State {
    match left {
        0 => header(),
        left => State::Payload { left },
    }
}

/// The header, when this is all of it.
fn parse(bytes: &[u8]) -> Option<Frame> {
    let mut shown = [0; MAX_HEADER];
    shown[..bytes.len()].copy_from_slice(bytes);
    let opcode = OpCode::from(shown[0] & 0x0f);
    // The parser stops at a reserved opcode without telling the length: it is shown
    // another one in its place.
    shown[0] &= 0xf0;
    let mut cursor = Cursor::new(&shown[..bytes.len()]);
    let (header, length) = FrameHeader::parse(&mut cursor).ok()??;
    Some(Frame {
        opcode,
        last: header.is_final,
        length,
        header: bytes.len(),
    })
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (piece, rest) = bytes.split_at(length);
    *bytes = rest;
    piece
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    const AGREED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
    /// "Hello", an empty ping, a pong of 2 bytes, 300 bytes.
    const FRAMES: &[u8] = b"\x81\x05Hello\x89\x00\x8a\x02hi\x82\x7e\x01\x2c";

    /// The frames, and all bytes that came out, in pieces of this size.
    fn split(
        splitter: &mut Splitter,
        bytes: &[u8],
        size: usize,
        agreed: bool,
    ) -> (Vec<Frame>, Vec<u8>) {
        let upgraded = AtomicBool::new(agreed);
        let (mut frames, mut out) = (Vec::new(), Vec::new());
        for mut piece in bytes.chunks(size) {
            while let Some(piece) = splitter.next(&mut piece, &upgraded) {
                match piece {
                    Piece::Raw(bytes) | Piece::Payload(bytes) => out.extend_from_slice(bytes),
                    Piece::Begin(frame, header) => {
                        assert_eq!(frame.header, header.len());
                        frames.push(frame);
                        out.extend(header);
                    }
                }
            }
        }
        (frames, out)
    }

    #[test]
    fn frames_are_found_however_the_network_cuts() {
        let bytes = [AGREED, FRAMES, &[7; 300], b"\x81\x00"].concat();
        for size in [1, 2, 3, 7, 64, 1000] {
            let mut splitter = Splitter::new(Direction::ServerToClient);
            let (frames, out) = split(&mut splitter, &bytes, size, false);
            assert_eq!(out, bytes);
            let told: Vec<_> = frames.iter().map(Frame::to_string).collect();
            let expected = [
                "text, 5 bytes",
                "ping, 0 bytes",
                "pong, 2 bytes",
                "binary, 300 bytes",
                "text, 0 bytes",
            ];
            assert_eq!(told, expected, "in pieces of {size}");
            assert!(!splitter.inside());
        }
    }

    #[test]
    fn what_a_client_masks_is_found_too() {
        let bytes = [
            REQUEST,
            b"\x81\x85\x01\x02\x03\x04Hello\x8a\x80\x01\x02\x03\x04",
        ]
        .concat();
        for size in [1, 5, 1000] {
            let mut splitter = Splitter::new(Direction::ClientToServer);
            let (frames, out) = split(&mut splitter, &bytes, size, true);
            assert_eq!(out, bytes);
            assert_eq!(
                (frames.len(), frames[0].size(), frames[0].header),
                (2, 11, 6)
            );
            assert!(frames[0].is_message() && frames[1].is_pong() && !frames[1].is_data());
        }
    }

    /// Near misses: a page, a refusal, frames that nobody has agreed to.
    #[test]
    fn what_is_no_frame_passes_as_it_is() {
        let page = [b"HTTP/1.1 200 OK\r\nX: a\r\n\r\n", FRAMES].concat();
        let mut splitter = Splitter::new(Direction::ServerToClient);
        assert_eq!(split(&mut splitter, &page, 3, false), (vec![], page));
        let early = [REQUEST, FRAMES].concat();
        let mut splitter = Splitter::new(Direction::ClientToServer);
        assert_eq!(split(&mut splitter, &early, 1000, false), (vec![], early));
        // After "wait", the answer.
        let hints = b"HTTP/1.1 103 Early Hints\r\n\r\n";
        let late = [&hints[..], AGREED, b"\x81\x05Hello"].concat();
        let mut splitter = Splitter::new(Direction::ServerToClient);
        assert_eq!(split(&mut splitter, &late, 1, false).0.len(), 1);
    }

    #[test]
    fn a_frame_that_has_begun_is_inside_until_its_end() {
        let mut splitter = Splitter::new(Direction::ServerToClient);
        split(&mut splitter, &[AGREED, b"\x81"].concat(), 1000, false);
        assert!(splitter.inside());
        split(&mut splitter, b"\x05Hel", 1000, false);
        assert!(splitter.inside());
        split(&mut splitter, b"lo", 1000, false);
        assert!(!splitter.inside());
    }

    /// An opcode that the codec refuses has a length, and what follows it is found.
    #[test]
    fn a_reserved_opcode_and_an_impossible_length_pass() {
        let bytes = [AGREED, b"\x83\x01x\x81\x01y"].concat();
        let mut splitter = Splitter::new(Direction::ServerToClient);
        let (frames, _) = split(&mut splitter, &bytes, 1, false);
        assert_eq!(
            (frames.len(), frames[0].to_string()),
            (2, "reserved, 1 byte".into())
        );
        let bytes = [AGREED, b"\x81\x7f\xff\0\0\0\0\0\0\0\x81\x00"].concat();
        let mut splitter = Splitter::new(Direction::ServerToClient);
        let (frames, out) = split(&mut splitter, &bytes, 1, false);
        assert_eq!((frames.len(), out), (1, bytes));
    }
}
