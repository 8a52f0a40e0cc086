//! A client of the chat that sends and receives JSON, for tests that read like a conversation.

use serde_json::{Value, json};

use crate::demo;
use crate::harness::{CANARY, Client, Demo, Start, soon};

/// The chat, ready to be started.
pub fn chat_app() -> Start {
    demo!("chat_app").env("WEBSOCKET_TOKEN", CANARY)
}

/// A client of the chat.
pub struct Guest {
    pub client: Client,
    /// The first message.
    pub welcome: Value,
}

impl Guest {
    /// Connects under a name, with the token.
    pub async fn enter(chat: &Demo, name: &str) -> Guest {
        Guest::with(chat, &format!("token={CANARY}&name={name}")).await
    }

    /// Connects with this query.
    pub async fn with(chat: &Demo, query: &str) -> Guest {
        let mut client = Client::connect(format!("{}?{query}", chat.url())).await;
        let welcome = heard(&client.hear_text().await);
        assert_eq!(welcome["type"], "welcome", "{welcome}");
        Guest { client, welcome }
    }

    /// Connects under a name and joins the lobby.
    pub async fn join(chat: &Demo, name: &str) -> Guest {
        let mut guest = Guest::enter(chat, name).await;
        guest.joins(json!({})).await;
        guest
    }

    /// Comes back: shows its session, and these positions.
    pub async fn back(&self, chat: &Demo, seen: &str) -> Guest {
        let session = self.welcome["session"].as_str().unwrap();
        Guest::with(chat, &format!("token={CANARY}&session={session}&{seen}")).await
    }

    /// Sends a message of this type.
    pub async fn says(&mut self, kind: &str, mut fields: Value) {
        fields["type"] = kind.into();
        self.client.say(fields.to_string()).await;
    }

    /// The next message of this type. Others before it are skipped, because two logs have no order
    /// between them; an error is not.
    pub async fn hears(&mut self, kind: &str) -> Value {
        let heard = async {
            loop {
                let message = self.hears_next().await;
                if message["type"] == kind {
                    return message;
                }
                assert_ne!(message["type"], "error", "waited for {kind}: {message}");
            }
        };
        soon(kind, heard).await
    }

    /// The next message of any type.
    pub async fn hears_next(&mut self) -> Value {
        heard(&self.client.hear_text().await)
    }

    /// Joins a room and returns the answer.
    pub async fn joins(&mut self, fields: Value) -> Value {
        self.says("join", fields).await;
        self.hears("joined").await
    }

    /// Says something in the lobby and waits until it is acknowledged.
    pub async fn chats(&mut self, text: &str) -> Value {
        let id = format!("id of {text}");
        self.says("chat", json!({"text": text, "id": id})).await;
        let ack = self.hears("ack").await;
        assert_eq!(ack["id"], id);
        ack
    }

    /// The next message of a room, which must have this text.
    pub async fn hears_text(&mut self, text: &str) -> Value {
        let message = self.hears("chat").await;
        assert_eq!(message["text"], text, "{message}");
        message
    }

    /// The next error.
    pub async fn refused(&mut self) -> Value {
        loop {
            let message = self.hears_next().await;
            if message["type"] == "error" {
                return message;
            }
        }
    }
}

/// Checks that a message is an object with the server's time, to the millisecond.
pub fn heard(text: &str) -> Value {
    let message: Value = serde_json::from_str(text).unwrap();
    let time = message["timestamp"].as_str().unwrap_or_default().as_bytes();
    let form = b"0000-00-00T00:00:00.000Z";
    let fits = |(byte, form): (&u8, &u8)| match form {
        b'0' => byte.is_ascii_digit(),
        form => byte == form,
    };
    let well_formed = time.len() == form.len() && time.iter().zip(form).all(fits);
    assert!(well_formed, "no timestamp in {message}");
    message
}

/// Removes the fields that differ from run to run.
pub fn plain(mut message: Value) -> Value {
    if let Some(fields) = message.as_object_mut() {
        fields.remove("timestamp");
        fields.remove("epoch");
    }
    message
}
