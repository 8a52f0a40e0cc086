//! A copy of a log of the chat, for a server that starts later.
//!
//! A copy has only the newest messages. A client that missed older messages gets a gap message.

use serde::{Deserialize, Serialize};
use zcomm_core::{Hub, Message};

/// The newest messages of a log.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogImage {
    /// The position of the first message.
    first: u64,
    messages: Vec<String>,
}

impl LogImage {
    /// A copy of at most this number of bytes.
    pub(crate) fn of(log: &Hub, bytes: usize) -> LogImage {
        let (first, messages) = log.newest(bytes);
        let text = |message: Message| match message {
            Message::Text(text) => text.to_string(),
            // No log of the chat has binary messages.
            Message::Binary(_) => String::new(),
        };
        let messages = messages.into_iter().map(text).collect();
        LogImage { first, messages }
    }

    /// Fills a new log with the copy.
    pub(crate) fn restore(self, log: &Hub) {
        log.restore(self.first, self.messages.into_iter().map(Message::from));
    }
}
