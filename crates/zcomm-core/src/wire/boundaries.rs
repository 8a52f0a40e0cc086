//! Where one frame ends and the next begins (RFC 6455 section 5.2).
//!
//! The codec reports a whole message, but not that it holds the beginning of one. A client
//! that begins a message and stops would keep our memory for ever, so the server must notice.
//! Counting bytes is not enough, because a frame may arrive in any pieces. This reader follows
//! the lengths in the frame heads, and nothing else.
//!
//! ```text
//!  FIN RSV opcode │ MASK length │ longer length    │ mask    │ payload …
//!      1 byte     │   1 byte    │ 0, 2 or 8 bytes  │ 4 bytes │ length bytes
//! ```

/// Follows the frames that a client sends.
#[derive(Default)]
pub(crate) struct Frames {
    /// The current frame head, without its mask: two bytes and up to eight of length.
    head: [u8; 10],
    /// Bytes of the head that have arrived.
    known: usize,
    /// Bytes of mask and payload that are still missing.
    missing: u64,
    /// A fragmented message has not received its last fragment.
    open: bool,
}

impl Frames {
    /// Reads bytes that have arrived.
    pub(crate) fn follow(&mut self, mut bytes: &[u8]) {
        while let [byte, rest @ ..] = bytes {
            if self.missing > 0 {
                let here = usize::try_from(self.missing)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                self.missing -= here as u64;
                bytes = &bytes[here..];
                continue;
            }
            self.head[self.known] = *byte;
            self.known += 1;
            bytes = rest;
            if let Some(length) = self.length() {
                // A control frame (opcode 8 and up) may come between fragments and ends no message.
                let [first, ..] = self.head;
                if first & 0x08 == 0 {
                    self.open = first & 0x80 == 0;
                }
                // A client's frame has four bytes of mask; the codec rejects any other frame.
                self.missing = length.saturating_add(4);
                self.known = 0;
            }
        }
    }

    /// Whether the bytes so far end in the middle of a message or of a frame.
    pub(crate) fn in_message(&self) -> bool {
        self.open || self.known > 0 || self.missing > 0
    }

    /// The length of the payload in bytes; `None` until the head is complete.
    fn length(&self) -> Option<u64> {
        let [_, short, long @ ..] = self.head;
        match (short & 0x7f, self.known) {
            (_, ..2) | (126, ..4) | (127, ..10) => None,
            (126, _) => Some(u16::from_be_bytes([long[0], long[1]]).into()),
            (127, _) => Some(u64::from_be_bytes(long)),
            (short, _) => Some(short.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
