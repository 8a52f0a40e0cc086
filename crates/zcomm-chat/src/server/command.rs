//! The commands that change a chat.
//!
//! Everything that another person can see is a command: to log in, to enter a room, to say
//! something. A server alone applies a command at once. If several servers are one chat, all
//! servers apply the same commands in the same order. So all servers come to the same state.
//!
//! This works only if the result of a command depends on nothing but the state, the command and
//! the command's time. A command never reads a clock, and makes no random number.
//!
//! A command with an unknown name or field comes from a newer version of this program. A server
//! must not skip this command: see `replica`.

use std::{ops::Range, sync::Arc};

use serde::{Deserialize, Serialize};
use zcomm_core::Token;

use crate::{
    envelope::{Fault, ServerMessage},
    server::{
        digest,
        room::{Presence, Room},
        sessions::Login,
        ticket::ShownTicket,
    },
};

/// A change of the chat. A client or a server asks for it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Command {
    /// Resumes the session of a ticket, or opens a session with a name.
    LogIn(LogIn),
    /// A connection has ended. After a goodbye, the session ends, too.
    End {
        session: u64,
        client: u64,
        login: u64,
        goodbye: bool,
    },
    /// A session enters a room.
    Enter {
        session: u64,
        login: u64,
        room: String,
    },
    /// A session leaves a room.
    Leave {
        session: u64,
        login: u64,
        room: String,
    },
    /// A message to a room.
    Say {
        session: u64,
        room: String,
        text: String,
        id: Option<String>,
    },
    /// A message to all clients.
    Broadcast {
        session: u64,
        text: String,
        id: Option<String>,
    },
    /// A message to one person.
    Direct {
        session: u64,
        to: String,
        text: String,
        id: Option<String>,
    },
    /// A server stops. The people on this server leave their rooms, and can reconnect to another
    /// server.
    Stop,
    /// The chat begins anew with a new `epoch`, because Redis has lost entries. When a server
    /// noticed the loss, `after` was the number of the newest entry.
    Begin { epoch: String, after: u64 },
    /// A person is typing.
    Typing {
        session: u64,
        client: u64,
        room: String,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogIn {
    pub(crate) client: u64,
    pub(crate) token_name: Option<String>,
    pub(crate) ticket: Option<ShownTicket>,
    /// The name of a new session; `None` if the client cannot have the name that it asks for.
    pub(crate) name: Option<String>,
    /// The secret of a new session.
    #[serde(with = "digest")]
    pub(crate) secret: Token,
}

/// The result of a command, for the client that sent it.
pub(crate) enum Outcome {
    /// `None` if no session was resumed and the name cannot be used.
    LoggedIn(Option<Login>),
    Entered(Result<Entered, Fault>),
    /// The ack; `None` if the message has no id.
    Said(Result<Option<ServerMessage>, Fault>),
    Done,
    /// The command was for an older state, which was replaced.
    Stale,
}

pub(crate) struct Entered {
    pub(crate) room: Arc<Room>,
    pub(crate) presence: Presence,
    /// The positions of the messages that the room still has.
    pub(crate) held: Range<u64>,
}
