//! A message under way: what its frames have in them, without keys, put together.
//!
//! A message may come in many frames (RFC 6455 section 5.4), each with a key of its own, and
//! with pings in between. Its kind stands in the first frame; that a text is one, in all of
//! them together. Only the beginning is kept: enough to see what it is.
//!
//! Production keeps all of it, up to a limit, because somebody has to get it.

use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::{
    event::{Close, Joined},
    rules::BrokenRule,
    utf8::{Utf8, text_at_start},
};

/// A message of which one frame or more have come.
pub(crate) struct Begun {
    opcode: &'static str,
    pub(crate) frames: u64,
    pub(crate) length: u64,
    pub(crate) kept: Vec<u8>,
    pub(crate) text: Option<Utf8>,
    /// That it is no text has been said.
    spoiled: bool,
    pub(crate) compressed: bool,
    /// One of its frames was not looked at.
    pub(crate) hidden: bool,
}

impl Begun {
    pub(crate) fn new(opcode: &'static str, text: bool, compressed: bool, hidden: bool) -> Begun {
        Begun {
            opcode,
            frames: 0,
            length: 0,
            kept: Vec::new(),
            text: text.then(Utf8::default),
            spoiled: false,
            compressed,
            hidden,
        }
    }

    /// Takes the next bytes of a payload in; `offset` were before them in their frame. True
    /// when it is a text no longer.
    pub(crate) fn take(&mut self, bytes: &[u8], mask: [u8; 4], offset: u64, keep: usize) -> bool {
        let before = self.spoiled;
        let mut piece = [0; 1024];
        for (at, bytes) in bytes.chunks(piece.len()).enumerate() {
            let piece = &mut piece[..bytes.len()];
            piece.copy_from_slice(bytes);
            let mut mask = mask;
            mask.rotate_left(((offset + at as u64 * 1024) % 4) as usize);
            take_off(piece, mask);
            if let Some(text) = &mut self.text
                && !self.spoiled
            {
                self.spoiled = !text.follow(piece);
            }
            keep_start(&mut self.kept, piece, keep);
        }
        self.spoiled && !before
    }

    /// Whether it stops in the middle of a character.
    pub(crate) fn ends_in_half(&self) -> bool {
        let half = self.text.as_ref().is_some_and(|text| !text.is_whole());
        half && !self.spoiled
    }

    /// The whole, at its end.
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

/// What a Close frame says (RFC 6455 section 5.5.1): a code of two bytes and a reason, or
/// nothing.
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

/// Appends as much as may be kept.
pub(crate) fn keep_start(kept: &mut Vec<u8>, bytes: &[u8], keep: usize) {
    let room = keep.saturating_sub(kept.len()).min(bytes.len());
    kept.extend_from_slice(&bytes[..room]);
}

/// RFC 6455 section 5.3: byte i of the payload with byte i modulo 4 of the key.
fn take_off(bytes: &mut [u8], mask: [u8; 4]) {
    for (byte, key) in bytes.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
}

/// The beginning of a payload without its key.
pub(crate) fn unmasked(payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut bytes = payload.to_vec();
    take_off(&mut bytes, mask);
    bytes
}
