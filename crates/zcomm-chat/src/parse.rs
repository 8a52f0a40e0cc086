//! How a stranger's text becomes a message, or a sentence about what is wrong with it.
//!
//! A derived reader would do for friends. From strangers it accepts what is not an object
//! (`["ping"]` is a ping to it), and it does not say which field was wrong. So the fields
//! are looked at first, each as whatever it is, and then one by one against their rules.
//! The answer names the field, and repeats nothing of the text but an unknown type, cut and
//! cleaned.
//!
//! The limits protect people, not memory: the size of a message is bounded on the wire.
//!
//! Production that has many types describes them in a schema and generates both.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use zcomm_core::NAME_RULE;

use crate::envelope::{Action, ClientMessage, Code, Fault, LOBBY, Seq};

/// The longest text (characters).
pub const MAX_TEXT: usize = 4000;
/// The longest id of a message, and the longest epoch (characters).
pub const MAX_ID: usize = 64;
/// What is repeated of an unknown type (characters).
const MAX_TYPE: usize = 32;

/// A value of any kind; only texts are of use.
#[derive(Default)]
enum Loose {
    #[default]
    Missing,
    Text(String),
    Other,
}

/// Every field that any message has.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    r#type: Loose,
    room: Loose,
    text: Loose,
    id: Loose,
    to: Loose,
    epoch: Loose,
    since: Loose,
    action: Loose,
}

impl ClientMessage {
    /// Reads a text from a client.
    ///
    /// # Errors
    /// A [`Fault`] to be sent back.
    pub fn parse(text: &str) -> Result<ClientMessage, Fault> {
        // A reader of structs also takes arrays: only an object is a message.
        if !text.trim_start_matches(JSON_BLANKS).starts_with('{') {
            return Err(match serde_json::from_str::<serde_json::Value>(text) {
                Ok(_) => Fault::new(Code::BadMessage, "a message is a JSON object: {…}"),
                Err(error) => not_json(&error),
            });
        }
        let fields: Fields = serde_json::from_str(text).map_err(|error| {
            if error.is_data() {
                twice(&error)
            } else {
                not_json(&error)
            }
        })?;
        let id = identifier(fields.id, "id")?;
        let message = understood(
            Fields {
                id: Loose::Missing,
                ..fields
            },
            id.clone(),
        );
        message.map_err(|fault| fault.id(id))
    }
}

const JSON_BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

fn understood(fields: Fields, id: Option<String>) -> Result<ClientMessage, Fault> {
    let kind = required(fields.r#type, "type")?;
    Ok(match kind.as_str() {
        "join" => {
            let message = ClientMessage::Join {
                room: room(fields.room)?,
                epoch: identifier(fields.epoch, "epoch")?,
                since: position(fields.since)?,
            };
            if let ClientMessage::Join {
                epoch: None,
                since: Some(_),
                ..
            } = message
            {
                let why = "since needs the epoch that it was counted in";
                return Err(Fault::new(Code::BadMessage, why).field("epoch"));
            }
            message
        }
        "leave" => ClientMessage::Leave {
            room: room(fields.room)?,
        },
        "chat" => ClientMessage::Chat {
            room: room(fields.room)?,
            text: body(fields.text)?,
            id,
        },
        "broadcast" => ClientMessage::Broadcast {
            text: body(fields.text)?,
            id,
        },
        "direct" => ClientMessage::Direct {
            to: name(required(fields.to, "to")?, "to")?,
            text: body(fields.text)?,
            id,
        },
        "typing" => ClientMessage::Typing {
            room: room(fields.room)?,
        },
        "ping" => ClientMessage::Ping { id },
        "custom" => match required(fields.action, "action")?.as_str() {
            "get_stats" => ClientMessage::Custom {
                action: Action::GetStats,
            },
            _ => {
                let why = "the one action there is is get_stats";
                return Err(Fault::new(Code::BadMessage, why).field("action"));
            }
        },
        other => {
            let safe = |c: char| {
                if c.is_alphanumeric() || "_-. ".contains(c) {
                    c
                } else {
                    '?'
                }
            };
            let shown: String = other.chars().take(MAX_TYPE).map(safe).collect();
            let why = format!("unknown type: {shown}");
            return Err(Fault::new(Code::UnknownType, why).field("type"));
        }
    })
}

fn not_json(error: &serde_json::Error) -> Fault {
    let mut fault = Fault::new(Code::BadJson, "this is not JSON");
    fault.at = Some(error.column());
    fault
}

/// The one thing that [`Fields`] does not take is a field that is there twice.
fn twice(error: &serde_json::Error) -> Fault {
    let words = error.to_string();
    let fault = Fault::new(Code::BadMessage, "a field is there twice");
    let known = [
        "type", "room", "text", "id", "to", "epoch", "since", "action",
    ];
    match known
        .iter()
        .find(|name| words.contains(&format!("`{name}`")))
    {
        Some(name) => fault.field(name),
        None => fault,
    }
}

fn optional(value: Loose, field: &'static str) -> Result<Option<String>, Fault> {
    match value {
        Loose::Missing => Ok(None),
        Loose::Text(text) => Ok(Some(text)),
        Loose::Other => {
            let why = format!("{field} must be a string");
            Err(Fault::new(Code::BadMessage, why).field(field))
        }
    }
}

fn required(value: Loose, field: &'static str) -> Result<String, Fault> {
    optional(value, field)?.ok_or_else(|| {
        let why = format!("{field} is missing");
        Fault::new(Code::BadMessage, why).field(field)
    })
}

fn bounded(text: String, field: &'static str, max: usize) -> Result<String, Fault> {
    if text.chars().nth(max).is_some() {
        let why = format!("{field} has more than {max} characters");
        return Err(Fault::new(Code::TooLong, why).field(field));
    }
    if text.trim().is_empty() {
        let why = format!("{field} is empty");
        return Err(Fault::new(Code::Empty, why).field(field));
    }
    Ok(text)
}

fn body(value: Loose) -> Result<String, Fault> {
    bounded(required(value, "text")?, "text", MAX_TEXT)
}

fn identifier(value: Loose, field: &'static str) -> Result<Option<String>, Fault> {
    let text = optional(value, field)?;
    text.map(|text| bounded(text, field, MAX_ID)).transpose()
}

fn name(text: String, field: &'static str) -> Result<String, Fault> {
    zcomm_core::name(&text).ok_or_else(|| Fault::new(Code::BadName, NAME_RULE).field(field))
}

fn room(value: Loose) -> Result<String, Fault> {
    match optional(value, "room")? {
        Some(text) => name(text, "room"),
        None => Ok(LOBBY.to_owned()),
    }
}

fn position(value: Loose) -> Result<Option<Seq>, Fault> {
    let Some(text) = optional(value, "since")? else {
        return Ok(None);
    };
    let why = "since must be a position: digits in a string";
    let seq = Seq::parse(&text).ok_or_else(|| Fault::new(Code::BadMessage, why).field("since"))?;
    Ok(Some(seq))
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Loose, D::Error> {
        from.deserialize_any(Anything)
    }
}

struct Anything;

impl<'de> Visitor<'de> for Anything {
    type Value = Loose;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_str<E>(self, text: &str) -> Result<Loose, E> {
        Ok(Loose::Text(text.to_owned()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Loose, E> {
        Ok(Loose::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Loose, E> {
        Ok(Loose::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Loose, E> {
        Ok(Loose::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Loose, E> {
        Ok(Loose::Other)
    }

    fn visit_unit<E>(self) -> Result<Loose, E> {
        Ok(Loose::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Loose, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Loose::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Loose, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Loose::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fault(text: &str) -> (Code, Option<String>) {
        let fault = ClientMessage::parse(text).unwrap_err();
        (fault.code, fault.field)
    }

    #[test]
    fn every_type_is_read_and_a_room_is_the_lobby_unless_it_is_named() {
        for text in [
            r#"{"type":"join","room":"lobby"}"#,
            r#"{"type":"join","room":"Rust 2","epoch":"e","since":"12"}"#,
            r#"{"type":"leave","room":"lobby"}"#,
            r#"{"type":"chat","room":"lobby","text":"hello","id":"a"}"#,
            r#"{"type":"broadcast","text":"hello"}"#,
            r#"{"type":"direct","to":"Ada","text":"hello","id":"b"}"#,
            r#"{"type":"typing","room":"lobby"}"#,
            r#"{"type":"ping","id":"1"}"#,
            r#"{"type":"custom","action":"get_stats"}"#,
        ] {
            let message = ClientMessage::parse(text).unwrap();
            // The derived reader, for friends, understands the same.
            assert_eq!(
                serde_json::from_str::<ClientMessage>(text).unwrap(),
                message
            );
            assert_eq!(serde_json::to_string(&message).unwrap(), text);
            let bare = text.replace(r#","room":"lobby""#, "");
            assert_eq!(ClientMessage::parse(&bare), Ok(message));
        }
    }

    #[test]
    fn a01_a02_a03_what_is_not_json_is_told_with_its_column() {
        let deep = "[".repeat(200);
        for text in [
            "hello",
            "",
            r#"{"type":"ping""#,
            r#"{"type":"ping"} x"#,
            "\u{feff}{\"type\":\"ping\"}",
            r#"{"type":"chat","text":NaN}"#,
            r#"{"type":"chat","text":1e999}"#,
            r#"{"type":"chat","text":"\ud800"}"#,
            "1e999",
            "NaN",
            deep.as_str(),
        ] {
            let fault = ClientMessage::parse(text).unwrap_err();
            assert_eq!(
                (fault.code, fault.at.is_some()),
                (Code::BadJson, true),
                "{text}"
            );
        }
        assert_eq!(
            ClientMessage::parse(r#"{"type":"ping";"#).unwrap_err().at,
            Some(15)
        );
    }

    #[test]
    fn a04_a05_a08_a_field_that_is_wrong_is_named() {
        for (text, field) in [
            (r#"{"type":"a","type":"b"}"#, Some("type")),
            (r#"{"type":"ping","id":"1","id":"1"}"#, Some("id")),
            (
                r#"{"type":"chat","text":"a","te\u0078t":"b"}"#,
                Some("text"),
            ),
            (r#"{"type":5}"#, Some("type")),
            (r#"{"type":"chat","text":null}"#, Some("text")),
            (r#"{"type":"chat","text":["a"]}"#, Some("text")),
            (r#"{"type":"chat","text":{"a":1}}"#, Some("text")),
            (
                r#"{"type":"chat","text":"a","id":9007199254740993}"#,
                Some("id"),
            ),
            (r#"{"type":"chat","text":"a","room":true}"#, Some("room")),
            (r#"{"type":"join","epoch":"e","since":5}"#, Some("since")),
            (r#"{"type":"join","epoch":"e","since":"+5"}"#, Some("since")),
            (r#"{"type":"join","epoch":"e","since":"-1"}"#, Some("since")),
            (r#"{"type":"join","epoch":"e","since":""}"#, Some("since")),
            (r#"{"type":"join","since":"5"}"#, Some("epoch")),
            (r#"{"type":"custom","action":"reboot"}"#, Some("action")),
            ("{}", Some("type")),
            (r#"{"type":"chat"}"#, Some("text")),
            (r#"{"type":"direct","text":"a"}"#, Some("to")),
            (r#"["ping"]"#, None),
            (r#"["ping",null]"#, None),
            ("5", None),
            ("null", None),
        ] {
            assert_eq!(
                fault(text),
                (Code::BadMessage, field.map(String::from)),
                "{text}"
            );
        }
    }

    #[test]
    fn a06_an_unknown_type_is_repeated_cut_and_cleaned() {
        let text = format!(r#"{{"type":"\u001b[2J<{}","id":"7"}}"#, "x".repeat(100));
        let fault = ClientMessage::parse(&text).unwrap_err();
        assert_eq!(fault.code, Code::UnknownType);
        assert_eq!(
            fault.message,
            format!("unknown type: ??2J?{}", "x".repeat(27))
        );
        assert_eq!(fault.id.as_deref(), Some("7"));
    }

    #[test]
    fn a07_a20_a21_fields_that_are_not_known_are_ignored() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        let text = format!(
            r#" {{"type":"ping","__proto__":{{"x":1}},"constructor":[],"timestamp":"2099","x":{deep},"x":1}}"#
        );
        assert_eq!(
            ClientMessage::parse(&text),
            Ok(ClientMessage::Ping { id: None })
        );
    }

    #[test]
    fn a09_a10_texts_ids_and_names_have_limits() {
        let chat = |text: &str| format!(r#"{{"type":"chat","text":"{text}"}}"#);
        assert_eq!(fault(&chat("")), (Code::Empty, Some("text".into())));
        assert_eq!(fault(&chat(" ")), (Code::Empty, Some("text".into())));
        assert_eq!(
            fault(&chat(&"ä".repeat(4001))),
            (Code::TooLong, Some("text".into()))
        );
        ClientMessage::parse(&chat(&"ä".repeat(4000))).unwrap();
        let ping = |id: &str| format!(r#"{{"type":"ping","id":"{id}"}}"#);
        assert_eq!(fault(&ping("")), (Code::Empty, Some("id".into())));
        assert_eq!(
            fault(&ping(&"x".repeat(65))),
            (Code::TooLong, Some("id".into()))
        );
        ClientMessage::parse(&ping(&"x".repeat(64))).unwrap();
        let join = r#"{"type":"join","room":"\u202eevil"}"#;
        assert_eq!(fault(join), (Code::BadName, Some("room".into())));
        let direct = r#"{"type":"direct","to":"","text":"a"}"#;
        assert_eq!(fault(direct), (Code::BadName, Some("to".into())));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in r#"[\{"a-z:,\[\]\}\\0-9 ]{0,60}"#, any in ".*") {
            ClientMessage::parse(&text).ok();
            ClientMessage::parse(&any).ok();
        }
    }
}
