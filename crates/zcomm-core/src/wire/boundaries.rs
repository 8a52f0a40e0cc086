//! Finds out whether a client is in the middle of a message (RFC 6455 section 5.4).
//!
//! The codec says when a message is complete, but not when a message has begun. A client that
//! begins a message and stops would use our memory for ever, so messages have a time limit. To
//! start the time limit, [`Frames`] reads the frame headers below the codec. It ignores the
//! payload.

use zcomm_xray::{Piece, Splitter};

/// Follows the frames of a client.
#[derive(Default)]
pub(crate) struct Frames {
    splitter: Splitter,
    /// Whether a fragmented message has begun, but its last frame has not begun yet.
    fragmented: bool,
}

impl Frames {
    /// Reads the next bytes. Every read of every connection calls this function, so it must be
    /// fast. It does not allocate memory, and does not copy a payload.
    pub(crate) fn follow(&mut self, mut bytes: &[u8]) {
        while let Some(piece) = self.splitter.next(&mut bytes) {
            // Skip control frames: they may come between the fragments of a message, but do not
            // end it.
            if let Piece::Header(header) = piece
                && !header.is_control()
            {
                self.fragmented = !header.fin();
            }
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
    fn it_takes_32_bytes() {
        assert_eq!(size_of::<Frames>(), 32);
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
