//! The JSON messages of the chat.
//!
//! WebSocket carries texts but does not say what they mean. In the chat, every text is one JSON
//! object with a `type`. Each type has its own fields, and each direction has its own enum.
//! Unknown fields are ignored, so an older program can read the messages of a newer program.
//!
//! Positions and ids are strings, because a JavaScript number is exact only up to 2⁵³. Times are
//! from the server's clock, because the clients' clocks differ.
//!
//! In production, use the handshake to agree on a version of these messages.

use std::fmt;

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, macros::format_description};

use zcomm_core::Message;

pub use crate::{
    fault::{Code, Fault},
    position::{Digest, Seen, Seq},
};

/// The room of a message that does not name a room.
pub const LOBBY: &str = "lobby";
/// The `room` of a gap in the server's log, which contains the broadcasts. No room can have the
/// name `*` or [`@`](INBOX): [`name`](zcomm_core::name) rejects both.
pub const SERVER_LOG: &str = "*";
/// The `room` of a gap in the inbox, which contains the direct messages.
pub const INBOX: &str = "@";

/// A message from a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(
    missing_docs,
    reason = "the fields are those of the wire; the variant explains them"
)]
pub enum ClientMessage {
    /// Joins a room. With `epoch` and `since`, resumes after the message at position `since`.
    Join {
        room: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        epoch: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        since: Option<Seen>,
    },
    /// Leaves a room.
    Leave { room: String },
    /// A message to a room. If the message has an `id`, the server sends an ack, and the client
    /// can safely send the message again.
    Chat {
        room: String,
        text: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
    /// A message to all clients.
    Broadcast {
        text: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
    /// A message to one person, by name.
    Direct {
        to: String,
        text: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
    /// The person is typing.
    Typing { room: String },
    /// Asks for a `pong`, to measure the round trip.
    Ping {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
    /// A request without its own `type`. The `action` names the request.
    Custom { action: Action },
}

impl ClientMessage {
    /// The id of the message, if it has an id. The ack or the fault of the message has this id.
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

/// The requests that [`ClientMessage::Custom`] can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Asks for [`ServerMessage::Stats`].
    GetStats,
}

/// A message from the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(
    missing_docs,
    reason = "the fields are those of the wire; the variant explains them"
)]
pub enum ServerMessage {
    /// The first message on a connection. It has the client's name, the client's id and the
    /// secret that resumes the session. `direct` is the last position in the client's inbox,
    /// and `broadcast` is the last position in the server's log. `broadcast_digest` is the digest
    /// of the last message in the server's log: see [`Stamped::digest`].
    Welcome {
        client_id: String,
        name: String,
        session: Secret,
        epoch: String,
        resumed: bool,
        direct: Seq,
        broadcast: Seq,
        #[serde(skip_serializing_if = "Option::is_none")]
        broadcast_digest: Option<Digest>,
        heartbeat_seconds: u64,
    },
    /// The client has joined a room. `seq` is the last position in the room. `missed` is the
    /// number of messages that the client missed. If `recovered` is true, the server sends
    /// exactly these messages next.
    Joined {
        room: String,
        epoch: String,
        seq: Seq,
        recovered: bool,
        missed: Seq,
        users: Vec<String>,
        user_count: usize,
    },
    /// The client has left the room.
    Left { room: String },
    /// A message in a room.
    Chat {
        room: String,
        seq: Seq,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        client_id: String,
        name: String,
        text: String,
    },
    /// A message to all clients.
    Broadcast {
        seq: Seq,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        client_id: String,
        name: String,
        text: String,
    },
    /// A message to one person. The sender gets a copy.
    Direct {
        seq: Seq,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        client_id: String,
        name: String,
        to: String,
        text: String,
    },
    /// The message with this id is in the log at `seq`. The server sends the message to
    /// `recipients` other clients. `duplicate` is true if the server already had the message.
    Ack {
        id: String,
        seq: Seq,
        recipients: usize,
        duplicate: bool,
    },
    /// A person has joined a room.
    UserJoined {
        room: String,
        client_id: String,
        name: String,
        user_count: usize,
    },
    /// A person has left a room.
    UserLeft {
        room: String,
        client_id: String,
        name: String,
        user_count: usize,
    },
    /// The current members of a room: the first 100 names, and the number of all members.
    UserList {
        room: String,
        users: Vec<String>,
        user_count: usize,
    },
    /// A person is typing. Pages show this for `expires_in` seconds.
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
    /// The server is running, and has `clients` connections.
    Heartbeat { clients: usize },
    /// Numbers about the chat. `clients` counts the connections of this server. If several servers
    /// are one chat, `servers` counts these servers, and `all_clients` counts the connections of
    /// all of them. Sessions, rooms and messages are always those of the whole chat.
    Stats {
        clients: usize,
        #[serde(skip_serializing_if = "Option::is_none")]
        servers: Option<usize>,
        #[serde(skip_serializing_if = "Option::is_none")]
        all_clients: Option<usize>,
        sessions: usize,
        rooms: usize,
        messages: u64,
        uptime_seconds: u64,
    },
    /// The client will not get the messages `from` to `to`. `room` is `*` for the server's log
    /// and `@` for the inbox. `to` is null if the log does not exist any more, because the end of
    /// the log is then unknown.
    Gap {
        room: String,
        epoch: String,
        from: Seq,
        to: Option<Seq>,
    },
    /// The server rejected a message of the client.
    Error(Fault),
}

/// A message from the server with its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamped {
    /// The message.
    #[serde(flatten)]
    pub message: ServerMessage,
    /// The server's time in UTC (ISO 8601), with milliseconds.
    pub timestamp: String,
    /// The digest of a message in a log of several servers. A client that reconnects sends the
    /// digest with the position of the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

impl From<ServerMessage> for Message {
    fn from(message: ServerMessage) -> Message {
        message.at(OffsetDateTime::now_utc(), None)
    }
}

impl ServerMessage {
    /// The message as JSON, with this time and this digest.
    pub(crate) fn at(self, time: OffsetDateTime, digest: Option<Digest>) -> Message {
        text(&Stamped {
            message: self,
            timestamp: timestamp(time),
            digest,
        })
    }
}

impl From<ClientMessage> for Message {
    fn from(message: ClientMessage) -> Message {
        text(&message)
    }
}

fn text(value: &impl Serialize) -> Message {
    // This cannot fail: every value in a message has a form in JSON.
    Message::from(serde_json::to_string(value).unwrap_or_default())
}

fn timestamp(now: OffsetDateTime) -> String {
    let form =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    now.format(form).unwrap_or_default()
}

/// A text that must not be logged: `Debug` does not show it.
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
    fn the_client_reads_what_the_server_writes() {
        let message = ServerMessage::Welcome {
            client_id: "1".into(),
            name: "Ada".into(),
            session: Secret("s".into()),
            epoch: "e".into(),
            resumed: false,
            direct: Seq(0),
            broadcast: Seq(7),
            broadcast_digest: None,
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
