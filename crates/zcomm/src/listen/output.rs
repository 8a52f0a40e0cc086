//! Prints what the clients of `zcomm listen` do: lines, raw bytes (`--binary`) or JSON (`--json`).
//!
//! Messages go to stdout, and all other output goes to stderr. In JSON mode, all events go to
//! stdout, one object per line.
//!
//! A client may send control characters, which could control the user's terminal. So a terminal
//! gets a picture of each control character (`␛` for ESC). A pipe gets the message unchanged,
//! because the next program needs the original.
//!
//! A thread writes to stdout. Its queue has a limit. When the queue is full, the clients wait,
//! so no message is lost when the next program in the pipe is slow.

use std::{
    io::{self, IsTerminal, Write},
    thread,
};

use data_encoding::BASE64;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use zcomm_core::{ClientInfo, End, Message};

use super::arguments::Arguments;
use crate::shared::text::{counted, visible};

/// The largest number of events that wait for the thread.
const EVENTS: usize = 64;
/// The largest number of bytes of one message that are shown as hex digits.
const SHOWN: usize = 64;

/// How a message is printed.
#[derive(Clone, Copy)]
enum Form {
    /// One line for each message. A terminal also gets the number of the client.
    Lines {
        terminal: bool,
    },
    /// The bytes of the message, and nothing else.
    Raw,
    Json,
}

/// Prints what is not a message, on stderr.
#[derive(Clone)]
pub(super) struct Notes;

impl Notes {
    /// Prints a line. When stderr is closed, the line is dropped.
    pub(super) fn note(&self, line: &str) {
        writeln!(io::stderr(), "{line}").ok();
    }
}

/// Prints the events of all clients.
pub(super) struct Output {
    form: Form,
    events: mpsc::Sender<Vec<u8>>,
}

impl Output {
    /// Starts the thread. The returned channel gets the error of stdout. It ends when the last
    /// event is printed.
    pub(super) fn start(arguments: &Arguments) -> (Output, mpsc::Receiver<io::Error>) {
        let terminal = io::stdout().is_terminal();
        let form = match (arguments.json, arguments.binary) {
            (true, _) => Form::Json,
            (false, true) if !terminal => Form::Raw,
            (false, _) => Form::Lines { terminal },
        };
        let (events, waiting) = mpsc::channel(EVENTS);
        let (sender, failed) = mpsc::channel(1);
        thread::spawn(move || {
            if let Err(error) = write(waiting) {
                // Sending fails only after the end of the server.
                sender.blocking_send(error).ok();
            }
        });
        (Output { form, events }, failed)
    }

    /// Prints the address of the server, in JSON mode only: a program needs the port.
    pub(super) async fn listening(&self, url: &str) {
        self.event(json!({ "type": "listening", "url": url })).await;
    }

    pub(super) async fn opened(&self, client: &ClientInfo) {
        let (id, peer) = (u64::from(client.id), client.peer_addr.to_string());
        self.event(json!({ "type": "open", "client": id, "peer": peer }))
            .await;
    }

    pub(super) async fn received(&self, client: &ClientInfo, message: &Message) {
        let id = u64::from(client.id);
        self.put(match (self.form, message) {
            (Form::Json, Message::Text(data)) => line(&json!({
                "type": "text", "client": id, "data": &**data
            })),
            (Form::Json, Message::Binary(data)) => line(&json!({
                "type": "binary", "client": id, "base64": BASE64.encode(data)
            })),
            (Form::Raw, Message::Text(text)) => text.as_bytes().to_vec(),
            (Form::Raw, Message::Binary(data)) => data.to_vec(),
            (Form::Lines { terminal: true }, Message::Text(text)) => {
                format!("{id}: {}\n", visible(text)).into()
            }
            (Form::Lines { terminal: true }, Message::Binary(data)) => {
                format!("{id}: <{}>\n", bytes(data)).into()
            }
            (Form::Lines { terminal: false }, Message::Text(text)) => {
                format!("{}\n", &**text).into()
            }
            (Form::Lines { terminal: false }, Message::Binary(data)) => {
                format!("<{}>\n", bytes(data)).into()
            }
        })
        .await;
    }

    /// Prints how a connection ended, in JSON mode only: the log says the same on stderr.
    pub(super) async fn closed(&self, client: &ClientInfo, end: &End) {
        let id = u64::from(client.id);
        let (by, why) = match end {
            End::ByPeer(why) => ("peer", why),
            End::ByUs(why) => ("us", why),
            End::Broken(reason) => {
                let event = json!({ "type": "broken", "client": id, "reason": reason });
                return self.event(event).await;
            }
        };
        let (code, reason) = (why.code(), why.reason());
        self.event(json!({
            "type": "close", "client": id, "by": by, "code": code, "reason": reason
        }))
        .await;
    }

    async fn event(&self, event: Value) {
        if matches!(self.form, Form::Json) {
            self.put(line(&event)).await;
        }
    }

    async fn put(&self, event: Vec<u8>) {
        // Sending fails when stdout is closed. Then the server stops, and reports why.
        self.events.send(event).await.ok();
    }
}

/// Writes each event, and flushes it, so that the next program gets the event at once.
fn write(mut events: mpsc::Receiver<Vec<u8>>) -> io::Result<()> {
    while let Some(event) = events.blocking_recv() {
        let mut out = io::stdout().lock();
        out.write_all(&event)?;
        out.flush()?;
    }
    Ok(())
}

fn line(event: &Value) -> Vec<u8> {
    format!("{event}\n").into()
}

/// Returns the number of bytes, then the first [`SHOWN`] bytes as hex digits.
fn bytes(data: &[u8]) -> String {
    let digits = data.iter().take(SHOWN).map(|byte| format!(" {byte:02x}"));
    let digits: String = digits.collect();
    let more = if data.len() > SHOWN { " …" } else { "" };
    let colon = if data.is_empty() { "" } else { ":" };
    let count = counted(data.len() as u64, "byte");
    format!("{count}{colon}{digits}{more}")
}
