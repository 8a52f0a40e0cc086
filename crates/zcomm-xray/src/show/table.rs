//! A frame as a table: bytes on the left, bits in the middle, their meaning on the right.
//!
//! A header is two bytes, most of which are single bits; so each bit stands where it is in
//! its byte, with dots for the others, and beside it the word that RFC 6455 has for it. A
//! payload is digits, and text only where every character can be seen.
//!
//! Production unfolds the same table in Wireshark.

use std::fmt::Write;

use crate::{close_codes::CloseCode, event::Frame, rules::Direction, visible::pictured};

/// Shown of a payload (bytes).
const SHOWN: usize = 64;
/// Shown of a text, and of a header line (characters).
pub(crate) const LINE: usize = 60;

/// Adds a line.
pub(crate) fn line_to(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push('\n');
}

/// One line of the table: bytes, bits, meaning.
fn row(text: &mut String, bytes: &[u8], bits: &str, meaning: &str) {
    let line = match bits {
        "" => format!("     {:<25}{meaning}", digits(bytes)),
        bits => format!("     {:<14}{bits}  {meaning}", digits(bytes)),
    };
    line_to(text, &line);
}

/// Adds the lines of a frame.
pub(crate) fn frame_to(text: &mut String, frame: &Frame, from: Option<Direction>) {
    let [first, second, rest @ ..] = &frame.header[..] else {
        return;
    };
    let bit = |byte: u8, bit: u8| (byte >> bit) & 1;
    let fin = match (frame.fin, frame.is_control()) {
        (true, true) => "FIN: whole, as every control frame",
        (true, false) => "FIN: the last frame of its message",
        (false, _) => "FIN: no, more of this message is to come",
    };
    row(text, &[*first], &format!("{}... ....", bit(*first, 7)), fin);
    let rsv = match frame.rsv {
        [false, false, false] => "RSV: 0, as nothing was agreed that uses them".to_owned(),
        _ if frame.compressed => "RSV: the message is compressed, as was agreed".to_owned(),
        rsv => {
            let set = ["1", "2", "3"].into_iter().zip(rsv);
            let set = set
                .filter(|(_, set)| *set)
                .map(|(name, _)| format!("RSV{name}"));
            format!("{} set", set.collect::<Vec<_>>().join(" and "))
        }
    };
    row(text, &[], &format!(".{:03b} ....", (first >> 4) & 7), &rsv);
    let opcode = format!("opcode {}: {}", frame.code, frame.opcode);
    row(text, &[], &format!(".... {:04b}", first & 15), &opcode);
    let mask = match (frame.mask, from) {
        (Some(_), Some(Direction::ClientToServer)) => "MASK: yes, as a client must",
        (Some(_), _) => "MASK: yes",
        (None, Some(Direction::ServerToClient)) => "MASK: no, a server must not",
        (None, _) => "MASK: no",
    };
    row(
        text,
        &[*second],
        &format!("{}... ....", bit(*second, 7)),
        mask,
    );
    let (length, form) = (frame.length, second & 0x7f);
    let short = match form {
        126 => "126: the length is in the next 2 bytes".to_owned(),
        127 => "127: the length is in the next 8 bytes".to_owned(),
        _ => format!("length {length}"),
    };
    row(
        text,
        &[],
        &format!(".{:03b} {:04b}", form >> 4, form & 15),
        &short,
    );
    let (long, key) = rest.split_at(rest.len() - frame.mask.map_or(0, |key| key.len()));
    if !long.is_empty() {
        row(text, long, "", &format!("length {length}"));
    }
    if !key.is_empty() {
        row(text, key, "", "masking key");
    }
    payload_to(text, frame);
}

fn payload_to(text: &mut String, frame: &Frame) {
    let masked = frame.mask.is_some();
    let label = if masked {
        "payload, key taken off"
    } else {
        "payload"
    };
    let readable = match frame.text {
        Some(_) => Some(frame.as_text()),
        None if frame.is_control() && frame.close.is_none() => {
            Some(frame.as_text()).filter(|text| text.len() == frame.unmasked.len())
        }
        None => None,
    };
    let readable = readable.filter(|text| !text.is_empty()).map(quoted);
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
    let more = frame.length.saturating_sub(frame.missing);
    let more = more.saturating_sub(frame.unmasked.len().min(SHOWN) as u64);
    if more > 0 {
        line_to(text, &format!("     … and {}", counted(more)));
    }
    if frame.missing > 0 {
        let missing = counted(frame.missing);
        line_to(text, &format!("     {missing} never came"));
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
        let (length, frames) = (counted(message.length), message.frames);
        let kind = message.opcode;
        line_to(
            text,
            &format!("     the message: {kind}, {length} in {frames} frames"),
        );
        if let Some(readable) = &message.text {
            line_to(text, &format!("     as text: {}", quoted(readable)));
        }
    }
}

/// Sixteen bytes a line, with the characters that they are in ASCII.
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

pub(crate) fn counted(bytes: u64) -> String {
    match bytes {
        1 => "1 byte".to_owned(),
        bytes => format!("{bytes} bytes"),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", pictured(text, LINE))
}

pub(crate) fn digits(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(3 * bytes.len());
    for (at, byte) in bytes.iter().enumerate() {
        let space = if at == 0 { "" } else { " " };
        // Writing to a string does not fail.
        write!(digits, "{space}{byte:02x}").ok();
    }
    digits
}

/// RFC 6455 section 7.4.1, and the codes that were registered since.
fn code_name(code: u16) -> &'static str {
    match CloseCode::find(code) {
        Some(known) => known.name,
        None if (3000..=3999).contains(&code) => "registered by a library",
        None if (4000..=4999).contains(&code) => "the application's own",
        None => "nobody knows it",
    }
}
