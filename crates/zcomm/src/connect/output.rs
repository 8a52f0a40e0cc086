//! What `zcomm connect` prints: lines for people, bytes for pipes, or JSON for programs.
//!
//! stdout carries the messages and nothing else; everything about them goes to stderr. In
//! JSON mode all events go to stdout, one object a line.
//!
//! The server may send control characters. A terminal gets pictures of them (`␛` for ESC).
//! A pipe gets the message unchanged, because the next program wants the original.

use std::io::{self, IsTerminal, Write};

use data_encoding::BASE64;
use serde::Serialize;
use zcomm_core::{End, Message, Opening, Received};

use crate::shared::text::{counted, visible};

/// How many bytes of a binary message are shown to people.
const SHOWN: usize = 64;

/// How messages are written.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Format {
    /// One line for each message; binary data as hex digits.
    Lines,
    /// The bytes of each message, with no separator.
    Bytes,
    /// One JSON object a line, for every event.
    Json,
}

/// An event as JSON. Its members keep this order.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Object<'a> {
    Text { data: &'a str },
    Binary(Payload),
    Ping(Payload),
    Pong(Payload),
    Close(Close<'a>),
    Broken { reason: &'a str },
}

#[derive(Serialize)]
struct Payload {
    base64: String,
}

#[derive(Serialize)]
struct Close<'a> {
    by: &'a str,
    code: u16,
    reason: &'a str,
}

impl<'a> Object<'a> {
    fn received(received: &'a Received) -> Object<'a> {
        let payload = |data: &[u8]| Payload {
            base64: BASE64.encode(data),
        };
        match received {
            Received::Message(Message::Text(data)) => Object::Text { data },
            Received::Message(Message::Binary(data)) => Object::Binary(payload(data)),
            Received::Ping(data) => Object::Ping(payload(data)),
            Received::Pong(data) => Object::Pong(payload(data)),
        }
    }

    fn ended(end: &'a End) -> Object<'a> {
        let (by, why) = match end {
            End::ByPeer(why) => ("peer", why),
            End::ByUs(why) => ("us", why),
            End::Broken(reason) => return Object::Broken { reason },
        };
        let (code, reason) = (why.code(), why.reason());
        Object::Close(Close { by, code, reason })
    }

    fn write(&self) -> io::Result<()> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        write(&line)
    }
}

/// Prints the events of one connection.
pub(super) struct Output {
    format: Format,
    /// Whether pings, pongs and the end are printed on stderr.
    control: bool,
    terminal: bool,
}

impl Output {
    pub(super) fn new(format: Format, control: bool) -> Output {
        Output {
            format,
            control,
            terminal: io::stdout().is_terminal(),
        }
    }

    /// Says that the connection is open, where a person types and reads.
    pub(super) fn connected(&self, opening: &Opening) {
        if self.terminal && io::stdin().is_terminal() {
            note(&format!(
                "* connected to {}: each line is a message, Ctrl-D closes",
                opening.addr
            ));
        }
    }

    /// Prints the request and the response of the handshake on stderr.
    pub(super) fn handshake(&self, opening: &Opening) {
        for line in &opening.request {
            note(&format!("> {line}"));
        }
        for line in &opening.response {
            note(&format!("< {line}"));
        }
    }

    /// Prints a message, a ping or a pong. Fails when stdout cannot be written.
    pub(super) fn received(&self, received: &Received) -> io::Result<()> {
        if self.format == Format::Json {
            return Object::received(received).write();
        }
        match received {
            Received::Message(message) => self.message(message)?,
            Received::Ping(payload) => self.control_frame("< ping", payload),
            Received::Pong(payload) => self.control_frame("< pong", payload),
        }
        Ok(())
    }

    fn message(&self, message: &Message) -> io::Result<()> {
        match (self.format, message) {
            (Format::Bytes, Message::Text(text)) => write(text.as_bytes()),
            (Format::Bytes, Message::Binary(data)) => write(data),
            (_, Message::Text(text)) if self.terminal => write((visible(text) + "\n").as_bytes()),
            (_, Message::Text(text)) => write(format!("{}\n", &**text).as_bytes()),
            (_, Message::Binary(data)) => write(format!("<{}>\n", bytes(data)).as_bytes()),
        }
    }

    /// Prints a ping that was sent.
    pub(super) fn sent_ping(&self, payload: &[u8]) {
        if self.format != Format::Json {
            self.control_frame("> ping", payload);
        }
    }

    /// Prints how the connection ended.
    pub(super) fn ended(&self, end: Option<&End>) {
        let Some(end) = end else { return };
        if self.format == Format::Json {
            // The reader may be gone. The exit code reports the end, too.
            Object::ended(end).write().ok();
        } else if self.control {
            note(&format!("< {end}"));
        }
    }

    fn control_frame(&self, kind: &str, payload: &[u8]) {
        if self.control {
            note(&format!("{kind} {}", bytes(payload)));
        }
    }
}

/// Writes and flushes a message at once, so that the next program gets whole messages.
fn write(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// Prints a line on stderr. When stderr is closed, the line is dropped.
fn note(line: &str) {
    writeln!(io::stderr(), "{line}").ok();
}

/// Returns the number of bytes, and the first of them as hex digits.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A map would sort the members by their names.
    #[test]
    fn a_json_object_begins_with_its_type() {
        let text = Object::Text { data: "a\"b" };
        let close = Object::Close(Close {
            by: "peer",
            code: 1000,
            reason: "",
        });
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
}
