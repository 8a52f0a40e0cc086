//! Prints the output of `zcomm connect`: lines, raw bytes (`--binary`) or JSON (`--json`).
//!
//! Messages go to stdout, and all other output goes to stderr. In JSON mode, all events go to
//! stdout, one object per line.
//!
//! The server may send control characters, which could control the user's terminal. So a
//! terminal gets a picture of each control character (`␛` for ESC). A pipe gets the message
//! unchanged, because the next program needs the original.

use std::io::{self, IsTerminal, Write};

use data_encoding::BASE64;
use serde_json::{Value, json};
use zcomm_core::{End, Error, Message, Opening, Received};

use super::arguments::Arguments;
use crate::shared::text::{counted, visible};

/// The largest number of bytes of one payload that are shown as hex digits.
const SHOWN: usize = 64;

impl Arguments {
    /// With `--verbose`, prints the request and the response of a handshake that the server has
    /// refused.
    pub(super) fn show_refused(&self, error: &Error) {
        if let Error::Connect(error) = error
            && let Some(exchange) = error.exchange()
            && self.verbose
        {
            handshake(&exchange.request, &exchange.response);
        }
    }
}

/// Prints the events of one connection.
pub(super) struct Output<'a> {
    arguments: &'a Arguments,
    terminal: bool,
}

impl<'a> Output<'a> {
    pub(super) fn new(arguments: &'a Arguments) -> Output<'a> {
        Output {
            arguments,
            terminal: io::stdout().is_terminal(),
        }
    }

    /// Prints on stderr that the connection is open, if stdin and stdout are a terminal. With
    /// `--verbose`, also prints the request and the response of the handshake on stderr.
    pub(super) fn connected(&self, opening: &Opening) {
        if self.terminal && io::stdin().is_terminal() {
            note(&format!(
                "* connected to {}: each line is a message, Ctrl-D closes",
                opening.addr
            ));
        }
        if !self.arguments.verbose {
            return;
        }
        handshake(&opening.request, &opening.response);
    }

    /// Prints a message, a ping or a pong. Fails when stdout cannot be written.
    pub(super) fn received(&self, received: &Received) -> io::Result<()> {
        if self.arguments.json {
            return write(format!("{}\n", received_json(received)));
        }
        match received {
            Received::Message(message) => self.message(message)?,
            Received::Ping(payload) => self.control_frame("< ping", payload),
            Received::Pong(payload) => self.control_frame("< pong", payload),
        }
        Ok(())
    }

    fn message(&self, message: &Message) -> io::Result<()> {
        match message {
            Message::Text(text) if self.arguments.binary => write(text.as_bytes()),
            Message::Binary(data) if self.arguments.binary => write(data),
            Message::Text(text) if self.terminal => write(visible(text) + "\n"),
            Message::Text(text) => write(format!("{}\n", &**text)),
            Message::Binary(data) => write(format!("<{}>\n", bytes(data))),
        }
    }

    /// Prints how the connection ended.
    pub(super) fn ended(&self, end: Option<&End>) {
        let Some(end) = end else { return };
        if self.arguments.json {
            // If stdout is closed, ignore the error, because the exit code still reports the end.
            write(format!("{}\n", end_json(end))).ok();
        } else if self.arguments.show_control {
            note(&format!("< {end}"));
        }
    }

    /// With `--show-control`, prints a ping or a pong on stderr. In JSON mode, prints nothing,
    /// because [`Self::received`] prints received pings and pongs on stdout.
    pub(super) fn control_frame(&self, kind: &str, payload: &[u8]) {
        if self.arguments.show_control && !self.arguments.json {
            note(&format!("{kind} {}", bytes(payload)));
        }
    }
}

fn received_json(received: &Received) -> Value {
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

fn end_json(end: &End) -> Value {
    let (by, why) = match end {
        End::ByPeer(why) => ("peer", why),
        End::ByUs(why) => ("us", why),
        End::Broken(reason) => return json!({ "type": "broken", "reason": reason }),
    };
    json!({ "type": "close", "by": by, "code": why.code(), "reason": why.reason() })
}

/// Writes a message to stdout. Flushes stdout, so that the next program gets the message at once.
fn write(message: impl AsRef<[u8]>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(message.as_ref())?;
    out.flush()
}

/// Prints the lines of a handshake on stderr.
fn handshake(request: &[String], response: &[String]) {
    for line in request {
        note(&format!("> {line}"));
    }
    for line in response {
        note(&format!("< {line}"));
    }
}

/// Prints a line on stderr. When stderr is closed, the line is dropped.
fn note(line: &str) {
    writeln!(io::stderr(), "{line}").ok();
}

/// Returns the number of bytes, then the first [`SHOWN`] bytes as hex digits.
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
    use zcomm_core::CloseReason;

    use super::*;

    /// Needs serde_json's feature `preserve_order`. Without this feature, serde_json sorts the
    /// members of an object by their names.
    #[test]
    fn a_json_object_begins_with_its_type() {
        let text = Received::Message(Message::from("a\"b"));
        let close = End::ByPeer(CloseReason::new(1000, ""));
        assert_eq!(
            received_json(&text).to_string(),
            r#"{"type":"text","data":"a\"b"}"#
        );
        assert_eq!(
            end_json(&close).to_string(),
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
