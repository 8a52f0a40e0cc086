//! A room: its messages, its events and its members.
//!
//! A room has two logs. The first log contains messages. A new member gets the last messages,
//! and a member that reconnects gets the messages that it missed. The second log contains
//! events (a member enters, leaves or types), which are soon useless. If both were in one log,
//! many events would push messages out.
//!
//! A member that is too slow gets a gap message for lost messages. For lost events, the member
//! gets the current list of members.
//!
//! A member is a session. The room stores the member's newest login. So an older connection
//! that ends late does not remove the member.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use zcomm_core::{Appended, ClientId, Hub, HubLimits, Message, Result};

use crate::envelope::{Seq, ServerMessage};

use crate::server::{log_image::LogImage, moment::Moment, resume::gap, session::Session};

/// The messages to keep in a room: at most 1,024, and at most 1 MiB. One message has at most 64
/// KiB. A text of 4,000 characters fits, even if every character is escaped.
const MESSAGES: HubLimits = HubLimits {
    entries: 1024,
    bytes: 1024 * 1024,
    message_bytes: 64 * 1024,
};
/// The log keeps some events for connections that are a little late.
const EVENTS: HubLimits = HubLimits {
    entries: 256,
    bytes: 64 * 1024,
    message_bytes: 4 * 1024,
};
/// The number of seconds that a page shows a typing notice.
const TYPING_SECONDS: u64 = 5;
/// The maximum number of names in a list of members.
const MAX_USERS: usize = 100;

/// A copy of a room has messages of at most this number of bytes.
const COPIED: usize = 64 * 1024;

/// A copy of a room.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoomImage {
    pub(crate) name: String,
    epoch: String,
    messages: LogImage,
    /// For each member the session, the name and the newest login.
    members: Vec<(u64, String, u64)>,
    empty_since: Duration,
}

pub(crate) struct Room {
    pub(crate) name: String,
    pub(crate) epoch: String,
    pub(crate) messages: Hub,
    pub(crate) events: Hub,
    members: Arc<Mutex<Members>>,
}

struct Members {
    /// The members by session number, so the oldest session comes first.
    by_number: BTreeMap<u64, Member>,
    empty_since: Duration,
}

struct Member {
    name: String,
    /// The newest login with which the member entered.
    login: u64,
}

/// The members of a room at one moment.
pub(crate) struct Presence {
    /// The first 100 names.
    pub(crate) users: Vec<String>,
    pub(crate) user_count: usize,
    /// The position of the first event after this list was made.
    pub(crate) events_after: u64,
}

impl Room {
    pub(crate) fn new(name: &str, epoch: String, clock: Duration) -> Room {
        let members = Arc::new(Mutex::new(Members {
            by_number: BTreeMap::new(),
            empty_since: clock,
        }));
        let (room, of) = (name.to_owned(), epoch.clone());
        let lost = move |from, to| gap(&room, &of, from, Some(to)).into();
        let (room, now) = (name.to_owned(), Arc::clone(&members));
        let list = move |_, _| {
            let (users, user_count) = lock(&now).list();
            let room = room.clone();
            ServerMessage::UserList {
                room,
                users,
                user_count,
            }
            .into()
        };
        Room {
            name: name.to_owned(),
            epoch,
            messages: Hub::with_gap_words(MESSAGES, lost),
            events: Hub::with_gap_words(EVENTS, list),
            members,
        }
    }

    /// A copy of the room.
    pub(crate) fn image(&self) -> RoomImage {
        let members = lock(&self.members);
        let list = members.by_number.iter();
        let list = list.map(|(number, member)| (*number, member.name.clone(), member.login));
        RoomImage {
            name: self.name.clone(),
            epoch: self.epoch.clone(),
            messages: LogImage::of(&self.messages, COPIED),
            members: list.collect(),
            empty_since: members.empty_since,
        }
    }

    /// Makes a room from a copy.
    pub(crate) fn from_image(image: RoomImage) -> Room {
        let room = Room::new(&image.name, image.epoch, image.empty_since);
        image.messages.restore(&room.messages);
        let mut members = lock(&room.members);
        for (number, name, login) in image.members {
            members.by_number.insert(number, Member { name, login });
        }
        drop(members);
        room
    }

    /// Adds a member. If the member is already in the room, stores the newer login. An older
    /// login changes nothing, because its connection will end soon.
    pub(crate) fn enter(&self, session: &Session, login: u64, time: Moment) -> Presence {
        let mut members = lock(&self.members);
        if let Some(member) = members.by_number.get_mut(&session.number) {
            member.login = member.login.max(login);
        } else {
            let name = session.name.clone();
            let member = Member { name, login };
            members.by_number.insert(session.number, member);
            // Send while the lock is held, so that the events have the order of the changes.
            let joined = ServerMessage::UserJoined {
                room: self.name.clone(),
                client_id: session.number.to_string(),
                name: session.name.clone(),
                user_count: members.by_number.len(),
            };
            self.announce(joined.at(time.wall, None));
        }
        let (users, user_count) = members.list();
        Presence {
            users,
            user_count,
            events_after: self.events.position(),
        }
    }

    /// Removes a member. Does nothing if the member has entered again with a newer login.
    pub(crate) fn leave(&self, session: u64, login: u64, time: Moment) {
        let mut members = lock(&self.members);
        let Entry::Occupied(member) = members.by_number.entry(session) else {
            return;
        };
        if member.get().login != login {
            return;
        }
        let name = member.remove().name;
        members.empty_since = time.clock;
        let left = ServerMessage::UserLeft {
            room: self.name.clone(),
            client_id: session.to_string(),
            name,
            user_count: members.by_number.len(),
        };
        self.announce(left.at(time.wall, None));
    }

    /// Whether this session is a member.
    pub(crate) fn has(&self, session: u64) -> bool {
        lock(&self.members).by_number.contains_key(&session)
    }

    /// Sends a message to all members. The sender also gets the message, so no position is missing.
    pub(crate) fn say(
        &self,
        session: &Session,
        text: String,
        id: Option<String>,
        time: Moment,
    ) -> Result<Appended> {
        self.messages.broadcast_at(|position| {
            let said = ServerMessage::Chat {
                room: self.name.clone(),
                seq: Seq(position + 1),
                id,
                client_id: session.number.to_string(),
                name: session.name.clone(),
                text,
            };
            said.at(time.wall, time.digest)
        })
    }

    /// Tells the other members that this member is typing. `connection` is the member's connection
    /// to this server, which does not get the notice.
    pub(crate) fn typing(&self, session: &Session, connection: Option<ClientId>, time: Moment) {
        let typing = ServerMessage::Typing {
            room: self.name.clone(),
            client_id: session.number.to_string(),
            name: session.name.clone(),
            expires_in: TYPING_SECONDS,
        };
        let typing = typing.at(time.wall, None);
        // Ignores an error: an event is small, so an error means that the server stops.
        match connection {
            Some(connection) => self.events.broadcast_except(typing, connection).ok(),
            None => self.events.broadcast(typing).ok(),
        };
    }

    pub(crate) fn member_count(&self) -> usize {
        lock(&self.members).by_number.len()
    }

    /// The time at which the last member left; `None` while there are members.
    pub(crate) fn empty_since(&self) -> Option<Duration> {
        let members = lock(&self.members);
        let is_empty = members.by_number.is_empty();
        is_empty.then_some(members.empty_since)
    }

    fn announce(&self, event: Message) {
        // Ignores an error: an event is small, so an error means that the server stops.
        self.events.broadcast(event).ok();
    }
}

impl Members {
    /// The first 100 names, and the number of all members.
    fn list(&self) -> (Vec<String>, usize) {
        let first = self.by_number.values().take(MAX_USERS);
        let names = first.map(|member| member.name.clone()).collect();
        (names, self.by_number.len())
    }
}

fn lock(members: &Mutex<Members>) -> MutexGuard<'_, Members> {
    // After a panic in another task, the list is valid: each change is one insert or remove.
    members.lock().unwrap_or_else(PoisonError::into_inner)
}
