//! Formats a message of the server as one line for the terminal.
//!
//! The name, the text and the room of a message come from other people. In these texts, a
//! picture replaces each control character and each line break. So a message cannot print a
//! second line that looks like the message of another person.
//!
//! A name or a room with a space is in quotes, so that it cannot look like other words of the
//! line.
//!
//! A line begins with a name, with `*` for an event, or with `!` for an error.

use zcomm_chat::envelope::{Seq, ServerMessage};

use crate::shared::text::{BAD, FAINT, NOTE, counted, named, visible};

/// Returns the line for a message, or `None` if the message is not shown. `current` is the room
/// that plain text is sent to. If the message is from another room, the line names this room.
pub(super) fn line(message: &ServerMessage, current: &str) -> Option<String> {
    let said = |from: String, text: &str| format!("{NOTE}{from}{NOTE:#}: {}", visible(text));
    Some(match message {
        ServerMessage::Chat {
            room, name, text, ..
        } => place(room, current) + &said(named(name), text),
        ServerMessage::Broadcast { name, text, .. } => {
            said(format!("{} to everybody", named(name)), text)
        }
        ServerMessage::Direct { name, to, text, .. } => {
            let (name, to) = (named(name), named(to));
            said(format!("{name} to {to} (private)"), text)
        }
        ServerMessage::Gap { room, from, to, .. } => {
            format!("{BAD}! {}{BAD:#}", gap(room, *from, *to))
        }
        ServerMessage::Error(fault) => format!("{BAD}! {}{BAD:#}", visible(&fault.message)),
        other => format!("{FAINT}* {}{FAINT:#}", event(other, current)?),
    })
}

fn event(message: &ServerMessage, current: &str) -> Option<String> {
    Some(match message {
        ServerMessage::Joined {
            room,
            user_count,
            recovered,
            missed,
            ..
        } => {
            let people = if *user_count == 1 { "person" } else { "people" };
            let missed = match (recovered, missed.0) {
                (true, 1..) => format!("; next: {}", counted(missed.0, "missed message")),
                _ => String::new(),
            };
            format!("you are in {} ({user_count} {people}){missed}", named(room))
        }
        ServerMessage::Left { room } => format!("you have left {}", named(room)),
        ServerMessage::UserJoined { room, name, .. } => {
            format!("{}{} joined", place(room, current), named(name))
        }
        ServerMessage::UserLeft { room, name, .. } => {
            format!("{}{} left", place(room, current), named(name))
        }
        ServerMessage::Stats {
            clients,
            servers,
            all_clients,
            sessions,
            rooms,
            messages,
            uptime_seconds,
        } => format!(
            "{}{}, {}, {}, {} in {uptime_seconds} s",
            counted(*clients as u64, "connection"),
            match servers.zip(*all_clients) {
                Some((servers, all)) => {
                    format!(" here, {all} on {}", counted(servers as u64, "server"))
                }
                None => String::new(),
            },
            counted(*sessions as u64, "session"),
            counted(*rooms as u64, "room"),
            counted(*messages, "message"),
        ),
        _ => return None,
    })
}

fn place(room: &str, current: &str) -> String {
    match room == current {
        true => String::new(),
        false => format!("{FAINT}[{}]{FAINT:#} ", named(room)),
    }
}

fn gap(room: &str, from: Seq, to: Option<Seq>) -> String {
    let what = match room {
        "*" => "messages to everybody".to_owned(),
        "@" => "private messages".to_owned(),
        room => format!("messages in {}", named(room)),
    };
    match to {
        Some(to) => format!("{what} {} to {} are lost", from.0, to.0),
        // The server has restarted, so the number of the last lost message is unknown.
        None => format!("{what} from {} on may be lost", from.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_names_what_is_lost() {
        let gap = |room: &str, to| ServerMessage::Gap {
            room: room.into(),
            epoch: "e".into(),
            from: Seq(3),
            to,
        };
        for (message, told) in [
            (
                gap("lobby", Some(Seq(17))),
                "! messages in lobby 3 to 17 are lost",
            ),
            (gap("@", None), "! private messages from 3 on may be lost"),
        ] {
            let line = line(&message, "lobby").unwrap();
            assert_eq!(anstream::adapter::strip_str(&line).to_string(), told);
        }
    }

    #[test]
    fn a12_a_name_cannot_look_like_a_message_to_others() {
        let chat = |room: &str, name: &str| ServerMessage::Chat {
            room: room.into(),
            seq: Seq(1),
            id: None,
            client_id: "1".into(),
            name: name.into(),
            text: "hi".into(),
        };
        let broadcast = ServerMessage::Broadcast {
            seq: Seq(1),
            id: None,
            client_id: "1".into(),
            name: "Ada".into(),
            text: "hi".into(),
        };
        for (message, told) in [
            (broadcast, "Ada to everybody: hi"),
            (chat("lobby", "Ada"), "Ada: hi"),
            (
                chat("lobby", "Ada to everybody"),
                "\"Ada to everybody\": hi",
            ),
            (
                chat("lobby", "Ada to Ben (private)"),
                "\"Ada to Ben (private)\": hi",
            ),
            (chat("lobby", "[garden] Ada"), "\"[garden] Ada\": hi"),
            (chat("garden", "Ada"), "[garden] Ada: hi"),
            (chat("a] Ben: x [b", "Ada"), "[\"a] Ben: x [b\"] Ada: hi"),
        ] {
            let line = line(&message, "lobby").unwrap();
            assert_eq!(anstream::adapter::strip_str(&line).to_string(), told);
        }
    }

    /// a12: a name, a text or a room cannot begin a new line on the terminal.
    #[test]
    fn a12_a_message_cannot_forge_a_line_or_move_the_cursor() {
        let hostile = "\x1b[2J\r\nBen: I owe you\u{202e}";
        let message = ServerMessage::Chat {
            room: hostile.into(),
            seq: Seq(1),
            id: None,
            client_id: "1".into(),
            name: hostile.into(),
            text: hostile.into(),
        };
        let shown = anstream::adapter::strip_str(&line(&message, "lobby").unwrap()).to_string();
        assert_eq!(shown.matches("␛[2J␍␊Ben: I owe you").count(), 3, "{shown}");
        assert!(
            !shown.contains(['\x1b', '\r', '\n', '\u{202e}']),
            "{shown:?}"
        );
    }
}
