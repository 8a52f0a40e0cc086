//! Finds where each frame and each HTTP head ends (RFC 6455 section 5.2).
//!
//! ```text
//!  FIN RSV opcode │ MASK length │ longer length    │ masking key │ payload …
//!      1 byte     │   1 byte    │ 0, 2 or 8 bytes  │ 0 or 4      │ length bytes
//! ```
//!
//! The network may divide the bytes anywhere. A [`Splitter`] divides the bytes again, at the end
//! of each header and each frame. It stores one header and one length, never a payload. So a
//! frame of one gigabyte needs no more memory than an empty frame. The decoder, the server and
//! `zcomm chaos` all use a splitter.

use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// The maximum size of a header (bytes): 2, then 8 for the length and 4 for the masking key.
const MAX_HEADER: usize = 14;

/// Splits the bytes of one sender into frame headers and payloads.
#[derive(Default)]
pub struct Splitter {
    header: FrameHeader,
    /// The number of bytes of the current payload that have not arrived.
    pub left: u64,
}

/// A part of a frame.
#[derive(Debug)]
pub enum Piece<'a> {
    /// The complete header.
    Header(FrameHeader),
    /// One or more bytes of the payload.
    Payload(&'a [u8]),
}

impl Splitter {
    /// Removes the next piece from the front of `bytes` and returns it. Returns `None` when all
    /// `bytes` are read. Call `next` again when more bytes have arrived.
    ///
    /// If a header has no [valid length](FrameHeader::has_valid_length), stop: all later pieces
    /// would have no meaning.
    pub fn next<'a>(&mut self, bytes: &mut &'a [u8]) -> Option<Piece<'a>> {
        if self.left == 0 {
            let header = self.header.read(bytes)?;
            self.left = header.length();
            return Some(Piece::Header(header));
        }
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        let payload = bytes.split_off(..left.min(bytes.len()))?;
        self.left -= payload.len() as u64;
        (!payload.is_empty()).then_some(Piece::Payload(payload))
    }

    /// Whether the current frame is incomplete. Between two frames, returns false.
    pub fn in_frame(&self) -> bool {
        self.left > 0 || self.header.known > 0
    }

    /// The bytes of a header that is not complete yet. Otherwise empty.
    pub fn partial_header(&self) -> &[u8] {
        self.header.as_bytes()
    }
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, Default)]
pub struct FrameHeader {
    bytes: [u8; MAX_HEADER],
    /// The number of header bytes that have arrived.
    known: u8,
}

impl FrameHeader {
    /// Reads header bytes from the front of `bytes`. Returns the header when it is complete,
    /// and `None` while bytes are missing.
    fn read(&mut self, bytes: &mut &[u8]) -> Option<FrameHeader> {
        // Most headers arrive in one piece. Then one copy is three times as fast as a loop over
        // the bytes. The speed matters, because the server runs this code for each frame.
        if self.known == 0
            && let Some(first) = bytes.first_chunk()
        {
            let mut header = FrameHeader {
                bytes: *first,
                known: 2,
            };
            header.known = header.size();
            *bytes = &bytes[header.known.into()..];
            return Some(header);
        }
        while self.known < self.size() {
            self.bytes[usize::from(self.known)] = *bytes.split_off_first()?;
            self.known += 1;
        }
        Some(std::mem::take(self))
    }

    /// The length of the header (bytes). Until the first two bytes have arrived, returns 2.
    fn size(&self) -> u8 {
        match self.known {
            0 | 1 => 2,
            _ => 2 + self.long_length().len() as u8 + 4 * (self.bytes[1] >> 7),
        }
    }

    /// The extra bytes of the length; empty if the length fits in seven bits.
    fn long_length(&self) -> &[u8] {
        match self.bytes[1] & 0x7f {
            126 => &self.bytes[2..4],
            127 => &self.bytes[2..10],
            _ => &[],
        }
    }

    /// The bytes of the header.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.known.into()]
    }

    /// Whether this is the last frame of its message.
    pub fn fin(&self) -> bool {
        self.bytes[0] & 0x80 != 0
    }

    /// The three reserved bits.
    pub fn rsv(&self) -> [bool; 3] {
        [0x40, 0x20, 0x10].map(|bit| self.bytes[0] & bit != 0)
    }

    /// The opcode.
    pub fn opcode(&self) -> OpCode {
        OpCode::from(self.bytes[0] & 0x0f)
    }

    /// The name of the opcode: continuation, text, binary, close, ping, pong or reserved.
    pub fn opcode_name(&self) -> &'static str {
        match self.opcode() {
            OpCode::Data(Data::Continue) => "continuation",
            OpCode::Data(Data::Text) => "text",
            OpCode::Data(Data::Binary) => "binary",
            OpCode::Control(Control::Close) => "close",
            OpCode::Control(Control::Ping) => "ping",
            OpCode::Control(Control::Pong) => "pong",
            OpCode::Data(Data::Reserved(_)) | OpCode::Control(Control::Reserved(_)) => "reserved",
        }
    }

    /// Whether this is a control frame, such as a Close, a ping or a pong.
    pub fn is_control(&self) -> bool {
        self.bytes[0] & 0x08 != 0
    }

    /// Whether the payload of this frame is a message or a part of a message.
    pub fn is_data(&self) -> bool {
        matches!(
            self.opcode(),
            OpCode::Data(Data::Continue | Data::Text | Data::Binary)
        )
    }

    /// Whether this frame contains a whole message.
    pub fn is_message(&self) -> bool {
        let begins = matches!(self.opcode(), OpCode::Data(Data::Text | Data::Binary));
        begins && self.fin()
    }

    /// Whether the frame is a pong.
    pub fn is_pong(&self) -> bool {
        self.opcode() == OpCode::Control(Control::Pong)
    }

    /// The masking key: the last four bytes of the header. `None` if the frame is not masked.
    pub fn mask(&self) -> Option<[u8; 4]> {
        let key = self.as_bytes().last_chunk().copied();
        key.filter(|_| self.bytes[1] & 0x80 != 0)
    }

    /// The length of the payload (bytes).
    pub fn length(&self) -> u64 {
        match self.long_length() {
            [] => (self.bytes[1] & 0x7f).into(),
            long => long
                .iter()
                .fold(0, |length, byte| length << 8 | u64::from(*byte)),
        }
    }

    /// The length of the whole frame, including its header (bytes).
    pub fn frame_size(&self) -> u64 {
        self.length().saturating_add(self.known.into())
    }

    /// The number of bits that the header uses for the length: 7, 16 or 64.
    pub fn length_bits(&self) -> u8 {
        match self.long_length().len() {
            0 => 7,
            bytes => 8 * bytes as u8,
        }
    }

    /// Whether the highest bit of the length is 0, as RFC 6455 requires. If the bit is 1, the
    /// length is invalid and the end of the frame is unknown.
    pub fn has_valid_length(&self) -> bool {
        self.length() >> 63 == 0
    }
}

/// Finds the empty line that ends an HTTP head.
#[derive(Default)]
pub struct HeadEnd(Line);

/// What the current line contains so far.
#[derive(Clone, Copy, Default)]
enum Line {
    #[default]
    Text,
    Start,
    /// Only a carriage return (`\r`).
    Return,
}

impl HeadEnd {
    /// Reads the next bytes of a head. Returns the number of bytes up to and including the empty
    /// line, or `None` if the head is not complete. A line may end with `\n` without `\r`.
    pub fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        for (byte, length) in bytes.iter().zip(1..) {
            self.0 = match (byte, self.0) {
                (b'\n', Line::Text) => Line::Start,
                (b'\n', Line::Start | Line::Return) => return Some(length),
                (b'\r', Line::Start) => Line::Return,
                _ => Line::Text,
            };
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;
    use tokio_tungstenite::tungstenite::protocol::frame as codec;

    /// Passes `bytes` to a splitter in pieces of `size`. Returns the headers, all bytes that the
    /// splitter returned, and the splitter.
    fn split(bytes: &[u8], size: usize) -> (Vec<FrameHeader>, Vec<u8>, Splitter) {
        let mut splitter = Splitter::default();
        let (mut headers, mut out) = (Vec::new(), Vec::new());
        for mut piece in bytes.chunks(size) {
            while let Some(piece) = splitter.next(&mut piece) {
                match piece {
                    Piece::Header(header) => {
                        out.extend_from_slice(header.as_bytes());
                        headers.push(header);
                    }
                    Piece::Payload(payload) => out.extend_from_slice(payload),
                }
            }
            assert!(piece.is_empty(), "it takes all bytes");
        }
        (headers, out, splitter)
    }

    /// Parses a header with tungstenite (the codec). Tungstenite returns no length for a reserved
    /// opcode, so this function replaces the opcode first.
    fn parsed_by_the_codec(bytes: &[u8]) -> Option<(codec::FrameHeader, u64, usize)> {
        let mut shown = bytes.to_vec();
        if let Some(first) = shown.first_mut() {
            *first &= 0xf0;
        }
        let mut cursor = Cursor::new(&shown);
        let (mut header, length) = codec::FrameHeader::parse(&mut cursor).unwrap()?;
        header.opcode = OpCode::from(bytes[0] & 0x0f);
        Some((header, length, usize::try_from(cursor.position()).unwrap()))
    }

    #[test]
    fn a_frame_that_has_begun_is_open_until_its_last_byte() {
        let mut splitter = Splitter::default();
        for (byte, open) in b"\x81\x02hi\x81\x00".iter().zip([1, 1, 1, 0, 1, 0]) {
            splitter.next(&mut &[*byte][..]);
            assert_eq!(splitter.in_frame(), open == 1, "{byte:02x}");
        }
    }

    #[test]
    fn a_head_ends_at_its_empty_line() {
        for (bytes, end) in [
            ("a\r\nb\r\n\r\nc", Some(8)),
            ("a\n\nc", Some(3)),
            ("a\r\nb\r\n\r", None),
            ("a\r\n\nb", Some(4)),
            ("a\n\r\r\nb", None),
            ("\r\na\r\n\r\n", Some(7)),
            ("", None),
        ] {
            for size in 1..=bytes.len().max(1) {
                let (mut head_end, mut read, mut found) = (HeadEnd::default(), 0, None);
                for piece in bytes.as_bytes().chunks(size) {
                    found = found.or(head_end.find(piece).map(|length| read + length));
                    read += piece.len();
                }
                assert_eq!(found, end, "{bytes:?} in pieces of {size}");
            }
        }
    }

    proptest! {
        /// Pieces of any size give the same headers, and the splitter returns every byte.
        #[test]
        fn the_cuts_of_the_network_change_nothing(
            frames in prop::collection::vec(
                (any::<[u8; 10]>(), prop_oneof![0u16..130, 65530u16..]), 0..5),
            end in prop::collection::vec(any::<u8>(), 0..20),
            size in prop_oneof![1usize..20, 1000usize..100_000],
        ) {
            let mut bytes = Vec::new();
            for (random, length) in &frames {
                let header = codec::FrameHeader {
                    is_final: random[0] & 1 == 0,
                    opcode: OpCode::from(random[1] & 15),
                    mask: random.last_chunk().copied().filter(|_| random[2] & 1 == 0),
                    ..codec::FrameHeader::default()
                };
                header.format((*length).into(), &mut bytes).unwrap();
                bytes.extend(random.iter().cycle().take((*length).into()));
            }
            let complete = bytes.len();
            bytes.extend(end);
            let (headers, out, splitter) = split(&bytes, size);
            let (whole, ..) = split(&bytes, bytes.len().max(1));
            prop_assert_eq!(&out[..], &bytes[..out.len()]);
            prop_assert_eq!([&out, splitter.partial_header()].concat(), &bytes[..]);
            let headers: Vec<_> = headers.iter().map(FrameHeader::as_bytes).collect();
            let whole: Vec<_> = whole.iter().map(FrameHeader::as_bytes).collect();
            prop_assert_eq!(&headers, &whole);
            prop_assert!(headers.len() >= frames.len() && out.len() >= complete);
        }

        /// The splitter and tungstenite (the codec) must read the same values from a header.
        #[test]
        fn a_header_means_what_it_means_to_the_codec(
            bytes in prop::collection::vec(any::<u8>(), 0..20),
            form in prop::sample::select(vec![0u8, 126, 127, 254, 255]),
        ) {
            let mut bytes = bytes;
            if let Some(second) = bytes.get_mut(1).filter(|_| form > 0) {
                *second = form;
            }
            let expected = parsed_by_the_codec(&bytes);
            for size in [1, 20] {
                let (headers, ..) = split(&bytes, size);
                prop_assert_eq!(headers.is_empty(), expected.is_none());
                let (Some(header), Some((codec, length, bytes))) = (headers.first(), &expected) else {
                    continue;
                };
                prop_assert_eq!(header.as_bytes().len(), *bytes);
                prop_assert_eq!(header.length(), *length);
                prop_assert_eq!(header.opcode(), codec.opcode);
                prop_assert_eq!(header.fin(), codec.is_final);
                prop_assert_eq!(header.rsv(), [codec.rsv1, codec.rsv2, codec.rsv3]);
                prop_assert_eq!(header.mask(), codec.mask);
            }
        }
    }
}
