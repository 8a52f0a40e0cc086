//! The connection of one person, and the messages that are not shown yet.
//!
//! The server reads messages from several logs, so the order of the messages is not fixed. For
//! example, an ack may arrive before or after the message that it confirms. So a client that
//! waits for one message keeps the other messages that arrive.

use std::{collections::VecDeque, time::Duration};

use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use zcomm_core::{ClientSocket, ConnectOptions, End, Error, Message, Result};

/// A client keeps at most this number of messages. When one more message arrives, the oldest
/// message is dropped.
const KEPT: usize = 1000;
/// The time limit to wait for a message.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct Client {
    socket: ClientSocket,
    received: VecDeque<Incoming>,
}

/// A text message from the server.
#[derive(Clone)]
pub(super) struct Incoming {
    pub(super) text: String,
    /// The text as JSON. Null if the text is not JSON.
    pub(super) value: Value,
}

impl Incoming {
    /// Whether the message has these fields. It may have more fields.
    fn has(&self, expected: &Value) -> bool {
        let fields = expected.as_object();
        fields.is_some_and(|fields| {
            let mut fields = fields.iter();
            fields.all(|(name, value)| self.value.get(name) == Some(value))
        })
    }
}

/// Why a message was not received.
pub(super) enum Missed {
    /// The message did not arrive in time. Contains the newest kept message of the expected type.
    /// If no message has this type, contains the newest kept message of any type.
    Late(Option<Incoming>),
    /// The server sent this error message instead.
    Refused(String),
    /// The connection ended.
    Ended(String),
}

impl Client {
    pub(super) async fn connect(options: &ConnectOptions) -> Result<Client> {
        Ok(Client {
            socket: ClientSocket::connect_with(options).await?,
            received: VecDeque::new(),
        })
    }

    pub(super) async fn send(&mut self, text: &str) -> Result<()> {
        let sent = self.socket.send(text).await;
        sent.map_err(|_| Error::Ended {
            what: self.end(),
            help: self.socket.end().and_then(End::help),
        })
    }

    /// Finds the message that has the expected fields, and returns its text. First searches the
    /// kept messages, then waits for new messages.
    pub(super) async fn receive(&mut self, expected: &Value) -> Result<String, Missed> {
        let until = Instant::now() + PATIENCE;
        // An unexpected error message also ends the wait: after this error message, the expected
        // message will not arrive.
        let ends = |message: &Incoming| message.has(expected) || message.value["type"] == "error";
        let mut found = self.received.iter().position(ends);
        loop {
            match found.and_then(|index| self.received.remove(index)) {
                Some(message) if message.has(expected) => return Ok(message.text),
                Some(error) => return Err(Missed::Refused(error.text)),
                None => {}
            }
            match timeout_at(until, self.socket.recv()).await {
                Ok(Some(message)) => self.keep(message),
                Ok(None) => return Err(Missed::Ended(self.end())),
                Err(_) => return Err(self.late(expected)),
            }
            // Check only the newest message, because all older messages have been checked.
            let newest = self.received.len().checked_sub(1);
            found = newest.filter(|index| ends(&self.received[*index]));
        }
    }

    /// Drops all kept messages.
    pub(super) fn forget(&mut self) {
        self.received.clear();
    }

    /// Receives and keeps messages, and answers the server's pings. Never returns.
    pub(super) async fn listen(&mut self) {
        while let Some(message) = self.socket.recv().await {
            self.keep(message);
        }
        std::future::pending().await
    }

    /// Waits until the server closes the connection. Returns `None` if the connection is still
    /// open after [`PATIENCE`].
    pub(super) async fn closed(&mut self) -> Option<&End> {
        let closed = async { while self.socket.recv().await.is_some() {} };
        timeout_at(Instant::now() + PATIENCE, closed).await.ok()?;
        self.socket.end()
    }

    /// Closes the connection. Returns the code and reason of the server's Close frame.
    pub(super) async fn close(&mut self) -> Result<String> {
        let why = self.socket.close(1000, "").await?;
        Ok(why.to_string())
    }

    fn late(&self, expected: &Value) -> Missed {
        let mut newest = self.received.iter().rev();
        let near = newest.find(|message| message.value["type"] == expected["type"]);
        Missed::Late(near.or(self.received.back()).cloned())
    }

    fn end(&self) -> String {
        self.socket.end().map(End::to_string).unwrap_or_default()
    }

    fn keep(&mut self, message: Message) {
        let Message::Text(text) = message else {
            return;
        };
        if self.received.len() == KEPT {
            self.received.pop_front();
        }
        let value = serde_json::from_str(&text).unwrap_or_default();
        let text = text.to_string();
        self.received.push_back(Incoming { text, value });
    }
}
