//! The JSON envelope of a chat: what stands in its messages.
//!
//! WebSocket carries texts; what they mean is agreed above it. Here every text is one JSON
//! object with a `type`, and each type has its fields: two enums, one for each direction,
//! and the compiler knows what a message can be. Fields that are not known are ignored, so
//! that an older program understands a newer one.
//!
//! Positions and ids are strings, because a JavaScript number is exact only up to 2⁵³.
//! Times are the server's, because nobody else's clock is known.
//!
//! How a stranger's text becomes a [`ClientMessage`] is in `reading`. Production adds a
//! version to the handshake, so that the two sides can agree to change.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::OffsetDateTime;

use zcomm_core::Message;

pub use crate::fault::{Code, Fault};

/// The room of a message that names none.
pub const LOBBY: &str = "lobby";
/// The `room` of a gap in the server's own log, which carries broadcasts.
pub const SERVER_LOG: &str = "*";
/// The `room` of a gap in the inbox, which carries direct messages.
pub const INBOX: &str = "@";

/// What a client says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(
    missing_docs,
    reason = "the fields are those of the wire; the variant explains them"
)]
pub enum ClientMessage {
    /// Enters a room; with `epoch` and `since`, behind the last message that was seen.
    Join {
        room: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        epoch: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        since: Option<Seq>,
    },
    /// Leaves a room.
    Leave { room: String },
    /// Says something in a room. With an `id` it is acknowledged, and can be sent again.
    Chat {
        room: String,
        text: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
    /// Says something to everybody.
    Broadcast {
        text: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
    /// Says something to one person, by name.
    Direct {
        to: String,
        text: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
    /// Is about to say something.
    Typing { room: String },
    /// Asks for a `pong`, to measure the way there and back.
    Ping {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
    /// Asks for something else.
    Custom { action: Action },
}

impl ClientMessage {
    /// The id of the message, by which its ack or fault names it.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        match self {
            ClientMessage::Chat { id, .. }
            | ClientMessage::Broadcast { id, .. }
            | ClientMessage::Direct { id, .. }
            | ClientMessage::Ping { id } => id.as_deref(),
            _ => None,
        }
    }
}

/// What else can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Some figures about the server.
    GetStats,
}

/// What the server says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(
    missing_docs,
    reason = "the fields are those of the wire; the variant explains them"
)]
pub enum ServerMessage {
    /// The first message: who the client is, what to show when it comes back, and how far
    /// its inbox (`direct`) and the server's log (`broadcast`) are.
    Welcome {
        client_id: String,
        name: String,
        session: Secret,
        epoch: String,
        resumed: bool,
        direct: Seq,
        broadcast: Seq,
        heartbeat_seconds: u64,
    },
    /// The client is in a room whose log is at `seq`. With `recovered`, exactly the `missed`
    /// messages since it was last there come next.
    Joined {
        room: String,
        epoch: String,
        seq: Seq,
        recovered: bool,
        missed: Seq,
        users: Vec<String>,
        user_count: usize,
    },
    /// The client is in that room no more.
    Left { room: String },
    /// Somebody says something in a room.
    Chat {
        room: String,
        seq: Seq,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        client_id: String,
        name: String,
        text: String,
    },
    /// Somebody says something to everybody.
    Broadcast {
        seq: Seq,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        client_id: String,
        name: String,
        text: String,
    },
    /// Somebody says something to one person; both of them get it.
    Direct {
        seq: Seq,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        client_id: String,
        name: String,
        to: String,
        text: String,
    },
    /// The message with this id is in the log, at `seq`, on its way to so many others.
    Ack {
        id: String,
        seq: Seq,
        recipients: usize,
        duplicate: bool,
    },
    /// Somebody has entered a room.
    UserJoined {
        room: String,
        client_id: String,
        name: String,
        user_count: usize,
    },
    /// Somebody has left a room.
    UserLeft {
        room: String,
        client_id: String,
        name: String,
        user_count: usize,
    },
    /// Who is in a room now; the first 100 of them.
    UserList {
        room: String,
        users: Vec<String>,
        user_count: usize,
    },
    /// Somebody is about to say something; forget it after `expires_in` seconds.
    Typing {
        room: String,
        client_id: String,
        name: String,
        expires_in: u64,
    },
    /// The answer to `ping`.
    Pong {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
    /// The server is there, with so many connections.
    Heartbeat { clients: usize },
    /// Some figures about the server.
    Stats {
        clients: usize,
        sessions: usize,
        rooms: usize,
        messages: u64,
        uptime_seconds: u64,
    },
    /// These messages will not come. `room` is `*` for the server's log and `@` for the
    /// inbox; `to` is null where the log ended at a place that nobody knows any more.
    Gap {
        room: String,
        epoch: String,
        from: Seq,
        to: Option<Seq>,
    },
    /// What the client said was not taken.
    Error(Fault),
}

/// A message of the server and when it was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamped {
    /// What was said.
    #[serde(flatten)]
    pub message: ServerMessage,
    /// ISO 8601 in UTC, with milliseconds.
    pub timestamp: String,
}

impl From<ServerMessage> for Message {
    fn from(message: ServerMessage) -> Message {
        let timestamp = timestamp(OffsetDateTime::now_utc());
        text(&Stamped { message, timestamp })
    }
}

impl From<ClientMessage> for Message {
    fn from(message: ClientMessage) -> Message {
        text(&message)
    }
}

fn text(value: &impl Serialize) -> Message {
    // Nothing here can fail: there are only strings, numbers and truths.
    Message::from(serde_json::to_string(value).unwrap_or_default())
}

fn timestamp(now: OffsetDateTime) -> String {
    let (year, month, day) = now.to_calendar_date();
    let (hour, minute, second, millisecond) = now.to_hms_milli();
    let month = u8::from(month);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z")
}

/// A position in a log, counted from 1: so many messages were there when this one was. On
/// the wire it is a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seq(pub u64);

impl Seq {
    /// Reads digits, and nothing but digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Seq> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| digits).map(Seq)
    }
}

impl Serialize for Seq {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Seq {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Seq, D::Error> {
        let text = String::deserialize(from)?;
        Seq::parse(&text).ok_or_else(|| de::Error::custom("expected digits in a string"))
    }
}

/// A text that is in no log: `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(message: impl Into<Message>) -> String {
        match message.into() {
            Message::Text(text) => text.to_string(),
            Message::Binary(_) => panic!("JSON is text"),
        }
    }

    #[test]
    fn a_server_message_has_a_type_its_fields_and_a_time() {
        let text = json(ServerMessage::Gap {
            room: LOBBY.into(),
            epoch: "e".into(),
            from: Seq(u64::MAX),
            to: None,
        });
        let expected = r#"{"type":"gap","room":"lobby","epoch":"e","from":"18446744073709551615","to":null,"timestamp":""#;
        assert!(text.starts_with(expected), "{text}");
        let fault = Fault::new(Code::UnknownType, "no").field("type");
        let text = json(ServerMessage::Error(fault));
        let expected =
            r#"{"type":"error","code":"unknown_type","message":"no","field":"type","timestamp":""#;
        assert!(text.starts_with(expected), "{text}");
    }

    #[test]
    fn what_one_side_writes_the_other_reads() {
        let message = ServerMessage::Welcome {
            client_id: "1".into(),
            name: "Ada".into(),
            session: Secret("s".into()),
            epoch: "e".into(),
            resumed: false,
            direct: Seq(0),
            broadcast: Seq(7),
            heartbeat_seconds: 20,
        };
        let read: Stamped = serde_json::from_str(&json(message.clone())).unwrap();
        assert_eq!(read.message, message);
        assert!(!format!("{read:?}").contains("\"s\""));
        let custom = ClientMessage::Custom {
            action: Action::GetStats,
        };
        assert_eq!(json(custom), r#"{"type":"custom","action":"get_stats"}"#);
    }

    #[test]
    fn a_time_has_milliseconds_and_is_utc() {
        let at = OffsetDateTime::UNIX_EPOCH + time::Duration::milliseconds(1_763_648_571_007);
        assert_eq!(timestamp(at), "2025-11-20T14:22:51.007Z");
    }
}
