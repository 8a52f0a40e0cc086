//! The names of the people in each room, as the server reports them.
//!
//! The server sends a list of the names once, and then each change. A list contains at most 100
//! names, but a room may have more people. So the server also sends the number of people, and
//! this code does not count the names.

use std::collections::BTreeMap;

use zcomm_chat::envelope::ServerMessage;

use crate::shared::text::{named, visible};

/// The client stores at most this number of names for one room.
const MAX_NAMES: usize = 200;
/// The limit for one name (bytes). The client does not store a longer name.
const MAX_NAME_BYTES: usize = 200;

/// The people in the rooms that this client has joined.
#[derive(Default)]
pub(super) struct People {
    rooms: BTreeMap<String, Members>,
}

#[derive(Default)]
struct Members {
    names: Vec<String>,
    count: usize,
}

impl People {
    /// Applies a message of the server. Returns true if the message changed a list.
    pub(super) fn update(&mut self, message: &ServerMessage) -> bool {
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
            self.rooms.insert(room.clone(), Members::default());
        }
        let Some(members) = self.rooms.get_mut(room) else {
            return false;
        };
        members.count = count;
        match message {
            UserJoined { name, .. } => members.add(name),
            UserLeft { name, .. } => members.names.retain(|other| other != name),
            Joined { users, .. } | UserList { users, .. } => {
                members.names.clear();
                users.iter().for_each(|name| members.add(name));
            }
            _ => {}
        }
        true
    }

    /// Returns a line with the names of the people in a room, safe to print.
    pub(super) fn list(&self, room: &str) -> String {
        let Some(members) = self.rooms.get(room) else {
            return format!("you are not in {}", named(room));
        };
        let mut names: Vec<_> = members.names.iter().map(|name| named(name)).collect();
        names.sort();
        let more = match members.count.saturating_sub(names.len()) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let (room, names) = (named(room), names.join(", "));
        format!("{} in {room}: {names}{more}", members.count)
    }

    /// Returns only the names that contain no control character. The Tab key completes these
    /// names.
    pub(super) fn typeable(&self) -> Vec<String> {
        let mut names = self.names();
        names.retain(|name| *name == visible(name));
        names
    }

    /// Returns every known name once, sorted.
    pub(super) fn names(&self) -> Vec<String> {
        let names = self.rooms.values().flat_map(|members| &members.names);
        let mut names: Vec<_> = names.cloned().collect();
        names.sort();
        names.dedup();
        names
    }
}

impl Members {
    fn add(&mut self, name: &String) {
        let fits = self.names.len() < MAX_NAMES && name.len() <= MAX_NAME_BYTES;
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
        people.rooms.insert("lobby".into(), Members::default());
        people
    }

    fn list(room: &str, users: &[&str], user_count: usize) -> ServerMessage {
        ServerMessage::UserList {
            room: room.into(),
            users: users.iter().map(|name| (*name).to_owned()).collect(),
            user_count,
        }
    }

    fn joins(room: &str, name: &str, user_count: usize) -> ServerMessage {
        ServerMessage::UserJoined {
            room: room.into(),
            client_id: "1".into(),
            name: name.into(),
            user_count,
        }
    }

    #[test]
    fn a_list_and_each_change_update_the_names() {
        let mut people = in_lobby();
        assert!(people.update(&list("lobby", &["Ben", "Ada"], 2)));
        assert!(people.update(&joins("lobby", "Cleo", 3)));
        assert_eq!(people.list("lobby"), "3 in lobby: Ada, Ben, Cleo");
        assert!(people.update(&ServerMessage::UserLeft {
            room: "lobby".into(),
            client_id: "1".into(),
            name: "Ben".into(),
            user_count: 2,
        }));
        assert_eq!(people.list("lobby"), "2 in lobby: Ada, Cleo");
        assert_eq!(people.list("garden"), "you are not in garden");
    }

    #[test]
    fn a_list_is_bounded_and_the_rest_is_counted() {
        let mut people = in_lobby();
        people.update(&list("lobby", &["Ada"], 1));
        for count in 2..=1000 {
            people.update(&joins("lobby", &format!("guest {count}"), count));
        }
        assert_eq!(people.names().len(), MAX_NAMES);
        assert!(people.list("lobby").ends_with("and 800 more"));
        assert!(!people.update(&joins("elsewhere", "Eve", 1)));
        assert!(!people.update(&list("elsewhere", &["Eve"], 1)));
        let long = "x".repeat(MAX_NAME_BYTES + 1);
        people.update(&list("lobby", &[&long, "Ada"], 2));
        people.update(&joins("lobby", &long, 2));
        assert_eq!(people.names(), ["Ada"]);
    }

    /// a12: the course's server checks names, but another server may not check them.
    #[test]
    fn a12_a_name_cannot_control_the_terminal() {
        let mut people = in_lobby();
        people.update(&list("lobby", &["E\x1b]0;pwn\x07ve", "Ada"], 2));
        assert_eq!(people.list("lobby"), "2 in lobby: \"E␛]0;pwn␇ve\", Ada");
        assert_eq!(people.list("\x1b[2J"), "you are not in \"␛[2J\"");
        assert_eq!(people.typeable(), ["Ada"]);
    }
}
