//! A message in one or more frames, put together without its masking keys.
//!
//! A message may arrive in many frames (RFC 6455 section 5.4), each with its own masking key,
//! and with pings in between. The first frame says whether it is text; whether it is UTF-8
//! depends on all frames together. Only the beginning is kept, so memory is bounded.

use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::{
    event::{Close, Joined},
    rules::BrokenRule,
    utf8::{Utf8, text_at_start},
};

/// A message that is not complete.
#[derive(Default)]
pub(crate) struct OpenMessage {
    pub(crate) opcode: &'static str,
    pub(crate) frames: u64,
    pub(crate) length: u64,
    pub(crate) kept: Vec<u8>,
    pub(crate) text: Option<Utf8>,
    /// The text is not UTF-8, and an event says so already.
    pub(crate) invalid: bool,
    pub(crate) compressed: bool,
    /// One of its frames was not shown.
    pub(crate) hidden: bool,
}

impl OpenMessage {
    /// Counts a frame.
    pub(crate) fn add(&mut self, length: u64, hidden: bool) {
        self.frames += 1;
        self.length = self.length.saturating_add(length);
        self.hidden |= hidden;
    }

    /// Reads the next bytes of a payload, which begin at `offset` in their frame. Returns true
    /// for the bytes that make the text invalid.
    pub(crate) fn take(
        &mut self,
        bytes: &[u8],
        mask: Option<[u8; 4]>,
        offset: u64,
        keep: usize,
    ) -> bool {
        let before = self.invalid;
        let mut piece = [0; 1024];
        for (at, bytes) in bytes.chunks(piece.len()).enumerate() {
            let piece = &mut piece[..bytes.len()];
            piece.copy_from_slice(bytes);
            let mut mask = mask.unwrap_or_default();
            mask.rotate_left(((offset + at as u64 * 1024) % 4) as usize);
            apply_mask(piece, mask);
            if let Some(text) = &mut self.text
                && !self.invalid
            {
                self.invalid = !text.follow(piece);
            }
            keep_start(&mut self.kept, piece, keep);
        }
        self.invalid && !before
    }

    /// Whether the text ends in the middle of a character.
    pub(crate) fn ends_in_half(&self) -> bool {
        let half = self.text.as_ref().is_some_and(|text| !text.is_whole());
        half && !self.invalid
    }

    /// Returns the complete message.
    pub(crate) fn joined(self) -> Joined {
        let text = self.text.map(|_| text_at_start(&self.kept).to_owned());
        Joined {
            opcode: self.opcode,
            frames: self.frames,
            length: self.length,
            unmasked: self.kept,
            text,
        }
    }
}

/// Reads the payload of a Close frame (RFC 6455 section 5.5.1): nothing, or a code of two bytes
/// and a reason.
pub(crate) fn close(payload: &[u8], length: u64, errors: &mut Vec<BrokenRule>) -> Option<Close> {
    let [high, low, reason @ ..] = payload else {
        if length == 1 {
            errors.push(BrokenRule::HALF_A_CODE);
        }
        return None;
    };
    let code = u16::from_be_bytes([*high, *low]);
    if !CloseCode::from(code).is_allowed() {
        errors.push(BrokenRule::CLOSE_CODE);
    }
    let shown = text_at_start(reason);
    if shown.len() < reason.len() {
        errors.push(BrokenRule::REASON_NOT_TEXT);
    }
    let reason = shown.to_owned();
    Some(Close { code, reason })
}

/// Appends bytes up to a length of `keep`.
pub(crate) fn keep_start(kept: &mut Vec<u8>, bytes: &[u8], keep: usize) {
    let space = keep.saturating_sub(kept.len()).min(bytes.len());
    kept.extend_from_slice(&bytes[..space]);
}

/// Masks or unmasks (RFC 6455 section 5.3): byte i of the payload XOR byte i modulo 4 of the
/// key.
fn apply_mask(bytes: &mut [u8], mask: [u8; 4]) {
    for (byte, key) in bytes.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
}

/// Returns the beginning of a payload without its masking key.
pub(crate) fn unmasked(payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let mut bytes = payload.to_vec();
    apply_mask(&mut bytes, mask.unwrap_or_default());
    bytes
}
