//! What the server says, as a line for a person.
//!
//! Everything in a message was written by a stranger: its name, its text, even its room. All
//! of it becomes visible text before it is printed, and a line break in it is a picture of
//! one: nobody can write a line that looks as if another had.
//!
//! What the lines begin with is ours: a name, `*` for what happens, `!` for what is missing.

use zcomm_core::envelope::ServerMessage;

use crate::shared::text::{BAD, FAINT, NOTE, counted, visible};

/// The line for a message; `None` for what needs none. `room` is where plain text goes.
pub(super) fn line(message: &ServerMessage, room: &str) -> Option<String> {
    let place = |other: &str| match other == room {
        true => String::new(),
        false => format!("{FAINT}[{}]{FAINT:#} ", visible(other)),
    };
    let event = |text: String| Some(format!("{FAINT}* {text}{FAINT:#}"));
    match message {
        ServerMessage::Chat {
            room, name, text, ..
        } => Some(format!(
            "{}{NOTE}{}{NOTE:#}: {}",
            place(room),
            visible(name),
            visible(text)
        )),
        ServerMessage::Broadcast { name, text, .. } => {
            let (name, text) = (visible(name), visible(text));
            Some(format!("{NOTE}{name} to everybody{NOTE:#}: {text}"))
        }
        ServerMessage::Direct { name, to, text, .. } => {
            let (name, to, text) = (visible(name), visible(to), visible(text));
            Some(format!("{NOTE}{name} to {to} alone{NOTE:#}: {text}"))
        }
        ServerMessage::Joined {
            room,
            user_count,
            recovered,
            missed,
            ..
        } => {
            let room = visible(room);
            let missed = match (recovered, missed.0) {
                (true, 1..) => format!("; next: {} that you missed", counted(missed.0, "message")),
                _ => String::new(),
            };
            event(format!(
                "you are in {room}, with {user_count} there{missed}"
            ))
        }
        ServerMessage::Left { room } => event(format!("you have left {}", visible(room))),
        ServerMessage::UserJoined { room, name, .. } => {
            event(format!("{}{} comes", place(room), visible(name)))
        }
        ServerMessage::UserLeft { room, name, .. } => {
            event(format!("{}{} goes", place(room), visible(name)))
        }
        ServerMessage::Stats {
            clients,
            sessions,
            rooms,
            messages,
            uptime_seconds,
        } => event(format!(
            "{}, {}, {}, {} since {uptime_seconds} s",
            counted(*clients as u64, "connection"),
            counted(*sessions as u64, "session"),
            counted(*rooms as u64, "room"),
            counted(*messages, "message"),
        )),
        ServerMessage::Gap { room, from, to, .. } => {
            let what = match room.as_str() {
                "*" => "messages to everybody".to_owned(),
                "@" => "private messages".to_owned(),
                room => format!("messages in {}", visible(room)),
            };
            let lost = match to {
                Some(to) => format!("{} to {} are lost", from.0, to.0),
                // Nobody knows how many there were: that server is no more.
                None => format!("from {} on are lost, if there were any", from.0),
            };
            Some(format!("{BAD}! {what} {lost}{BAD:#}"))
        }
        ServerMessage::Error(fault) => Some(format!("{BAD}! {}{BAD:#}", visible(&fault.message))),
        ServerMessage::Welcome { .. }
        | ServerMessage::Ack { .. }
        | ServerMessage::UserList { .. }
        | ServerMessage::Typing { .. }
        | ServerMessage::Pong { .. }
        | ServerMessage::Heartbeat { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zcomm_core::envelope::Seq;

    #[test]
    fn what_is_lost_is_told_as_far_as_it_is_known() {
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
            (
                gap("@", None),
                "! private messages from 3 on are lost, if there were any",
            ),
        ] {
            let line = line(&message, "lobby").unwrap();
            assert_eq!(anstream::adapter::strip_str(&line).to_string(), told);
        }
    }

    /// a12: no name, text or room can write a line of its own.
    #[test]
    fn a12_a_stranger_cannot_forge_a_line_or_move_the_cursor() {
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
