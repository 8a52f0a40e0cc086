//! Prints the output of `zcomm listen`: lines, raw bytes (`--binary`) or JSON (`--json`).
//!
//! Messages go to stdout, and all other output goes to stderr. In JSON mode, all events go to
//! stdout, one object per line. With a line editor, everything is printed above the line that
//! the user types.
//!
//! Without a line editor, a thread writes to stdout. The queue of this thread has a limit.
//! When the queue is full, the clients wait. So no message is lost when the next program in
//! the pipe is slow.

use std::{
    io::{self, IsTerminal, Write},
    thread,
};

use serde_json::{Value, json};
use tokio::sync::mpsc;
use zcomm_core::{ClientInfo, End, Message, Received};

use super::arguments::Arguments;
use crate::shared::{
    console::Printer,
    print::{self, for_a_pipe, for_a_terminal, json_line},
};

/// At most this number of events wait for the thread that writes to stdout.
const EVENTS: usize = 64;
/// At most this number of characters of a message are shown on a terminal.
const SHOWN: usize = 100_000;

/// Prints lines that are not messages, on stderr.
#[derive(Clone)]
pub(super) struct Notes(pub(super) Option<Printer>);

impl Notes {
    pub(super) fn note(&self, line: &str) {
        match &self.0 {
            Some(printer) if io::stderr().is_terminal() => printer.print(line.to_owned()),
            // When stderr is closed, the line is dropped.
            _ => drop(writeln!(io::stderr(), "{line}")),
        }
    }
}

/// Prints the events of all clients.
pub(super) struct Output {
    json: bool,
    /// Whether a pipe gets the bytes of a message and nothing else.
    raw: bool,
    /// Whether stdout is a terminal.
    terminal: bool,
    /// Prints above the line that the user types. `None` without a line editor.
    printer: Option<Printer>,
    events: mpsc::Sender<Vec<u8>>,
}

impl Output {
    /// Starts the thread that writes to stdout. If stdout fails, the error is sent through the
    /// returned channel. The channel closes when the last event is printed.
    pub(super) fn start(
        arguments: &Arguments,
        printer: Option<Printer>,
    ) -> (Output, mpsc::Receiver<io::Error>) {
        let (events, waiting) = mpsc::channel(EVENTS);
        let (sender, failed) = mpsc::channel(1);
        thread::spawn(move || {
            if let Err(error) = write(waiting) {
                // Sending fails only after the end of the server.
                sender.blocking_send(error).ok();
            }
        });
        let out = Output {
            json: arguments.json,
            raw: arguments.binary,
            terminal: io::stdout().is_terminal(),
            printer,
            events,
        };
        (out, failed)
    }

    /// In JSON mode, prints the address of the server, because another program may need the port.
    pub(super) async fn listening(&self, url: &str) {
        self.event(&json!({ "type": "listening", "url": url }))
            .await;
    }

    /// In JSON mode, prints that a client has connected. The log on stderr also reports this.
    pub(super) async fn opened(&self, client: &ClientInfo) {
        let peer = client.peer_addr.to_string();
        let event = json!({ "type": "open", "peer": peer });
        self.event(&of(client, event)).await;
    }

    /// Prints a message. On a terminal, the line begins with the number of the client.
    pub(super) async fn received(&self, client: &ClientInfo, message: &Message) {
        if self.json {
            let event = print::received(&Received::Message(message.clone()));
            return self.event(&of(client, event)).await;
        }
        let id = client.id;
        match self.terminal {
            true => {
                self.line(format!("{id}: {}", for_a_terminal(message, SHOWN)))
                    .await;
            }
            false => self.put(for_a_pipe(message, self.raw)).await,
        }
    }

    /// In JSON mode, prints how a connection ended. The log on stderr also reports this.
    pub(super) async fn closed(&self, client: &ClientInfo, end: &End) {
        self.event(&of(client, print::end(end))).await;
    }

    async fn event(&self, event: &Value) {
        if self.json {
            self.line(json_line(event, self.terminal)).await;
        }
    }

    async fn line(&self, line: String) {
        match &self.printer {
            Some(printer) => printer.print(line),
            None => self.put((line + "\n").into_bytes()).await,
        }
    }

    async fn put(&self, event: Vec<u8>) {
        // Sending fails when stdout is closed. Then the server stops.
        self.events.send(event).await.ok();
    }
}

/// Inserts the number of the client into an event, after the type.
fn of(client: &ClientInfo, event: Value) -> Value {
    let mut named = json!({ "type": event["type"], "client": u64::from(client.id) });
    if let (Value::Object(named), Value::Object(event)) = (&mut named, event) {
        named.extend(event);
    }
    named
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
