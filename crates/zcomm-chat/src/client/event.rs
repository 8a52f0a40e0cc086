//! What happens in a chat, seen by one who takes part.
//!
//! A message that was said has three ends, and each is told: it is in the log, it is not,
//! or nobody knows. The third is the one that programs forget.
//!
//! Production adds the second client of the same person: what was read there is read here.

use zcomm_core::{Event, Message};

use crate::envelope::Stamped;

/// What happens in a chat.
#[derive(Debug)]
pub enum ChatEvent {
    /// The server says something, and it is news.
    Heard(Stamped),
    /// The server says something that this program does not know.
    Unknown(Message),
    /// What was said with this id is in the log.
    Settled {
        /// As [`chat`](crate::ChatClient::chat) returned it.
        id: String,
    },
    /// What was said with this id will not be sent again, and was never acknowledged.
    Failed {
        /// As [`chat`](crate::ChatClient::chat) returned it.
        id: String,
        /// In words; they may be the server's.
        why: String,
    },
    /// Something happens to the connection; never [`Event::Message`].
    Connection(Event),
}
