//! Formats messages and other events for the output.
//!
//! The other side may send control characters, which could control the user's terminal. For a
//! terminal, a picture replaces each control character: `␛` for ESC. In JSON, an escape
//! replaces the character: `\u001b`.
//!
//! A pipe gets the message unchanged, because the next program needs the original.

use std::{
    fmt::Write,
    io::{self, IsTerminal},
};

use data_encoding::BASE64;
use serde_json::{Value, json};
use zcomm_core::{
    CloseReason, End, Error, Message, Received,
    xray::{is_visible, pictured},
};

use super::text::{counted, print};

/// At most this number of bytes of a payload are shown, as hex digits.
const SHOWN_BYTES: usize = 64;

/// Returns the bytes to write to a pipe. With `raw`, they are the bytes of the message. Otherwise
/// they are a line: the text, or the first bytes of a binary message as hex digits.
pub(crate) fn for_a_pipe(message: &Message, raw: bool) -> Vec<u8> {
    match message {
        Message::Text(text) if raw => text.as_bytes().to_vec(),
        Message::Binary(data) if raw => data.to_vec(),
        Message::Text(text) => format!("{}\n", &**text).into_bytes(),
        Message::Binary(data) => format!("<{}>\n", bytes(data)).into_bytes(),
    }
}

/// Returns a line for a terminal. The line contains at most `most` characters of a text
/// message.
pub(crate) fn for_a_terminal(message: &Message, most: usize) -> String {
    match message {
        Message::Text(text) if text.chars().nth(most).is_some() => {
            let size = counted(text.len() as u64, "byte");
            format!("{} ({size})", pictured(text, most))
        }
        Message::Text(text) => pictured(text, most),
        Message::Binary(data) => format!("<{}>", bytes(data)),
    }
}

/// Returns a JSON object as one line. For a terminal, an escape such as `\u001b` replaces each
/// invisible character.
pub(crate) fn json_line(event: &Value, terminal: bool) -> String {
    escaped(event.to_string(), terminal)
}

/// Prints a report in JSON on stdout. serde_json escapes only the control characters before the
/// space, and others such as DEL can control a terminal, too.
pub(crate) fn print_json(report: String) -> io::Result<()> {
    print(escaped(report, io::stdout().is_terminal()))
}

/// Returns JSON text. For a terminal, an escape replaces each invisible character, except the line
/// ends.
fn escaped(json: String, terminal: bool) -> String {
    let is_plain = |c: char| is_visible(c) || c == '\n';
    if !terminal || json.chars().all(is_plain) {
        return json;
    }
    let mut escaped = String::new();
    for c in json.chars() {
        if is_plain(c) {
            escaped.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a `String` cannot fail.
            write!(escaped, "\\u{unit:04x}").ok();
        }
    }
    escaped
}

/// Returns a message, a ping or a pong as JSON.
pub(crate) fn received(received: &Received) -> Value {
    let (kind, data) = match received {
        Received::Message(Message::Text(data)) => {
            return json!({ "type": "text", "data": &**data });
        }
        Received::Message(Message::Binary(data)) => ("binary", data),
        Received::Ping(data) => ("ping", data),
        Received::Pong(data) => ("pong", data),
    };
    json!({ "type": kind, "base64": BASE64.encode(data) })
}

/// Returns the end of a connection as JSON.
pub(crate) fn end(end: &End) -> Value {
    let close = |by: &str, why: &CloseReason| {
        let mut object =
            json!({ "type": "close", "by": by, "code": why.code(), "reason": why.reason() });
        // A Close frame without a code has code 1005 here. So the member `forbidden` marks a
        // frame that contained a forbidden code, for example 1005.
        if why.is_forbidden() {
            object["forbidden"] = json!(true);
        }
        object
    };
    match end {
        End::ByPeer(why) => close("peer", why),
        End::ByUs(why) => close("us", why),
        End::Broken(reason) => json!({ "type": "broken", "reason": reason }),
    }
}

/// Returns an error as JSON.
pub(crate) fn error(error: &Error) -> Value {
    json!({ "type": "error", "error": error.to_string(), "help": error.help() })
}

/// Returns the number of bytes, then the first [`SHOWN_BYTES`] bytes as hex digits.
pub(crate) fn bytes(data: &[u8]) -> String {
    let digits: Vec<_> = data
        .iter()
        .take(SHOWN_BYTES)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let more = if data.len() > SHOWN_BYTES { " …" } else { "" };
    let colon = if data.is_empty() { "" } else { ": " };
    let count = counted(data.len() as u64, "byte");
    format!("{count}{colon}{}{more}", digits.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// This test needs the feature `preserve_order` of serde_json. Without this feature,
    /// serde_json sorts the members of an object by their names.
    #[test]
    fn a_json_object_begins_with_its_type() {
        let text = Received::Message(Message::from("a\"b"));
        let close = End::ByPeer(CloseReason::new(1000, ""));
        assert_eq!(
            received(&text).to_string(),
            r#"{"type":"text","data":"a\"b"}"#
        );
        assert_eq!(
            end(&close).to_string(),
            r#"{"type":"close","by":"peer","code":1000,"reason":""}"#
        );
    }

    #[test]
    fn bytes_are_counted_and_the_first_are_shown() {
        assert_eq!(bytes(&[]), "0 bytes");
        assert_eq!(bytes(&[7]), "1 byte: 07");
        assert_eq!(bytes(&[0, 255]), "2 bytes: 00 ff");
        assert!(bytes(&[7; 65]).ends_with("07 …"));
    }

    /// a12: in each form, a terminal gets no raw character that could control it.
    #[test]
    fn a12_a_terminal_gets_no_control_character_and_a_pipe_gets_the_original() {
        let hostile = "\x1b[2J\u{7f}\u{9b}31m\u{202e}\u{e0001}ü";
        let text = Message::from(hostile);
        let bytes = Message::Binary(hostile.to_owned().into_bytes().into());
        assert_eq!(
            for_a_terminal(&text, 99),
            "␛[2J␡\u{fffd}31m\u{fffd}\u{fffd}ü"
        );
        assert_eq!(for_a_terminal(&Message::from("abc"), 2), "ab… (3 bytes)");
        assert!(for_a_terminal(&bytes, 99).starts_with("<19 bytes: 1b 5b "));
        assert_eq!(for_a_pipe(&text, false), format!("{hostile}\n").as_bytes());
        assert_eq!(for_a_pipe(&text, true), hostile.as_bytes());
        assert_eq!(for_a_pipe(&bytes, true), hostile.as_bytes());
        let event = received(&Received::Message(text));
        let shown = json_line(&event, true);
        assert!(shown.chars().all(is_visible), "{shown}");
        assert!(
            shown.contains(r"\u007f\u009b31m\u202e\udb40\udc01ü"),
            "{shown}"
        );
        assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), event);
        assert!(json_line(&event, false).contains("\u{9b}31m\u{202e}"));
        let lines = format!("{event:#}\n");
        let shown = escaped(lines.clone(), true);
        assert_eq!(shown.lines().count(), lines.lines().count());
        assert!(shown.lines().all(|line| line.chars().all(is_visible)));
        assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), event);
    }
}
