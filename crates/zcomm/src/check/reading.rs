//! Reads one frame: the message that ends with this frame, and the place of the first wrong byte.

use zcomm_core::xray::{BrokenRule, Event, EventKind, Frame};

use super::{
    verdict::{Seen, Verdict, passed},
    words::close_words,
};

/// Returns the frame of an event.
pub(super) fn frame(event: &Event) -> Option<&Frame> {
    match &event.kind {
        EventKind::Frame(frame) => Some(frame),
        _ => None,
    }
}

/// Returns the opcode and the bytes of the message that ends with this frame.
pub(super) fn message(frame: &Frame) -> Option<(u8, &[u8])> {
    match (&frame.message, frame.part) {
        (Some(message), _) => {
            let opcode = if message.opcode == "text" { 1 } else { 2 };
            Some((opcode, &message.unmasked))
        }
        (None, None) => Some((frame.code, &frame.unmasked)),
        (None, Some(_)) => None,
    }
}

/// Returns the place of the first wrong payload byte, counted from the first byte of the frame.
pub(super) fn place(frame: &Frame, expected: &[u8]) -> usize {
    let pairs = frame.unmasked.iter().zip(expected);
    let same = pairs.take_while(|(a, b)| a == b).count();
    frame.header.len() + same.min(frame.unmasked.len().saturating_sub(1))
}

/// Returns the place of the byte that breaks this rule.
pub(super) fn place_of(rule: BrokenRule, frame: &Frame) -> usize {
    match rule {
        BrokenRule::MASKED
        | BrokenRule::UNMASKED
        | BrokenRule::LONG_FORM
        | BrokenRule::CONTROL_TOO_LONG => 1,
        BrokenRule::CLOSE_CODE | BrokenRule::HALF_A_CODE => frame.header.len(),
        BrokenRule::NOT_TEXT => {
            let valid = frame.text.as_ref().map_or(0, String::len);
            frame.header.len() + valid
        }
        _ => 0,
    }
}

/// Accepts a Close frame with one of these codes. `bare` also accepts a Close frame without a code.
pub(super) fn close_is(event: &Event, close: &Frame, codes: &[u16], bare: bool) -> Verdict {
    match &close.close {
        Some(close) if codes.contains(&close.code) => passed(format!("Close {}", close.code)),
        None if bare && close.length == 0 => passed("a Close frame without a code"),
        _ => {
            let what = format!("a Close frame, but not {}", close_words(codes));
            let wrong = close.header.len();
            Seen::new(what).with(Some(event), Some(wrong)).failed()
        }
    }
}

/// Accepts a Close frame. With `legally`, refuses a code that must not be sent.
pub(super) fn close_is_legal(event: &Event, close: &Frame, legally: bool) -> Verdict {
    let rules = [BrokenRule::CLOSE_CODE, BrokenRule::HALF_A_CODE];
    let mut broken = event
        .errors
        .iter()
        .filter(|rule| legally && rules.contains(rule));
    match (broken.next(), &close.close) {
        (Some(rule), _) => {
            let wrong = close.header.len();
            Seen::new(rule.what).with(Some(event), Some(wrong)).failed()
        }
        (None, Some(close)) => passed(format!("Close {}", close.code)),
        (None, None) => passed("a Close frame without a code"),
    }
}

/// The verdict when a Close frame came instead of the expected frame.
pub(super) fn closed(event: &Event) -> Verdict {
    Seen::new("a Close frame instead")
        .with(Some(event), Some(0))
        .failed()
}
