//! The server's answer to a message that it rejects.
//!
//! A fault has a code for programs and a sentence for people. It may also have the name of the
//! wrong field and the id of the wrong message. The connection stays open, because learners make
//! mistakes.
//!
//! In production, count faults by code. Before users complain, the counts show that a new version
//! of a client is broken.

use serde::{Deserialize, Serialize};
use zcomm_core::Error;

/// Why the server rejected a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(
    missing_docs,
    reason = "the fields are those of the wire; their use is with each code"
)]
pub struct Fault {
    pub code: Code,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_ms: Option<u64>,
}

/// The kinds of [`Fault`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The message is not JSON; the error is at column `at`.
    BadJson,
    /// The message is not an object, or a `field` is missing, is invalid or appears twice.
    BadMessage,
    /// The server does not know the `type` of the message.
    UnknownType,
    /// The `field` has no visible characters.
    Empty,
    /// The `field` has too many characters.
    TooLong,
    /// The `field` cannot be the name of a person or a room.
    BadName,
    /// The client is not in the room that the message names.
    NotJoined,
    /// No session has the name of the receiver.
    NoSuchUser,
    /// The client is in the maximum number of rooms, or the server has no space for a new room.
    TooManyRooms,
    /// The client sends too fast. It can send the message again after `retry_ms` milliseconds.
    RateLimited,
    /// The server cannot store the message now.
    Busy,
    /// The server cannot reach the other servers of the chat now. The client can send the message
    /// again, with the same id, after `retry_ms` milliseconds.
    Unavailable,
}

impl Fault {
    /// Makes a fault. `message` is the sentence for people.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Fault {
        Fault {
            code,
            message: message.into(),
            field: None,
            id: None,
            at: None,
            retry_ms: None,
        }
    }

    /// Makes the fault for a name that contains a token of this server. Every client would see the
    /// name, so the token would not be secret any more.
    pub(crate) fn token_as_name(field: &str) -> Fault {
        let why = "this is a token of this server, and a name is shown to everyone: choose a name, \
                   and send the token as ?token=... in the address";
        Fault::new(Code::BadName, why).field(field)
    }

    /// Makes the fault for a position that the server cannot have written.
    pub(crate) fn bad_position(field: &str) -> Fault {
        let why = format!("{field} must be a position that the server sent, as in \"12\"");
        Fault::new(Code::BadMessage, why).field(field)
    }

    /// Adds the name of the wrong field.
    #[must_use]
    pub fn field(mut self, field: &str) -> Fault {
        self.field = Some(field.to_owned());
        self
    }

    /// Adds the id of the client's message, if the message has an id.
    #[must_use]
    pub fn id(mut self, id: Option<String>) -> Fault {
        self.id = id;
        self
    }

    /// Whether the message itself is wrong. The same message would also fail later.
    #[must_use]
    pub fn is_malformed(&self) -> bool {
        use Code::{BadJson, BadMessage, BadName, Empty, TooLong, UnknownType};
        matches!(
            self.code,
            BadJson | BadMessage | UnknownType | Empty | TooLong | BadName
        )
    }
}

/// A log refuses a message that is too large. A log also refuses every message when the server
/// stops, but then the server sends no fault: see `Person`.
impl From<Error> for Fault {
    fn from(_: Error) -> Fault {
        Fault::new(Code::Busy, "this message is too large for the log")
    }
}
