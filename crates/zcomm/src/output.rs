//! What a client prints: for people, for pipes, or for programs.
//!
//! A message comes from a stranger. On a terminal, what could move the cursor or change the
//! title is shown as a picture of itself (`\u{241b}` for ESC); in a pipe it is passed on as it
//! came, because the next program wants the message and not our idea of it.
//!
//! stdout carries the messages and nothing else; what is said about them goes to stderr. As
//! JSON everything is one stream, one object a line.
//!
//! Production writes JSON.

use std::io::{self, IsTerminal, Write};

use data_encoding::BASE64;
use serde::Serialize;
use zcomm_core::{CloseReason, End, Message, Opening, Received};

/// Of a binary message that is shown to people (bytes).
const SHOWN: usize = 64;

/// How messages are written.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Form {
    /// A line each; bytes as digits.
    Lines,
    /// As they came, with nothing in between.
    Bytes,
    /// A JSON object a line, for everything that happens.
    Json,
}

/// What happened, for a program: always with its members in this order.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Object<'a> {
    Text {
        data: &'a str,
    },
    Binary {
        base64: String,
    },
    Ping {
        base64: String,
    },
    Pong {
        base64: String,
    },
    Close {
        by: &'a str,
        code: u16,
        reason: &'a str,
    },
    Broken {
        reason: &'a str,
    },
}

impl<'a> Object<'a> {
    fn close(by: &'a str, why: &'a CloseReason) -> Object<'a> {
        Object::Close {
            by,
            code: why.code(),
            reason: why.reason(),
        }
    }

    fn write(&self) -> io::Result<()> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        write(&line)
    }
}

/// Where everything goes that is told.
pub(crate) struct Output {
    form: Form,
    control: bool,
    terminal: bool,
}

impl Output {
    /// `control`: whether pings, pongs and the end are told, too.
    pub(crate) fn new(form: Form, control: bool) -> Output {
        Output {
            form,
            control,
            terminal: io::stdout().is_terminal(),
        }
    }

    /// The connection is open. Somebody at a terminal would wait for a sign.
    pub(crate) fn connected(&self, opening: &Opening) {
        if self.terminal && io::stdin().is_terminal() {
            let addr = opening.addr;
            note(&format!(
                "* connected with {addr}: each line is a message, Ctrl-D ends"
            ));
        }
    }

    /// The handshake, both ways.
    pub(crate) fn handshake(&self, opening: &Opening) {
        for line in &opening.request {
            note(&format!("> {line}"));
        }
        for line in &opening.response {
            note(&format!("< {line}"));
        }
    }

    /// Something has come. An error means that nobody reads what we write.
    pub(crate) fn received(&mut self, received: &Received) -> io::Result<()> {
        match (self.form, received) {
            (_, Received::Message(message)) => self.message(message),
            (Form::Json, Received::Ping(payload)) => {
                let base64 = BASE64.encode(payload);
                Object::Ping { base64 }.write()
            }
            (Form::Json, Received::Pong(payload)) => {
                let base64 = BASE64.encode(payload);
                Object::Pong { base64 }.write()
            }
            (_, Received::Ping(payload)) => self.frame("ping", payload),
            (_, Received::Pong(payload)) => self.frame("pong", payload),
        }
    }

    /// A ping has left.
    pub(crate) fn sent_ping(&mut self, payload: &[u8]) {
        if self.control && self.form != Form::Json {
            note(&format!("> ping {}", bytes(payload)));
        }
    }

    /// How it ended.
    pub(crate) fn ended(&mut self, end: Option<&End>) {
        let Some(end) = end else { return };
        if self.form == Form::Json {
            let object = match end {
                End::ByPeer(why) => Object::close("peer", why),
                End::ByUs(why) => Object::close("us", why),
                End::Broken(reason) => Object::Broken { reason },
            };
            // Nobody may read any more: the exit code says it, too.
            object.write().ok();
        } else if self.control {
            note(&format!("< {end}"));
        }
    }

    fn message(&self, message: &Message) -> io::Result<()> {
        match (self.form, message) {
            (Form::Json, Message::Text(data)) => Object::Text { data }.write(),
            (Form::Json, Message::Binary(data)) => {
                let base64 = BASE64.encode(data);
                Object::Binary { base64 }.write()
            }
            (Form::Bytes, Message::Text(text)) => write(text.as_bytes()),
            (Form::Bytes, Message::Binary(data)) => write(data),
            (Form::Lines, Message::Text(text)) if self.terminal => {
                write((visible(text) + "\n").as_bytes())
            }
            (Form::Lines, Message::Text(text)) => write(format!("{}\n", &**text).as_bytes()),
            (Form::Lines, Message::Binary(data)) => {
                write(format!("<{}>\n", bytes(data)).as_bytes())
            }
        }
    }

    fn frame(&self, kind: &str, payload: &[u8]) -> io::Result<()> {
        if self.control {
            note(&format!("< {kind} {}", bytes(payload)));
        }
        Ok(())
    }
}

/// Everything in one write: a reader on the other side sees whole messages.
fn write(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// When stderr is gone there is nobody to tell.
fn note(line: &str) {
    writeln!(io::stderr(), "{line}").ok();
}

/// The number of bytes, and the first of them as digits.
fn bytes(data: &[u8]) -> String {
    let digits: Vec<_> = data
        .iter()
        .take(SHOWN)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let more = if data.len() > SHOWN { " …" } else { "" };
    let colon = if data.is_empty() { "" } else { ": " };
    let count = counted(data.len() as u64, "byte");
    format!("{count}{colon}{}{more}", digits.join(" "))
}

/// So many of them: `1 byte`, `2 bytes`.
pub(crate) fn counted(count: u64, thing: &str) -> String {
    match count {
        1 => format!("1 {thing}"),
        count => format!("{count} {thing}s"),
    }
}

/// A text for a terminal: what would control it becomes a picture of itself.
pub(crate) fn visible(text: &str) -> String {
    let picture = |c: char| match c {
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)),
        '\u{7f}' => Some('\u{2421}'),
        // C1 controls, and what turns the direction of writing or hides.
        '\u{80}'..='\u{9f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}' => Some(char::REPLACEMENT_CHARACTER),
        c => Some(c),
    };
    text.chars().filter_map(picture).collect()
}

/// The lines of a text, none wider than this unless one word is.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// a12: a hostile server cannot move the cursor, change the title or forge a line.
    #[test]
    fn a12_what_could_control_a_terminal_is_a_picture() {
        let hostile = "\x1b]0;pwn\x07\r\nforged\u{9b}2J\u{202e}x\x7f";
        let shown = "␛]0;pwn␇␍␊forged\u{fffd}2J\u{fffd}x␡";
        assert_eq!(visible(hostile), shown);
        assert_eq!(visible("Grüße, 世界 🌍"), "Grüße, 世界 🌍");
    }

    /// A map would sort them, or not, by what else is built beside it.
    #[test]
    fn an_object_begins_with_its_type() {
        let text = Object::Text { data: "a\"b" };
        let close = Object::Close {
            by: "peer",
            code: 1000,
            reason: "",
        };
        let json = |object: &Object| serde_json::to_string(object).unwrap();
        assert_eq!(json(&text), r#"{"type":"text","data":"a\"b"}"#);
        assert_eq!(
            json(&close),
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

    #[test]
    fn a_text_is_wrapped_between_its_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("one two three", 6), ["one", "two", "three"]);
        assert_eq!(wrapped("longer than that", 3), ["longer", "than", "that"]);
        assert_eq!(wrapped("", 3), [""]);
    }
}
