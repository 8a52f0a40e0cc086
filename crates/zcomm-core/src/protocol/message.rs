//! A message: text or bytes.
//!
//! RFC 6455 section 5.6 defines two kinds of data. *Text* is UTF-8. The codec checks the UTF-8,
//! so a handler never gets half a character. The application decides what *binary* data means.
//! Pings, pongs and Close frames never reach a handler.
//!
//! A clone of a message copies only a pointer, so a text for ten thousand clients is stored
//! once.

use std::{borrow::Cow, fmt, ops::Deref};

use bytes::Bytes;
use tokio_tungstenite::tungstenite::{self, Utf8Bytes};

use crate::text::hidden::hidden_start;

/// A text or binary message.
#[derive(Clone, PartialEq, Eq)]
pub enum Message {
    /// UTF-8 text.
    Text(Text),
    /// Any bytes.
    Binary(Bytes),
}

impl Message {
    /// The size of the payload in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Message::Text(text) => text.len(),
            Message::Binary(bytes) => bytes.len(),
        }
    }

    /// Whether the payload is empty. The protocol allows empty messages.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Shows at most 64 characters of a text, or the length of binary data. Control characters are
/// escaped, because they could control the terminal that shows the log.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Text(text) => fmt::Debug::fmt(text, f),
            Message::Binary(bytes) => write!(f, "{} bytes", bytes.len()),
        }
    }
}

impl<T: Into<Text>> From<T> for Message {
    fn from(text: T) -> Message {
        Message::Text(text.into())
    }
}

impl From<Message> for tungstenite::Message {
    fn from(message: Message) -> Self {
        match message {
            Message::Text(text) => tungstenite::Message::Text(text.0),
            Message::Binary(bytes) => tungstenite::Message::Binary(bytes),
        }
    }
}

/// UTF-8 text. A clone copies only a pointer. `Deref` gives the `str`.
#[derive(Clone, PartialEq, Eq)]
pub struct Text(pub(crate) Utf8Bytes);

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&excerpt(self), f)
    }
}

/// Compares the content: `text == "typing"`.
impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        **self == *other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        **self == **other
    }
}

/// A text message is equal to its text: `message == "start"`. A binary message is equal to none.
impl PartialEq<str> for Message {
    fn eq(&self, other: &str) -> bool {
        matches!(self, Message::Text(text) if text == other)
    }
}

impl PartialEq<&str> for Message {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        Text(text.into())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        Text(text.into())
    }
}

/// Returns the first 64 characters, for a log line. `***` replaces each token.
pub(crate) fn excerpt(text: &str) -> Cow<'_, str> {
    hidden_start(text, 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_escapes_control_characters_and_stops_at_64() {
        let message = Message::from("\x1b[2J\r\n");
        assert_eq!(format!("{message:?}"), r#""\u{1b}[2J\r\n""#);
        let long = Message::from("ä".repeat(100));
        assert_eq!(format!("{long:?}").chars().count(), 64 + 2);
        assert_eq!(
            format!("{:?}", Message::Binary(Bytes::from_static(b"\x1b"))),
            "1 bytes"
        );
    }

    #[test]
    fn a_text_message_is_equal_to_its_text_and_a_binary_message_to_none() {
        let (text, bytes) = (
            Message::from("start"),
            Message::Binary(Bytes::from_static(b"start")),
        );
        assert!(text == "start" && text == *"start");
        assert!(text != "star" && text != "Start");
        assert!(bytes != "start");
        let typing = Text::from("typing");
        assert!(typing == "typing" && typing != *"typin");
    }

    #[test]
    fn a_clone_shares_the_payload() {
        let message = Message::from("x".repeat(1000));
        let (Message::Text(a), Message::Text(b)) = (&message, &message.clone()) else {
            panic!("a text stays a text")
        };
        assert_eq!(a.as_ptr(), b.as_ptr());
    }
}
