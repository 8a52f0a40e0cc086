//! Who is in which room, as far as the server has told.
//!
//! The server tells a list once and then each change. A list has at most a hundred names, so
//! the number of people beside it is the server's, not the length of ours.
//!
//! Production shows the rest page by page.

use std::collections::BTreeMap;

use zcomm_core::envelope::ServerMessage;

use crate::shared::text::visible;

/// Names that are kept of one room.
const MOST: usize = 200;
/// Bytes of a name that is kept.
const LONGEST: usize = 200;

/// The rooms that we are in.
#[derive(Default)]
pub(super) struct People {
    rooms: BTreeMap<String, Room>,
}

#[derive(Default)]
struct Room {
    names: Vec<String>,
    count: usize,
}

impl People {
    /// Takes in what the server says, and says whether anything is different.
    pub(super) fn hear(&mut self, message: &ServerMessage) -> bool {
        use ServerMessage::{Joined, Left, UserJoined, UserLeft, UserList};
        let (room, count) = match message {
            Joined {
                room, user_count, ..
            }
            | UserList {
                room, user_count, ..
            }
            | UserJoined {
                room, user_count, ..
            }
            | UserLeft {
                room, user_count, ..
            } => (room, *user_count),
            Left { room } => return self.rooms.remove(room).is_some(),
            _ => return false,
        };
        if matches!(message, Joined { .. }) {
            self.rooms.insert(room.clone(), Room::default());
        }
        let Some(there) = self.rooms.get_mut(room) else {
            return false;
        };
        there.count = count;
        match message {
            UserJoined { name, .. } => there.add(name),
            UserLeft { name, .. } => there.names.retain(|other| other != name),
            Joined { users, .. } | UserList { users, .. } => {
                there.names.clear();
                users.iter().for_each(|name| there.add(name));
            }
            _ => {}
        }
        true
    }

    /// Who is in this room, as a sentence that a terminal can show.
    pub(super) fn who(&self, room: &str) -> String {
        let Some(there) = self.rooms.get(room) else {
            return format!("you are not in {}", visible(room));
        };
        let mut names: Vec<_> = there.names.iter().map(|name| visible(name)).collect();
        names.sort();
        let more = there.count.saturating_sub(names.len());
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        let (room, names) = (visible(room), names.join(", "));
        format!("{} in {room}: {names}{more}", there.count)
    }

    /// Those whose names can stand in a line that is being typed.
    pub(super) fn typeable(&self) -> Vec<String> {
        let mut names = self.names();
        names.retain(|name| *name == visible(name));
        names
    }

    /// Everybody whom we know of.
    pub(super) fn names(&self) -> Vec<String> {
        let names = self.rooms.values().flat_map(|room| &room.names);
        let mut names: Vec<_> = names.cloned().collect();
        names.sort();
        names.dedup();
        names
    }
}

impl Room {
    fn add(&mut self, name: &String) {
        let fits = self.names.len() < MOST && name.len() <= LONGEST;
        if fits && !self.names.contains(name) {
            self.names.push(name.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_lobby() -> People {
        let mut people = People::default();
        people.rooms.insert("lobby".into(), Room::default());
        people
    }

    fn list(room: &str, users: &[&str], user_count: usize) -> ServerMessage {
        ServerMessage::UserList {
            room: room.into(),
            users: users.iter().map(|name| (*name).to_owned()).collect(),
            user_count,
        }
    }

    fn comes(room: &str, name: &str, user_count: usize) -> ServerMessage {
        ServerMessage::UserJoined {
            room: room.into(),
            client_id: "1".into(),
            name: name.into(),
            user_count,
        }
    }

    #[test]
    fn a_list_and_each_change_say_who_is_there() {
        let mut people = in_lobby();
        assert!(people.hear(&list("lobby", &["Ben", "Ada"], 2)));
        assert!(people.hear(&comes("lobby", "Cleo", 3)));
        assert_eq!(people.who("lobby"), "3 in lobby: Ada, Ben, Cleo");
        assert!(people.hear(&ServerMessage::UserLeft {
            room: "lobby".into(),
            client_id: "1".into(),
            name: "Ben".into(),
            user_count: 2,
        }));
        assert_eq!(people.who("lobby"), "2 in lobby: Ada, Cleo");
        assert_eq!(people.who("garden"), "you are not in garden");
    }

    #[test]
    fn a_list_is_bounded_and_the_rest_is_counted() {
        let mut people = in_lobby();
        people.hear(&list("lobby", &["Ada"], 1));
        for count in 2..=1000 {
            people.hear(&comes("lobby", &format!("guest {count}"), count));
        }
        assert_eq!(people.names().len(), MOST);
        assert!(people.who("lobby").ends_with("and 800 more"));
        assert!(!people.hear(&comes("elsewhere", "Eve", 1)));
        assert!(!people.hear(&list("elsewhere", &["Eve"], 1)));
        let long = "x".repeat(LONGEST + 1);
        people.hear(&list("lobby", &[&long, "Ada"], 2));
        people.hear(&comes("lobby", &long, 2));
        assert_eq!(people.names(), ["Ada"]);
    }

    /// a12: the server checks names, but not every server is ours.
    #[test]
    fn a12_a_name_cannot_control_the_terminal() {
        let mut people = in_lobby();
        people.hear(&list("lobby", &["E\x1b]0;pwn\x07ve", "Ada"], 2));
        assert_eq!(people.who("lobby"), "2 in lobby: Ada, E␛]0;pwn␇ve");
        assert_eq!(people.who("\x1b[2J"), "you are not in ␛[2J");
        assert_eq!(people.typeable(), ["Ada"]);
    }
}
