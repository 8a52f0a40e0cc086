//! Shows a frame as a table: bytes on the left, bits in the middle, their meaning on the right.
//!
//! The first two bytes of a frame contain several fields, and most fields are single bits. Each
//! field has its own line. The line shows the bits of the field, dots for the other bits, and
//! the name from RFC 6455.
//!
//! A payload is shown as hexadecimal digits, and also as text. The text may contain characters
//! that control a terminal, so [`pictured`] replaces these characters.

use std::ops::Range;

use crate::{
    close_codes::CloseCode, event::Frame, rules::Direction, utf8::text_at_start, visible::pictured,
};

/// The maximum number of payload bytes to show.
const SHOWN: usize = 64;
/// The maximum number of characters to show of a text, or of the name or value of a header.
pub(crate) const LINE: usize = 60;

/// Adds a line to `text`, without the spaces at the end of the line.
pub(crate) fn line_to(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push('\n');
}

/// Adds the table of a frame.
pub(crate) fn frame_to(text: &mut String, frame: &Frame, from: Option<Direction>) {
    let [first, second, rest @ ..] = &frame.header[..] else {
        return;
    };
    row(text, &[*first], &bits(*first, 0x80), fin(frame));
    row(text, &[], &bits(*first, 0x70), &rsv(frame));
    let opcode = format!("opcode {}: {}", frame.code, frame.opcode);
    row(text, &[], &bits(*first, 0x0f), &opcode);
    row(text, &[*second], &bits(*second, 0x80), mask(frame, from));
    let length = format!("length {}", frame.length);
    let short = match second & 0x7f {
        126 => "126: the length is in the next 2 bytes",
        127 => "127: the length is in the next 8 bytes",
        _ => &length,
    };
    row(text, &[], &bits(*second, 0x7f), short);
    let (long, key) = rest.split_at(rest.len() - frame.mask.map_or(0, |key| key.len()));
    if !long.is_empty() {
        row(text, long, "", &length);
    }
    if !key.is_empty() {
        row(text, key, "", "masking key");
    }
    payload_to(text, frame);
    end_to(text, frame);
}

/// Adds one line of the table: bytes, bits, meaning.
fn row(text: &mut String, bytes: &[u8], bits: &str, meaning: &str) {
    let left = format!("{:<14}{bits}", digits(bytes));
    line_to(text, &format!("     {left:<25}{meaning}"));
}

/// Returns the bits of a byte that are in `mask`, with dots for the other bits: `.... 0001`.
fn bits(byte: u8, mask: u8) -> String {
    let bit = |at: u8| match (mask >> at & 1, byte >> at & 1) {
        (0, _) => '.',
        (_, 0) => '0',
        _ => '1',
    };
    let half = |bits: Range<u8>| bits.rev().map(bit).collect::<String>();
    format!("{} {}", half(4..8), half(0..4))
}

fn fin(frame: &Frame) -> &'static str {
    match (frame.fin, frame.is_control()) {
        (true, true) => "FIN: yes, as in every control frame",
        (true, false) => "FIN: the last frame of its message",
        (false, _) => "FIN: no, more frames of this message follow",
    }
}

fn rsv(frame: &Frame) -> String {
    match frame.rsv {
        [false, false, false] => "RSV: 0, no extension uses them".to_owned(),
        _ if frame.compressed => "RSV: the message is compressed, as agreed".to_owned(),
        rsv => {
            let set = ["RSV1", "RSV2", "RSV3"].into_iter().zip(rsv);
            let set = set.filter(|(_, set)| *set).map(|(name, _)| name);
            format!("{} set", set.collect::<Vec<_>>().join(" and "))
        }
    }
}

fn mask(frame: &Frame, from: Option<Direction>) -> &'static str {
    match (frame.mask, from) {
        (Some(_), Some(Direction::ClientToServer)) => "MASK: yes, as a client must",
        (Some(_), _) => "MASK: yes",
        (None, Some(Direction::ServerToClient)) => "MASK: no, a server must not",
        (None, _) => "MASK: no",
    }
}

/// Adds the payload: up to 8 bytes in one line, a longer payload with 16 bytes per line.
fn payload_to(text: &mut String, frame: &Frame) {
    let masked = frame.mask.is_some();
    let label = if masked {
        "payload, unmasked"
    } else {
        "payload"
    };
    let readable = readable(frame).map(quoted);
    match frame.unmasked.len() {
        0 => {}
        1..=8 => {
            if masked {
                row(text, &frame.payload, "", "payload, masked");
            }
            let meaning = match &readable {
                Some(readable) => format!("{label}: {readable}"),
                None => label.to_owned(),
            };
            row(text, &frame.unmasked, "", &meaning);
        }
        _ => {
            if masked {
                line_to(text, "     payload, masked");
                rows(text, &frame.payload, false);
            }
            line_to(text, &format!("     {label}"));
            rows(text, &frame.unmasked, true);
            if let Some(readable) = &readable {
                line_to(text, &format!("     as text: {readable}"));
            }
        }
    }
}

/// Returns the text of a text frame, or of a ping or pong that contains text. Otherwise `None`.
fn readable(frame: &Frame) -> Option<&str> {
    let text = frame.text.as_deref().or_else(|| {
        let text = text_at_start(&frame.unmasked);
        let whole = text.len() == frame.unmasked.len();
        (frame.is_control() && frame.close.is_none() && whole).then_some(text)
    });
    text.filter(|text| !text.is_empty())
}

/// Adds the lines after the payload, such as the number of missing bytes or the close code.
fn end_to(text: &mut String, frame: &Frame) {
    let arrived = frame.length.saturating_sub(frame.missing);
    let more = arrived.saturating_sub(frame.unmasked.len().min(SHOWN) as u64);
    if more > 0 {
        line_to(text, &format!("     … and {}", counted(more)));
    }
    if frame.missing > 0 {
        let missing = counted(frame.missing);
        line_to(text, &format!("     {missing} never arrived"));
    }
    if let Some(close) = &frame.close {
        let reason = match close.reason.as_str() {
            "" => "no reason".to_owned(),
            reason => format!("reason {}", quoted(reason)),
        };
        let (code, name) = (close.code, code_name(close.code));
        line_to(text, &format!("     code {code} ({name}), {reason}"));
    }
    if let Some(message) = &frame.message {
        let (kind, length, frames) = (message.opcode, counted(message.length), message.frames);
        let line = format!("     the message: {kind}, {length} in {frames} frames");
        line_to(text, &line);
        if let Some(readable) = &message.text {
            line_to(text, &format!("     as text: {}", quoted(readable)));
        }
    }
}

/// Adds lines of 16 bytes. If `readable` is true, adds the ASCII characters of the bytes, too.
fn rows(text: &mut String, bytes: &[u8], readable: bool) {
    for row in bytes[..bytes.len().min(SHOWN)].chunks(16) {
        let character = |byte: &u8| match byte {
            b' '..=b'~' => char::from(*byte),
            _ => '.',
        };
        let characters: String = match readable {
            true => row.iter().map(character).collect(),
            false => String::new(),
        };
        line_to(text, &format!("     {:<47}   {characters}", digits(row)));
    }
}

/// Returns a number of bytes as text, such as `1 byte` or `2 bytes`.
pub(crate) fn counted(bytes: u64) -> String {
    match bytes {
        1 => "1 byte".to_owned(),
        bytes => format!("{bytes} bytes"),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", pictured(text, LINE))
}

/// Returns bytes as hexadecimal digits: `81 05`.
pub(crate) fn digits(bytes: &[u8]) -> String {
    let digits: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.join(" ")
}

/// The name of a close code. An unknown code has the name of its range (RFC 6455 section 7.4).
fn code_name(code: u16) -> &'static str {
    match CloseCode::find(code) {
        Some(known) => known.name,
        None if (3000..=3999).contains(&code) => "registered with IANA",
        None if (4000..=4999).contains(&code) => "the application's own",
        None => "unknown",
    }
}
