//! The events that a client of the chat gives to its caller.
//!
//! A message that the caller sends has three possible results: it is in the log, it is not in
//! the log, or the client cannot know. Programs often forget the third result.
//! [`ChatEvent::Failed`] means the second or the third result.

use zcomm_core::{Event, Message};

use crate::envelope::Stamped;

/// An event in a chat.
#[derive(Debug)]
pub enum ChatEvent {
    /// A message from the server. The caller gets each message once.
    Received(Stamped),
    /// A message from the server that this client cannot read.
    Unknown(Message),
    /// The message with this id is in the log.
    Acknowledged {
        /// The id that [`chat`](crate::ChatClient::chat) returned.
        id: String,
    },
    /// The client got no ack for the message with this id, and will not send the message again.
    Failed {
        /// The id that [`chat`](crate::ChatClient::chat) returned.
        id: String,
        /// The reason, as a sentence from the client or the server.
        why: String,
    },
    /// An event of the connection, but never [`Event::Message`].
    Connection(Event),
}
