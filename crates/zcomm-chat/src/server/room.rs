//! A room: its messages, its events and its members.
//!
//! A room has two logs. The first log contains messages. A new member gets the last messages,
//! and a member that reconnects gets the messages that it missed. The second log contains
//! events (a member enters, leaves or types), which are soon useless. If both were in one log,
//! many events would push messages out. A member that is too slow is told which messages are
//! lost. If it misses events, it gets the current list of members instead.
//!
//! A member is a session. The room stores the member's newest login. So an older connection
//! that ends late does not remove the member.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::time::Instant;
use zcomm_core::{Appended, ClientId, Hub, HubLimits, Result};

use crate::envelope::{Seq, ServerMessage};

use crate::server::{resume::gap, session::Session};

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
    empty_since: Instant,
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
    pub(crate) fn new(name: &str, epoch: String) -> Room {
        let members = Arc::new(Mutex::new(Members {
            by_number: BTreeMap::new(),
            empty_since: Instant::now(),
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

    /// Adds a member. If the member is already in the room, stores the newer login. An older
    /// login changes nothing, because its connection will end soon.
    pub(crate) fn enter(&self, session: &Session, login: u64) -> Presence {
        let mut members = lock(&self.members);
        if let Some(member) = members.by_number.get_mut(&session.number) {
            member.login = member.login.max(login);
        } else {
            let name = session.name.clone();
            let member = Member { name, login };
            members.by_number.insert(session.number, member);
            // Send while the lock is held, so that the events have the order of the changes.
            self.announce(ServerMessage::UserJoined {
                room: self.name.clone(),
                client_id: session.number.to_string(),
                name: session.name.clone(),
                user_count: members.by_number.len(),
            });
        }
        let (users, user_count) = members.list();
        Presence {
            users,
            user_count,
            events_after: self.events.position(),
        }
    }

    /// Removes a member. Does nothing if the member has entered again with a newer login.
    pub(crate) fn leave(&self, session: &Session, login: u64) {
        let mut members = lock(&self.members);
        let member = members.by_number.get(&session.number);
        if member.is_none_or(|member| member.login != login) {
            return;
        }
        members.by_number.remove(&session.number);
        members.empty_since = Instant::now();
        self.announce(ServerMessage::UserLeft {
            room: self.name.clone(),
            client_id: session.number.to_string(),
            name: session.name.clone(),
            user_count: members.by_number.len(),
        });
    }

    /// Sends a message to all members. The sender gets it, too, and sees every position.
    pub(crate) fn say(
        &self,
        session: &Session,
        text: String,
        id: Option<String>,
    ) -> Result<Appended> {
        self.messages.broadcast_at(|position| {
            ServerMessage::Chat {
                room: self.name.clone(),
                seq: Seq(position + 1),
                id,
                client_id: session.number.to_string(),
                name: session.name.clone(),
                text,
            }
            .into()
        })
    }

    /// Tells the other members that this member is typing.
    pub(crate) fn typing(&self, session: &Session, connection: ClientId) {
        let typing = ServerMessage::Typing {
            room: self.name.clone(),
            client_id: session.number.to_string(),
            name: session.name.clone(),
            expires_in: TYPING_SECONDS,
        };
        // Ignores an error: an event is small, so an error means that the server stops.
        self.events.broadcast_except(typing, connection).ok();
    }

    pub(crate) fn member_count(&self) -> usize {
        lock(&self.members).by_number.len()
    }

    /// The time at which the last member left; `None` while there are members.
    pub(crate) fn empty_since(&self) -> Option<Instant> {
        let members = lock(&self.members);
        let is_empty = members.by_number.is_empty();
        is_empty.then_some(members.empty_since)
    }

    fn announce(&self, event: ServerMessage) {
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
