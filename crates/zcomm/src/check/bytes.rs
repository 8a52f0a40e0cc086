//! Makes the bytes of frames, right ones and wrong ones (RFC 6455 section 5.2).
//!
//! A library makes only right frames. A test needs wrong frames, too: a frame without a mask, a
//! length in the wrong form, a reserved bit. So a case can choose each part of a frame.

use std::iter;

/// The first byte of a frame: FIN, three reserved bits, the opcode.
pub(super) const TEXT: u8 = 0x81;
pub(super) const BINARY: u8 = 0x82;
pub(super) const CLOSE: u8 = 0x88;
pub(super) const PING: u8 = 0x89;
pub(super) const PONG: u8 = 0x8a;
/// The first byte of a fragment, for four kinds of fragments: the first of a text, the first of a
/// binary message, a middle fragment, the last fragment.
pub(super) const TEXT_BEGINS: u8 = 0x01;
pub(super) const BINARY_BEGINS: u8 = 0x02;
pub(super) const CONTINUES: u8 = 0x00;
pub(super) const ENDS: u8 = 0x80;

/// How a header writes the length of a payload.
#[derive(Clone, Copy)]
pub(super) enum Form {
    Shortest,
    Bits16,
    Bits64,
}

/// Makes frames for one side of a connection. A client masks its frames, a server does not.
pub(super) struct Frames {
    masks: bool,
    /// The text of a message that the peer answers.
    pub(super) text: String,
}

impl Frames {
    pub(super) fn of_client(text: &str) -> Frames {
        Frames {
            masks: true,
            text: text.to_owned(),
        }
    }

    pub(super) fn of_server(text: &str) -> Frames {
        Frames {
            masks: false,
            text: text.to_owned(),
        }
    }

    /// Returns a frame with this first byte, masked if this side masks.
    pub(super) fn frame(&self, first: u8, payload: &[u8]) -> Vec<u8> {
        self.with_key(first, payload, self.masks.then(key))
    }

    /// Returns a frame without a mask if this side masks, and with a mask otherwise.
    pub(super) fn wrong_mask(&self, first: u8, payload: &[u8]) -> Vec<u8> {
        self.with_key(first, payload, (!self.masks).then(key))
    }

    /// Returns a frame with this masking key, or without a mask.
    pub(super) fn with_key(&self, first: u8, payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
        frame(first, Form::Shortest, payload, key)
    }

    /// Returns a frame whose header writes the length in this form.
    pub(super) fn with_form(&self, first: u8, form: Form, payload: &[u8]) -> Vec<u8> {
        frame(first, form, payload, self.masks.then(key))
    }

    /// Returns a header without a payload. The header declares this length, written with 64 bits.
    pub(super) fn header(&self, first: u8, length: u64) -> Vec<u8> {
        let mut bytes = vec![first, 127 | mask_bit(self.masks)];
        bytes.extend(length.to_be_bytes());
        bytes.extend(self.masks.then(key).iter().flatten());
        bytes
    }

    /// Returns a Close frame with this code and reason.
    pub(super) fn close(&self, code: u16, reason: &[u8]) -> Vec<u8> {
        self.frame(CLOSE, &[&code.to_be_bytes(), reason].concat())
    }

    /// Returns one message, with one frame for each part. `first` is the first frame's first byte.
    pub(super) fn fragments(&self, first: u8, parts: &[&[u8]]) -> Vec<Vec<u8>> {
        let last = parts.len() - 1;
        let first = iter::once(first).chain(iter::repeat(CONTINUES));
        let parts = parts.iter().zip(first).enumerate();
        let frames = parts.map(|(at, (part, first))| {
            let fin = if at == last { ENDS } else { 0 };
            self.frame(first | fin, part)
        });
        frames.collect()
    }
}

/// Returns a random masking key with four different bytes, none of them 0. So a case fails if a
/// peer uses the wrong byte of the key, or leaves out one byte.
fn key() -> [u8; 4] {
    let random = fastrand::u32(..);
    [0, 8, 16, 24].map(|shift| ((random >> shift) as u8 & 0x3e) | 1 | (shift as u8) << 3)
}

fn mask_bit(masked: bool) -> u8 {
    if masked { 0x80 } else { 0 }
}

fn frame(first: u8, form: Form, payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
    let (length, mask) = (payload.len(), mask_bit(key.is_some()));
    let mut bytes = vec![first];
    match (form, length) {
        (Form::Shortest, ..126) => bytes.push(length as u8 | mask),
        (Form::Shortest, ..65_536) | (Form::Bits16, _) => {
            bytes.push(126 | mask);
            bytes.extend((length as u16).to_be_bytes());
        }
        (Form::Shortest | Form::Bits64, _) => {
            bytes.push(127 | mask);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(key.iter().flatten());
    let key = key.unwrap_or_default();
    bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(a, b)| a ^ b));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_four_different_bytes_and_no_zero() {
        for _ in 0..1000 {
            let bytes: std::collections::BTreeSet<_> = key().into_iter().collect();
            assert_eq!((bytes.len(), bytes.contains(&0)), (4, false));
        }
    }

    #[test]
    fn the_examples_of_the_rfc_are_made() {
        let frames = Frames::of_client("");
        let key = [0x37, 0xfa, 0x21, 0x3d];
        let hello = *b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
        assert_eq!(frames.with_key(TEXT, b"Hello", Some(key)), hello);
        let hello = *b"\x81\x05Hello";
        assert_eq!(frames.with_key(TEXT, b"Hello", None), hello);
        let long = frames.with_key(BINARY, &[0; 65_536], None);
        assert_eq!(long[..10], *b"\x82\x7f\0\0\0\0\0\x01\0\0");
    }

    #[test]
    fn a_masking_key_has_four_different_bytes() {
        for _ in 0..1000 {
            let mut key = key();
            key.sort_unstable();
            assert!(key.windows(2).all(|two| two[0] != two[1]), "{key:?}");
        }
    }
}
