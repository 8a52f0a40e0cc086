//! Who is in which room, as far as the server has told.
//!
//! The server tells a list once and then each change. A list has at most a hundred names, so
//! the number of people beside it is the server's, not the length of ours.
//!
//! Production shows the rest page by page.

use std::collections::BTreeMap;

use zcomm_core::envelope::ServerMessage;

/// Names that are kept of one room.
const MOST: usize = 200;

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
        match message {
            ServerMessage::Joined {
                room,
                users,
                user_count,
                ..
            }
            | ServerMessage::UserList {
                room,
                users,
                user_count,
            } => {
                let names = users.iter().take(MOST).cloned().collect();
                let count = *user_count;
                self.rooms.insert(room.clone(), Room { names, count });
            }
            ServerMessage::UserJoined {
                room,
                name,
                user_count,
                ..
            } => {
                let Some(room) = self.rooms.get_mut(room) else {
                    return false;
                };
                room.count = *user_count;
                if room.names.len() < MOST && !room.names.contains(name) {
                    room.names.push(name.clone());
                }
            }
            ServerMessage::UserLeft {
                room,
                name,
                user_count,
                ..
            } => {
                let Some(room) = self.rooms.get_mut(room) else {
                    return false;
                };
                room.count = *user_count;
                room.names.retain(|other| other != name);
            }
            ServerMessage::Left { room } => drop(self.rooms.remove(room)),
            _ => return false,
        }
        true
    }

    /// Who is in this room, as a sentence.
    pub(super) fn who(&self, room: &str) -> String {
        let Some(there) = self.rooms.get(room) else {
            return format!("you are not in {room}");
        };
        let mut names = there.names.clone();
        names.sort();
        let more = there.count.saturating_sub(names.len());
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        format!("{} in {room}: {}{more}", there.count, names.join(", "))
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

#[cfg(test)]
mod tests {
    use super::*;

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
        let mut people = People::default();
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
        let mut people = People::default();
        people.hear(&list("lobby", &["Ada"], 1));
        for count in 2..=1000 {
            people.hear(&comes("lobby", &format!("guest {count}"), count));
        }
        assert_eq!(people.names().len(), MOST);
        assert!(people.who("lobby").ends_with("and 800 more"));
        assert!(!people.hear(&comes("elsewhere", "Eve", 1)));
    }
}
