//! Why a message was not taken, as a client is told.
//!
//! A client that made a mistake learns which: a code for programs, a sentence for people,
//! the field, and the id of its message where it had one. The connection stays; a mistake
//! is how one learns a protocol.
//!
//! Production counts them by code: a new version of a client that makes a thousand
//! mistakes a minute is seen before its users call.

use serde::{Deserialize, Serialize};
use zcomm_core::Error;

/// Why a message was not taken.
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
    /// It is not JSON: see column `at`.
    BadJson,
    /// A `field` is missing, of another kind, or there twice.
    BadMessage,
    /// There is no such `type`.
    UnknownType,
    /// The `field` has no characters.
    Empty,
    /// The `field` has too many.
    TooLong,
    /// It cannot be a name of a person or a room.
    BadName,
    /// The client is not in that room.
    NotJoined,
    /// Nobody has that name.
    NoSuchUser,
    /// The client, or the server, has as many rooms as it may.
    TooManyRooms,
    /// Too fast: try again in `retry_ms`.
    RateLimited,
    /// The server cannot take it now.
    Busy,
}

impl Fault {
    /// A fault of this kind, in words.
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

    /// Names the field.
    #[must_use]
    pub fn field(mut self, field: &str) -> Fault {
        self.field = Some(field.to_owned());
        self
    }

    /// Names the message, where it can be.
    #[must_use]
    pub fn id(mut self, id: Option<String>) -> Fault {
        self.id = id;
        self
    }

    /// Whether the text itself was wrong, and not the moment.
    #[must_use]
    pub fn is_malformed(&self) -> bool {
        use Code::{BadJson, BadMessage, BadName, Empty, TooLong, UnknownType};
        matches!(
            self.code,
            BadJson | BadMessage | UnknownType | Empty | TooLong | BadName
        )
    }
}

/// A message that the log does not take.
impl From<Error> for Fault {
    fn from(_: Error) -> Fault {
        Fault::new(Code::Busy, "this message does not fit into the log")
    }
}
