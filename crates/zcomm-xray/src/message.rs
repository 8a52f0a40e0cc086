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
        let bytes = unmasked(bytes, mask, offset);
        keep_start(&mut self.kept, &bytes, keep);
        let text = self.text.as_mut().filter(|text| !text.wrong);
        text.is_some_and(|text| !text.follow(&bytes))
    }

    /// Whether the text ends in the middle of a character.
    pub(crate) fn ends_in_half(&self) -> bool {
        self.text.as_ref().is_some_and(Utf8::ends_in_half)
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

/// Returns bytes of a payload without its masking key; they begin at `offset` in their frame.
/// Byte i of a payload is XORed with byte i modulo 4 of the key (RFC 6455 section 5.3).
pub(crate) fn unmasked(bytes: &[u8], mask: Option<[u8; 4]>, offset: u64) -> Vec<u8> {
    let mut key = mask.unwrap_or_default();
    key.rotate_left((offset % 4) as usize);
    let bytes = bytes.iter().zip(key.iter().cycle());
    bytes.map(|(byte, key)| byte ^ key).collect()
}
