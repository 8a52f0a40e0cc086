//! A room: its messages, its events and its members.
//!
//! A room has two logs, because they are kept for different reasons. Messages are the history
//! that a new member is sent, and the log from which a returning member resumes. Events (a member
//! enters, leaves, types) are of no use once they are old, and many of them must not push messages
//! out of the history. A reader that misses messages is told which; a reader that misses events
//! is sent the current list of members instead.
//!
//! A member is a session. The room notes through which of its connections it entered, so that an
//! older connection that ends late does not remove it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::time::Instant;
use zcomm_core::{Appended, ClientId, Hub, HubLimits, Result};

use crate::envelope::{Seq, ServerMessage};

use crate::server::{resume::gap, session::Session};

/// Messages kept in a room: 1,024, or 1 MiB. A text of 4,000 characters with every character
/// escaped fits into 64 KiB.
const MESSAGES: HubLimits = HubLimits {
    entries: 1024,
    bytes: 1024 * 1024,
    message_bytes: 64 * 1024,
};
/// Events kept for readers that are a little behind.
const EVENTS: HubLimits = HubLimits {
    entries: 256,
    bytes: 64 * 1024,
    message_bytes: 4 * 1024,
};
/// Seconds after which a page stops showing that a member types.
const TYPING_SECONDS: u64 = 5;
/// Names in a list of members.
const MAX_USERS: usize = 100;

/// A room.
pub(crate) struct Room {
    pub(crate) name: String,
    pub(crate) epoch: String,
    pub(crate) messages: Hub,
    pub(crate) events: Hub,
    members: Arc<Mutex<Members>>,
}

struct Members {
    /// By the number of their session, so the oldest session comes first.
    by_number: BTreeMap<u64, Member>,
    empty_since: Instant,
}

struct Member {
    name: String,
    /// The login through which it entered.
    login: u64,
}

/// The members of a room at one moment.
pub(crate) struct Presence {
    /// The first 100 names.
    pub(crate) users: Vec<String>,
    pub(crate) user_count: usize,
    /// The events after this position change the list.
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

    /// Adds a member, or notes the newer login of one that is in the room. An older login changes
    /// nothing: its connection is about to end.
    pub(crate) fn enter(&self, session: &Session, login: u64) -> Presence {
        let mut members = lock(&self.members);
        if let Some(member) = members.by_number.get_mut(&session.number) {
            member.login = member.login.max(login);
        } else {
            let name = session.name.clone();
            let member = Member { name, login };
            members.by_number.insert(session.number, member);
            // Under the lock, so that the events have the order of the changes.
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

    /// Removes a member, unless it has entered through a newer login.
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

    /// Sends a message to all members. The sender gets it, too, so the positions that a client
    /// sees have no holes.
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

    /// Tells the other members that this one types.
    pub(crate) fn typing(&self, session: &Session, connection: ClientId) {
        let typing = ServerMessage::Typing {
            room: self.name.clone(),
            client_id: session.number.to_string(),
            name: session.name.clone(),
            expires_in: TYPING_SECONDS,
        };
        // Cannot fail: an event is far below the log's limit.
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
        // Cannot fail: an event is far below the log's limit.
        self.events.broadcast(event).ok();
    }
}

impl Members {
    /// The first names, and the number of all members.
    fn list(&self) -> (Vec<String>, usize) {
        let first = self.by_number.values().take(MAX_USERS);
        let names = first.map(|member| member.name.clone()).collect();
        (names, self.by_number.len())
    }
}

fn lock(members: &Mutex<Members>) -> MutexGuard<'_, Members> {
    // Each change is a single insert or remove.
    members.lock().unwrap_or_else(PoisonError::into_inner)
}
