//! What a client of the chat tells its caller.
//!
//! A message that the caller sends has three possible ends: it is in the log, it is not, or that
//! is unknown. Programs often forget the third. [`ChatEvent::Failed`] covers the last two.

use zcomm_core::{Event, Message};

use crate::envelope::Stamped;

/// An event in a chat.
#[derive(Debug)]
pub enum ChatEvent {
    /// A message from the server, each once.
    Received(Stamped),
    /// A message from the server that this program does not know.
    Unknown(Message),
    /// The message with this id is in the log.
    Acknowledged {
        /// As [`chat`](crate::ChatClient::chat) returned it.
        id: String,
    },
    /// The message with this id was never acknowledged, and will not be sent again.
    Failed {
        /// As [`chat`](crate::ChatClient::chat) returned it.
        id: String,
        /// The reason, in words. They can be the server's.
        why: String,
    },
    /// An event of the connection; never [`Event::Message`].
    Connection(Event),
}
