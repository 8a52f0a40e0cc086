//! Reads a message from a client, or says what is wrong with it.
//!
//! A derived `Deserialize` of `ClientMessage` would accept an array (`["ping"]`) as a message,
//! and would not name the wrong field. So the parser first reads all known fields, with any
//! value. Then it checks the fields one by one, and a fault names the wrong field. A fault repeats
//! only one text of the client: an unknown type, shortened and without special characters.
//!
//! The limits of this parser keep texts short. The connection limits the size of a message.

use serde::{Deserialize, de::IgnoredAny};

use zcomm_core::{NAME_RULE, shows_token};

use crate::envelope::{Action, ClientMessage, Code, Fault, LOBBY, Seen};

/// The maximum length of a text (characters).
const MAX_TEXT: usize = 4000;
/// The maximum length of a message id and of an epoch (characters).
const MAX_ID: usize = 64;
/// The maximum length of an unknown type in a fault (characters). The rest is cut off.
const MAX_TYPE: usize = 32;

/// The value of a field. Every field that a client can send is a string.
#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Field {
    String(String),
    Other(IgnoredAny),
    #[default]
    #[serde(skip)]
    Missing,
}

/// All fields that a message can have.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    r#type: Field,
    room: Field,
    text: Field,
    id: Field,
    to: Field,
    epoch: Field,
    since: Field,
    action: Field,
}

impl ClientMessage {
    /// Reads the JSON text of a message from a client.
    ///
    /// # Errors
    /// A [`Fault`] to send back to the client.
    pub fn parse(text: &str) -> Result<ClientMessage, Fault> {
        let mut fields = fields(text)?;
        let id = identifier(std::mem::take(&mut fields.id), "id")?;
        message(fields, id.clone()).map_err(|fault| fault.id(id))
    }
}

fn fields(text: &str) -> Result<Fields, Fault> {
    // serde would also read a struct from an array, but only an object is a message.
    if !text.trim_start_matches(JSON_BLANKS).starts_with('{') {
        return Err(match serde_json::from_str::<serde_json::Value>(text) {
            Ok(_) => Fault::new(Code::BadMessage, "a message must be a JSON object"),
            Err(error) => not_json(&error),
        });
    }
    serde_json::from_str(text).map_err(|error| match error.is_data() {
        true => repeated(&error),
        false => not_json(&error),
    })
}

const JSON_BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

fn message(fields: Fields, id: Option<String>) -> Result<ClientMessage, Fault> {
    let kind = required(fields.r#type, "type")?;
    Ok(match kind.as_str() {
        "join" => {
            let (room, epoch) = (room(fields.room)?, identifier(fields.epoch, "epoch")?);
            let since = position(fields.since)?;
            if since.is_some() && epoch.is_none() {
                return Err(bad(
                    "epoch",
                    "epoch is missing: a message with since must also have epoch",
                ));
            }
            ClientMessage::Join { room, epoch, since }
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
        "custom" => ClientMessage::Custom {
            action: action(fields.action)?,
        },
        other => return Err(unknown_type(other)),
    })
}

fn not_json(error: &serde_json::Error) -> Fault {
    let (line, column) = (error.line(), error.column());
    let why = format!("cannot read this as JSON: the error is at line {line}, column {column}");
    let mut fault = Fault::new(Code::BadJson, why);
    fault.at = Some(column);
    fault
}

/// Makes the fault for a field that appears twice. [`Fields`] accepts any value, so no other
/// error is possible here. serde writes the name of the field between backticks.
fn repeated(error: &serde_json::Error) -> Fault {
    let words = error.to_string();
    let field = words.split('`').nth(1).unwrap_or_default();
    bad(field, format!("{field} appears twice: send it once"))
}

fn unknown_type(kind: &str) -> Fault {
    let safe = |c: char| match c.is_alphanumeric() || "_-. ".contains(c) {
        true => c,
        false => '?',
    };
    let shown: String = kind.chars().take(MAX_TYPE).map(safe).collect();
    Fault::new(Code::UnknownType, format!("unknown type: {shown}")).field("type")
}

fn bad(field: &str, why: impl Into<String>) -> Fault {
    Fault::new(Code::BadMessage, why).field(field)
}

fn optional(value: Field, field: &str) -> Result<Option<String>, Fault> {
    match value {
        Field::Missing => Ok(None),
        Field::String(text) => Ok(Some(text)),
        Field::Other(_) => Err(bad(field, format!("{field} must be a string"))),
    }
}

fn required(value: Field, field: &str) -> Result<String, Fault> {
    optional(value, field)?.ok_or_else(|| bad(field, format!("{field} is missing")))
}

fn bounded(text: String, field: &str, max: usize) -> Result<String, Fault> {
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

fn body(value: Field) -> Result<String, Fault> {
    bounded(required(value, "text")?, "text", MAX_TEXT)
}

fn identifier(value: Field, field: &str) -> Result<Option<String>, Fault> {
    let text = optional(value, field)?;
    text.map(|text| bounded(text, field, MAX_ID)).transpose()
}

fn name(text: String, field: &str) -> Result<String, Fault> {
    if shows_token(&text) {
        return Err(Fault::token_as_name(field));
    }
    zcomm_core::name(&text).ok_or_else(|| Fault::new(Code::BadName, NAME_RULE).field(field))
}

fn room(value: Field) -> Result<String, Fault> {
    match optional(value, "room")? {
        Some(text) => name(text, "room"),
        None => Ok(LOBBY.to_owned()),
    }
}

fn position(value: Field) -> Result<Option<Seen>, Fault> {
    let text = optional(value, "since")?;
    text.map(|text| Seen::parse(&text).ok_or_else(|| Fault::bad_position("since")))
        .transpose()
}

fn action(value: Field) -> Result<Action, Fault> {
    match required(value, "action")?.as_str() {
        "get_stats" => Ok(Action::GetStats),
        _ => Err(bad("action", "unknown action: the only one is get_stats")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::{INBOX, SERVER_LOG};
    use proptest::prelude::*;

    fn fault(text: &str) -> (Code, Option<String>) {
        let fault = ClientMessage::parse(text).unwrap_err();
        (fault.code, fault.field)
    }

    #[test]
    fn every_type_is_read_and_a_missing_room_is_the_lobby() {
        for text in [
            r#"{"type":"join","room":"lobby"}"#,
            r#"{"type":"join","room":"Rust 2","epoch":"e","since":"12"}"#,
            r#"{"type":"join","room":"lobby","epoch":"e","since":"12:9f3a01bc"}"#,
            r#"{"type":"leave","room":"lobby"}"#,
            r#"{"type":"chat","room":"lobby","text":"hello","id":"a"}"#,
            r#"{"type":"broadcast","text":"hello"}"#,
            r#"{"type":"direct","to":"Ada","text":"hello","id":"b"}"#,
            r#"{"type":"typing","room":"lobby"}"#,
            r#"{"type":"ping","id":"1"}"#,
            r#"{"type":"custom","action":"get_stats"}"#,
        ] {
            let message = ClientMessage::parse(text).unwrap();
            assert_eq!(serde_json::to_string(&message).unwrap(), text);
            let bare = text.replace(r#","room":"lobby""#, "");
            assert_eq!(ClientMessage::parse(&bare), Ok(message));
        }
    }

    #[test]
    fn a01_a02_a03_a_fault_in_json_names_its_column() {
        let deep = "[".repeat(200);
        let deep_field = format!(r#"{{"text":{deep}{}}}"#, "]".repeat(200));
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
            deep_field.as_str(),
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
    fn a04_a05_a08_a_wrong_field_is_named() {
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
            (
                r#"{"type":"join","epoch":"e","since":"5:x"}"#,
                Some("since"),
            ),
            (r#"{"type":"join","epoch":"e","since":"-1"}"#, Some("since")),
            (r#"{"type":"join","epoch":"e","since":""}"#, Some("since")),
            (r#"{"type":"join","epoch":"e","since":"05"}"#, Some("since")),
            (r#"{"type":"join","epoch":"e","since":"00"}"#, Some("since")),
            (r#"{"type":"join","epoch":"e","since":" 5"}"#, Some("since")),
            (
                r#"{"type":"join","epoch":"e","since":"18446744073709551616"}"#,
                Some("since"),
            ),
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
    fn a06_an_unknown_type_is_repeated_short_and_clean() {
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
    fn a07_a20_a21_unknown_fields_are_ignored() {
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

    /// A gap message uses the names `*` and `@` for the server's log and the inbox. If a room
    /// had the name `*`, a gap in the room would change the client's position in the server's log.
    /// Then messages would be lost.
    #[test]
    fn a10_no_message_can_name_a_room_or_a_person_like_a_log_of_the_server() {
        for log in [SERVER_LOG, INBOX] {
            for kind in ["join", "leave", "chat", "typing"] {
                let text = format!(r#"{{"type":"{kind}","room":" {log} ","text":"a"}}"#);
                assert_eq!(fault(&text), (Code::BadName, Some("room".into())), "{text}");
            }
            let text = format!(r#"{{"type":"direct","to":"{log}","text":"a"}}"#);
            assert_eq!(fault(&text), (Code::BadName, Some("to".into())));
        }
        let near = r#"{"type":"join","room":"**"}"#;
        assert!(ClientMessage::parse(near).is_ok());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in r#"[\{"a-z:,\[\]\}\\0-9 ]{0,60}"#, any in ".*") {
            ClientMessage::parse(&text).ok();
            ClientMessage::parse(&any).ok();
        }
    }
}
