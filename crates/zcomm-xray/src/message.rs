//! Joins the frames of a message and removes their masking keys.
//!
//! A message may arrive in many frames (RFC 6455 section 5.4). Pings may arrive between these
//! frames. Each frame has its own masking key.
//!
//! The first frame says whether the message is text. The bytes of all frames together must then
//! be UTF-8. Only the start of a message is stored, so a long message does not fill the memory.

use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::{
    event::{Close, Joined},
    rules::BrokenRule,
    utf8::{Utf8, text_at_start},
};

/// A message whose last frame is not complete.
#[derive(Default)]
pub(crate) struct OpenMessage {
    pub(crate) opcode: &'static str,
    pub(crate) frames: u64,
    pub(crate) length: u64,
    pub(crate) kept: Vec<u8>,
    pub(crate) text: Option<Utf8>,
    pub(crate) compressed: bool,
    /// Whether at least one frame of the message was not shown.
    pub(crate) hidden: bool,
}

impl OpenMessage {
    pub(crate) fn add(&mut self, length: u64, hidden: bool) {
        self.frames += 1;
        self.length = self.length.saturating_add(length);
        self.hidden |= hidden;
    }

    /// Reads the next bytes of a payload. These bytes begin at byte `offset` of the payload.
    /// Returns true if these bytes contain the first UTF-8 error of the message.
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

/// Reads the payload of a Close frame (RFC 6455 section 5.5.1): a code of two bytes and a
/// reason. Returns `None` if the payload has no code. Adds the broken rules to `errors`.
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

/// Appends bytes until `kept` has `keep` bytes. Ignores the bytes after that.
pub(crate) fn keep_start(kept: &mut Vec<u8>, bytes: &[u8], keep: usize) {
    let space = keep.saturating_sub(kept.len()).min(bytes.len());
    kept.extend_from_slice(&bytes[..space]);
}

/// Removes the masking key from bytes that begin at byte `offset` of a payload. Byte i of a
/// payload is XORed with byte i modulo 4 of the key (RFC 6455 section 5.3).
pub(crate) fn unmasked(bytes: &[u8], mask: Option<[u8; 4]>, offset: u64) -> Vec<u8> {
    let mut key = mask.unwrap_or_default();
    key.rotate_left((offset % 4) as usize);
    let bytes = bytes.iter().zip(key.iter().cycle());
    bytes.map(|(byte, key)| byte ^ key).collect()
}
