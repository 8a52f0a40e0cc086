//! Finds out whether a client is in the middle of a message (RFC 6455 section 5.4).
//!
//! The codec says when a message is complete, but not when a message has begun. A client that
//! begins a message and stops would use our memory for ever, so messages have a time limit. To
//! start the time limit, [`Frames`] reads the frame headers below the codec. It ignores the
//! payload, except that of a Close frame: the codec replaces the code and the reason of a Close
//! frame if it does not know the code. So [`Frames`] keeps what the other side has sent.

use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, OpCode};
use zcomm_xray::{Piece, Splitter};

use crate::protocol::close_reason::CloseReason;

const CLOSE: OpCode = OpCode::Control(Control::Close);

/// Follows the frames of a client.
#[derive(Default)]
pub(crate) struct Frames {
    splitter: Splitter,
    /// Whether a fragmented message has begun, but its last frame has not begun yet.
    fragmented: bool,
    /// The first Close frame, if it has begun.
    close: Option<Box<CloseFrame>>,
}

/// A Close frame of which some bytes may be missing.
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
    /// Reads the next bytes. Every read of every connection calls this function, so it must be
    /// fast. It does not allocate memory, and does not copy a payload.
    pub(crate) fn follow(&mut self, mut bytes: &[u8]) {
        while let Some(piece) = self.splitter.next(&mut bytes) {
            match piece {
                // No frame follows a Close frame (RFC 6455 section 5.5.1).
                Piece::Header(header) if self.close.is_none() && header.opcode() == CLOSE => {
                    self.close = Some(Box::new(CloseFrame {
                        mask: header.mask().unwrap_or_default(),
                        payload: Vec::new(),
                        length: header.length().min(125) as usize,
                    }));
                }
                // Skip other control frames: they may come between the fragments of a message,
                // but do not end it.
                Piece::Header(header) if header.is_control() => {}
                Piece::Header(header) => self.fragmented = !header.fin(),
                Piece::Payload(bytes) => {
                    if let Some(close) = &mut self.close {
                        close.keep(bytes);
                    }
                }
            }
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
    fn it_takes_40_bytes() {
        assert_eq!(size_of::<Frames>(), 40);
    }

    /// Also where the codec would replace the code, and however the bytes arrive.
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
        // Nothing after the Close frame counts.
        masked.extend([0x88, 0x80, 1, 2, 3, 4]);
        for bytes in [plain, masked] {
            for size in [1, 2, 100] {
                let mut frames = Frames::default();
                bytes.chunks(size).for_each(|bytes| frames.follow(bytes));
                assert_eq!(frames.close_reason(), CloseReason::received(1014, "why"));
            }
        }
        let mut frames = Frames::default();
        frames.follow(&[0x88, 0, 0x8a, 4, b'l', b'a', b's', b't']);
        assert_eq!(frames.close_reason(), CloseReason::without_code());
    }

    #[test]
    fn the_end_of_a_message_is_seen_however_its_bytes_arrive() {
        let text = [&[0x81, 0x82, 1, 2, 3, 4][..], b"hi"].concat();
        let empty = vec![0x81, 0x80, 1, 2, 3, 4];
        let middle = [&[0x82, 0xfe, 0, 200, 1, 2, 3, 4][..], &[0; 200]].concat();
        let long = [
            &[0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4][..],
            &[0; 65536],
        ]
        .concat();
        let in_two = [&[0x01, 0x80, 1, 2, 3, 4][..], &[0x80, 0x80, 1, 2, 3, 4]].concat();
        let around_a_ping = [&in_two[..6], &[0x89, 0x80, 1, 2, 3, 4], &in_two[6..]].concat();
        for message in [text, empty, middle, long, in_two, around_a_ping] {
            for size in [1, 3, 7, 4096, message.len()] {
                let mut frames = Frames::default();
                let mut arrived = 0;
                for bytes in [&message[..], &message].concat().chunks(size) {
                    frames.follow(bytes);
                    arrived += bytes.len();
                    assert_eq!(frames.in_message(), arrived % message.len() != 0);
                }
            }
        }
    }
}
