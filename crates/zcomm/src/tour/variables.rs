//! Values from received messages. The tour sends these values to the server later.
//!
//! The values are the names of the people, the session, the position in each log, and the
//! epoch. The epoch changes when the server makes the room again. In the story, a word such as
//! `$epoch` is replaced by the value with this name.

use std::collections::BTreeMap;

use serde_json::Value;
use zcomm_chat::envelope::ServerMessage;
use zcomm_core::{Result, Token};

use super::script::Person;

/// The limit for the length of a session (bytes).
const MAX_SESSION: usize = 128;

pub(super) struct Variables(BTreeMap<&'static str, String>);

impl Variables {
    /// Returns the values at the start of the tour: a random name for the room, and position 0 in
    /// each log.
    pub(super) fn new() -> Result<Variables> {
        let (_, random) = Token::random()?;
        let room = format!("tour-{}", &random[..8]);
        let positions = ["seen", "direct", "broadcast"].map(|name| (name, "0".to_owned()));
        let known = positions.into_iter().chain([("room", room)]);
        Ok(Variables(known.collect()))
    }

    /// Stores the values of a message. Returns false if chat_app would not send this message.
    pub(super) fn learn(&mut self, person: Person, message: &ServerMessage) -> bool {
        use ServerMessage::{Broadcast, Chat, Direct, Joined, Welcome};
        let ben = person == Person::Ben;
        let mut set = |name, value| drop(self.0.insert(name, value));
        match message {
            Welcome { session, .. } if !is_plain(&session.0) => return false,
            Welcome {
                name,
                session,
                broadcast,
                ..
            } if ben => {
                set("ben", name.clone());
                set("session", session.0.clone());
                set("broadcast", broadcast.0.to_string());
            }
            Welcome { name, .. } => set("ada", name.clone()),
            Joined { epoch, .. } => set("epoch", epoch.clone()),
            Chat { seq, .. } if ben => set("seen", seq.0.to_string()),
            Direct { seq, .. } if ben => set("direct", seq.0.to_string()),
            Broadcast { seq, .. } if ben => set("broadcast", seq.0.to_string()),
            _ => {}
        }
        true
    }

    /// Replaces each `$name` in a JSON text by its value.
    pub(super) fn json(&self, text: &str) -> String {
        self.filled(text, |value| {
            // Escape the value as a JSON string, but without the quotes around it.
            let quoted = Value::from(value).to_string();
            quoted[1..quoted.len() - 1].to_owned()
        })
    }

    /// Replaces each `$name` in a query by its value. The values are not escaped, because each
    /// value is a position, or a session that `learn` has checked.
    pub(super) fn query(&self, text: &str) -> String {
        self.filled(text, str::to_owned)
    }

    fn filled(&self, text: &str, escape: impl Fn(&str) -> String) -> String {
        let mut parts = text.split('$');
        let mut filled = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let end = part.find(|c: char| !c.is_ascii_lowercase());
            let (name, rest) = part.split_at(end.unwrap_or(part.len()));
            let value = self.0.get(name).map(String::as_str);
            filled += &escape(value.unwrap_or_default());
            filled += rest;
        }
        filled
    }
}

/// Whether a session is safe to use in an address.
fn is_plain(session: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=MAX_SESSION).contains(&session.len()) && session.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_filled_in_once_and_escaped() {
        let mut variables = Variables::new().unwrap();
        let joined = ServerMessage::Joined {
            room: "r".into(),
            epoch: "\"$seen\u{1b}".into(),
            seq: zcomm_chat::envelope::Seq(1),
            recovered: false,
            missed: zcomm_chat::envelope::Seq(0),
            users: vec![],
            user_count: 0,
        };
        assert!(variables.learn(Person::Ben, &joined));
        let filled = variables.json(r#"{"epoch":"$epoch","since":"$seen"}"#);
        assert_eq!(filled, r#"{"epoch":"\"$seen\u001b","since":"0"}"#);
        assert_eq!(variables.query("direct=$direct&x"), "direct=0&x");
    }

    #[test]
    fn a_session_that_could_change_an_address_is_refused() {
        assert!(is_plain("2Te-a4_Kg2t.1.abc"));
        for session in ["", "a&name=x", "a#b", "a b", "ü", &"x".repeat(129)] {
            assert!(!is_plain(session), "{session}");
        }
    }
}
