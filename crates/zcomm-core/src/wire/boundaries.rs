//! Finds where each frame of a peer begins and ends, below the codec (RFC 6455 section 5).
//!
//! The codec says when a message is complete, but not when a message has begun. A client that
//! begins a message and then stops would use our memory for ever, so messages have a time
//! limit. To start the time limit, [`Frames`] reads the frame headers before the codec reads
//! them.
//!
//! [`Frames`] ignores all payloads except the payload of a Close frame. If the codec does not know
//! the code of a Close frame, the codec replaces the code and the reason. So [`Frames`] stores the
//! code and the reason that the other side has sent.
//!
//! [`Frames`] also cuts long frames into fragments, see [`LongFrame`].

use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, OpCode};
use zcomm_xray::{FrameHeader, Piece, Splitter};

use crate::{
    protocol::close_reason::CloseReason,
    wire::fragments::{FRAGMENT, LongFrame},
};

const CLOSE: OpCode = OpCode::Control(Control::Close);

pub(crate) struct Frames {
    splitter: Splitter,
    /// The number of payload bytes that have arrived.
    pub(crate) payload: u64,
    /// The long frame whose payload is arriving.
    long: Option<Box<LongFrame>>,
    /// The first Close frame, if it has begun.
    close: Option<Box<CloseFrame>>,
    /// The largest frame that the peer may send (bytes).
    max_frame: u32,
    /// Whether a fragmented message has begun, but its last frame has not begun yet.
    fragmented: bool,
    /// Whether a frame was marked as compressed. No connection of this library uses compression.
    pub(crate) compressed: bool,
}

/// A Close frame, which may be incomplete.
struct CloseFrame {
    mask: [u8; 4],
    payload: Vec<u8>,
    /// The length of the whole payload, at most 125 bytes (RFC 6455 section 5.5). The codec
    /// refuses a longer Close frame.
    length: usize,
}

impl CloseFrame {
    /// Keeps the next bytes of the payload, without the mask. Bytes of later frames are ignored.
    fn keep(&mut self, bytes: &[u8]) {
        for byte in bytes.iter().take(self.length - self.payload.len()) {
            let mask = self.mask[self.payload.len() % 4];
            self.payload.push(byte ^ mask);
        }
    }
}

impl Frames {
    pub(crate) fn new(max_frame: usize) -> Frames {
        Frames {
            splitter: Splitter::default(),
            payload: 0,
            long: None,
            close: None,
            max_frame: u32::try_from(max_frame).unwrap_or(u32::MAX),
            fragmented: false,
            compressed: false,
        }
    }

    /// Writes the header of the next fragment of a long frame into `buffer`, if the codec needs
    /// this header now. Returns the length of the header, or `None` if nothing was written.
    pub(crate) fn next_fragment(&mut self, buffer: &mut [u8]) -> Option<usize> {
        self.long.as_mut()?.next(self.splitter.left, buffer)
    }

    /// Moves bytes from the front of `unread` into `buffer`, which the codec reads: a complete
    /// header, or a part of a payload. So one read of the codec never gets bytes of two
    /// frames. Returns the number of bytes in `buffer`; 0 if the header is not complete yet.
    pub(crate) fn pass(&mut self, unread: &mut &[u8], buffer: &mut [u8]) -> usize {
        // One read of the codec must not cross the end of a fragment.
        let fragment = self.long.as_ref().map_or(FRAGMENT, |long| long.left);
        let limit = match self.splitter.left {
            0 => unread.len(),
            _ => unread.len().min(buffer.len()).min(fragment as usize),
        };
        let mut bytes = &unread[..limit];
        let piece = self.splitter.next(&mut bytes);
        *unread = &unread[limit - bytes.len()..];
        match piece {
            None => 0,
            Some(Piece::Header(header)) => {
                let bytes = header.as_bytes();
                buffer[..bytes.len()].copy_from_slice(bytes);
                self.header(header, &mut buffer[..bytes.len()]);
                bytes.len()
            }
            Some(Piece::Payload(payload)) => {
                buffer[..payload.len()].copy_from_slice(payload);
                self.arrived(payload);
                payload.len()
            }
        }
    }

    /// Handles a frame header. `bytes` is the header that the codec will read. For a long
    /// frame, `bytes` becomes the header of the first fragment.
    fn header(&mut self, header: FrameHeader, bytes: &mut [u8]) {
        self.long = None;
        if self.close.is_none() && header.opcode() == CLOSE {
            // Store only the first Close frame: no frame may follow it (RFC 6455 section 5.5.1).
            self.close = Some(Box::new(CloseFrame {
                mask: header.mask().unwrap_or_default(),
                payload: Vec::new(),
                length: header.length().min(125) as usize,
            }));
        }
        // A control frame may come between the fragments of a message, but does not end the
        // message.
        if !header.is_control() {
            self.fragmented = !header.fin();
            self.compressed |= header.rsv()[0];
            // Do not cut a frame that is larger than the limit: the codec refuses it.
            if (FRAGMENT + 1..=self.max_frame.into()).contains(&header.length()) {
                self.long = Some(Box::new(LongFrame::begin(header, bytes)));
            }
        }
    }

    fn arrived(&mut self, payload: &[u8]) {
        let count = payload.len() as u64;
        self.payload += count;
        if let Some(long) = &mut self.long {
            long.left -= count;
        }
        if let Some(close) = &mut self.close {
            close.keep(payload);
        }
    }

    /// The code and the reason of the Close frame, as the other side has sent them.
    pub(crate) fn close_reason(&self) -> CloseReason {
        let payload = self.close.as_ref().map(|close| close.payload.as_slice());
        match payload.unwrap_or_default().split_first_chunk() {
            Some((code, reason)) => {
                let reason = String::from_utf8_lossy(reason);
                CloseReason::received(u16::from_be_bytes(*code), &reason)
            }
            None => CloseReason::without_code(),
        }
    }

    /// Whether the bytes that were read so far end in the middle of a message or of a frame.
    pub(crate) fn in_message(&self) -> bool {
        self.fragmented || self.splitter.in_frame()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Even an idle connection contains a `Frames`, so a `Frames` must be small.
    #[test]
    fn it_takes_56_bytes() {
        assert_eq!(size_of::<Frames>(), 56);
    }

    /// Reads `bytes` in pieces of `size` as the meter does. Returns the bytes for the codec.
    fn read(frames: &mut Frames, mut bytes: &[u8], size: usize) -> Vec<u8> {
        let mut codec = Vec::new();
        let mut buffer = [0; 5000];
        while !bytes.is_empty() {
            let mut unread = &bytes[..size.min(bytes.len())];
            let before = unread.len();
            let passed = match frames.next_fragment(&mut buffer) {
                Some(header) => header,
                None => frames.pass(&mut unread, &mut buffer),
            };
            codec.extend_from_slice(&buffer[..passed]);
            bytes = &bytes[before - unread.len()..];
        }
        codec
    }

    fn frame(first: u8, length: usize) -> Vec<u8> {
        let payload: Vec<_> = (0..length).map(|n| n as u8).collect();
        let length = (length as u64).to_be_bytes();
        [&[first, 0xff], &length[..], &[1, 2, 3, 4], &payload].concat()
    }

    #[test]
    fn the_end_of_a_message_is_seen_however_its_bytes_arrive() {
        let text = [&[0x81, 0x82, 1, 2, 3, 4][..], b"hi"].concat();
        let empty = vec![0x81, 0x80, 1, 2, 3, 4];
        let middle = [&[0x82, 0xfe, 0, 200, 1, 2, 3, 4][..], &[0; 200]].concat();
        let long = frame(0x82, 65536);
        let in_two = [&[0x01, 0x80, 1, 2, 3, 4][..], &[0x80, 0x80, 1, 2, 3, 4]].concat();
        let around_a_ping = [&in_two[..6], &[0x89, 0x80, 1, 2, 3, 4], &in_two[6..]].concat();
        for message in [text, empty, middle, long, in_two, around_a_ping] {
            for size in [1, 3, 7, 4096] {
                let mut frames = Frames::new(1 << 20);
                let mut arrived = 0;
                let mut codec = Vec::new();
                let twice = [&message[..], &message].concat();
                for bytes in twice.chunks(size) {
                    codec.extend(read(&mut frames, bytes, size));
                    arrived += bytes.len();
                    assert_eq!(frames.in_message(), arrived % message.len() != 0);
                }
                assert_eq!(codec, twice, "the codec gets every byte");
            }
        }
    }

    /// Each fragment has the mask of the whole frame, and the payload is unchanged.
    #[test]
    fn a_long_frame_becomes_fragments_of_64_kib() {
        let fragment = FRAGMENT as usize;
        for (length, first) in [
            (fragment + 1, 0x82),
            (3 * fragment, 0x81),
            (200_000, 0x02),
            (200_000, 0x80),
            (200_000, 0xc1),
        ] {
            let whole = frame(first, length);
            let mut expected = Vec::new();
            for (n, payload) in whole[14..].chunks(fragment).enumerate() {
                let last = (n + 1) * fragment >= length;
                let start = if n == 0 { first & 0x7f } else { 0 };
                let fin = if last { first & 0x80 } else { 0 };
                expected.extend(frame(start | fin, payload.len()).split_at(14).0);
                expected.extend(payload);
            }
            for size in [1, 13, 4096] {
                let mut frames = Frames::new(1 << 20);
                let next = [0x81, 0x80, 1, 2, 3, 4];
                let codec = read(&mut frames, &[&whole[..], &next].concat(), size);
                assert!(
                    codec == [&expected[..], &next].concat(),
                    "{length} {first:x}"
                );
                assert_eq!(frames.payload, length as u64);
            }
            // A frame that is larger than the limit is not cut. The codec refuses it.
            let mut frames = Frames::new(length - 1);
            assert!(read(&mut frames, &whole, 4096) == whole);
        }
    }

    /// `tungstenite` replaces the code 1014. The bytes arrive in pieces of different sizes.
    #[test]
    fn the_close_code_and_reason_are_those_that_were_sent() {
        let plain = [&[0x89, 0, 0x88, 5][..], &1014_u16.to_be_bytes(), b"why"].concat();
        let mut masked = vec![0x88, 0x80 | 5, 9, 8, 7, 6];
        let payload = [&1014_u16.to_be_bytes()[..], b"why"].concat();
        masked.extend(
            payload
                .iter()
                .zip([9, 8, 7, 6, 9])
                .map(|(byte, mask)| byte ^ mask),
        );
        // Bytes after the Close frame are ignored.
        masked.extend([0x88, 0x80, 1, 2, 3, 4]);
        for bytes in [plain, masked] {
            for size in [1, 2, 100] {
                let mut frames = Frames::new(1 << 20);
                read(&mut frames, &bytes, size);
                assert_eq!(frames.close_reason(), CloseReason::received(1014, "why"));
            }
        }
        let mut frames = Frames::new(1 << 20);
        read(&mut frames, &[0x88, 0, 0x8a, 4, b'l', b'a', b's', b't'], 10);
        assert_eq!(frames.close_reason(), CloseReason::without_code());
    }
}
