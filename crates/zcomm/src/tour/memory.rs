//! What is learned from one message for a later one.
//!
//! As in a page: the name that was given, the session, the epoch of the room, and how far
//! each log has been read. The story has holes for them, `$name`.
//!
//! Production has a type for each message instead of a text with holes; here the text is
//! what is to be seen.

use std::collections::BTreeMap;

use serde_json::Value;
use zcomm_chat::envelope::ServerMessage;
use zcomm_core::{Result, Token};

use super::script::Who;

/// The longest session that is taken for one (bytes).
const MAX_SESSION: usize = 128;

pub(super) struct Memory {
    known: BTreeMap<&'static str, String>,
}

impl Memory {
    /// A room that nobody else is in, and nothing seen.
    pub(super) fn new() -> Result<Memory> {
        let (_, random) = Token::random()?;
        let room = format!("tour-{}", &random[..8]);
        let nothing = ["seen", "direct", "broadcast"].map(|name| (name, "0".to_owned()));
        let known = nothing.into_iter().chain([("room", room)]).collect();
        Ok(Memory { known })
    }

    /// What is worth keeping. False: this is not how our servers speak.
    pub(super) fn learn(&mut self, who: Who, message: &ServerMessage) -> bool {
        use ServerMessage::{Broadcast, Chat, Direct, Joined, Welcome};
        let ben = who == Who::Ben;
        match message {
            Welcome {
                name,
                session,
                broadcast,
                ..
            } => {
                if !is_plain(&session.0) {
                    return false;
                }
                let whose = if ben { "ben" } else { "ada" };
                self.known.insert(whose, name.clone());
                if ben {
                    self.known.insert("session", session.0.clone());
                    self.known.insert("broadcast", broadcast.0.to_string());
                }
            }
            Joined { epoch, .. } => drop(self.known.insert("epoch", epoch.clone())),
            Chat { seq, .. } if ben => drop(self.known.insert("seen", seq.0.to_string())),
            Direct { seq, .. } if ben => drop(self.known.insert("direct", seq.0.to_string())),
            Broadcast { seq, .. } if ben => drop(self.known.insert("broadcast", seq.0.to_string())),
            _ => {}
        }
        true
    }

    /// A JSON text without its holes.
    pub(super) fn json(&self, text: &str) -> String {
        self.filled(text, |value| {
            // As it stands between the quotes.
            let quoted = Value::from(value).to_string();
            quoted[1..quoted.len() - 1].to_owned()
        })
    }

    /// A query without its holes. What goes into one is digits, or a session that `learn` has
    /// looked at.
    pub(super) fn query(&self, text: &str) -> String {
        self.filled(text, str::to_owned)
    }

    fn filled(&self, text: &str, form: impl Fn(&str) -> String) -> String {
        let mut parts = text.split('$');
        let mut filled = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let end = part.find(|c: char| !c.is_ascii_lowercase());
            let (name, rest) = part.split_at(end.unwrap_or(part.len()));
            let value = self.known.get(name).map(String::as_str);
            filled += &form(value.unwrap_or_default());
            filled += rest;
        }
        filled
    }
}

/// It will stand in an address.
fn is_plain(session: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=MAX_SESSION).contains(&session.len()) && session.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_filled_once_and_in_the_right_form() {
        let mut memory = Memory::new().unwrap();
        let joined = ServerMessage::Joined {
            room: "r".into(),
            epoch: "\"$seen\u{1b}".into(),
            seq: zcomm_chat::envelope::Seq(1),
            recovered: false,
            missed: zcomm_chat::envelope::Seq(0),
            users: vec![],
            user_count: 0,
        };
        assert!(memory.learn(Who::Ben, &joined));
        let filled = memory.json(r#"{"epoch":"$epoch","since":"$seen"}"#);
        assert_eq!(filled, r#"{"epoch":"\"$seen\u001b","since":"0"}"#);
        assert_eq!(memory.query("direct=$direct&x"), "direct=0&x");
    }

    #[test]
    fn a_session_that_could_change_an_address_is_none() {
        assert!(is_plain("2Te-a4_Kg2t.1.abc"));
        for session in ["", "a&name=x", "a#b", "a b", "ü", &"x".repeat(129)] {
            assert!(!is_plain(session), "{session}");
        }
    }
}
