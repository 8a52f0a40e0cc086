//! A room: what is said in it, what happens in it, who is there.
//!
//! Two logs, because they are worth different things. What is *said* is kept: its ring is
//! the history that a new member is shown, and the memory that one who comes back resumes
//! from. What *happens* — somebody comes, goes, types — is worth nothing once it is old, and
//! a busy door must not push the history out. Each has its own way to speak of a gap: of
//! messages it says which are lost; of events it says what they would have led to, a list of
//! who is there now.
//!
//! A member stands for a session; which of its connections it came through is noted, so
//! that an older one, when it ends at last, takes nobody along.
//!
//! Production shows large rooms no list and no comings and goings: with ten thousand people
//! they would be most of what is sent.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::time::Instant;
use zcomm_core::{Appended, ClientId, Hub, HubLimits};

use crate::envelope::{Fault, Seq, ServerMessage};

use crate::server::{resume::gap, session::Session};

/// Messages that are kept in a room: 1,024, or 1 MiB of them. 64 KiB hold any text of 4,000
/// characters, escaped.
const MESSAGES: HubLimits = HubLimits {
    entries: 1024,
    bytes: 1024 * 1024,
    message_bytes: 64 * 1024,
};
/// Events that are kept, for readers that are a little behind.
const EVENTS: HubLimits = HubLimits {
    entries: 256,
    bytes: 64 * 1024,
    message_bytes: 4 * 1024,
};
/// Seconds after which a page stops showing that a person types.
const TYPING_SECONDS: u64 = 5;
/// Names in a list of users.
const MAX_USERS: usize = 100;

/// A room.
pub(crate) struct Room {
    pub(crate) name: String,
    pub(crate) epoch: String,
    pub(crate) messages: Hub,
    pub(crate) events: Hub,
    people: Arc<Mutex<People>>,
}

struct People {
    /// By the number of their session: who came first stands first.
    members: BTreeMap<u64, Member>,
    empty_since: Instant,
}

struct Member {
    name: String,
    /// That of the connection it came through.
    turn: u64,
}

/// Who is there.
pub(crate) struct Users {
    pub(crate) names: Vec<String>,
    pub(crate) count: usize,
}

impl Room {
    pub(crate) fn new(name: &str, epoch: String) -> Room {
        let people = Arc::new(Mutex::new(People {
            members: BTreeMap::new(),
            empty_since: Instant::now(),
        }));
        let (room, of) = (name.to_owned(), epoch.clone());
        let lost = move |from, to| gap(&room, &of, from, to).into();
        let (room, now) = (name.to_owned(), Arc::clone(&people));
        let list = move |_, _| {
            let users = lock(&now).users();
            let room = room.clone();
            ServerMessage::UserList {
                room,
                users: users.names,
                user_count: users.count,
            }
            .into()
        };
        Room {
            name: name.to_owned(),
            epoch,
            messages: Hub::with_gap_words(MESSAGES, lost),
            events: Hub::with_gap_words(EVENTS, list),
            people,
        }
    }

    /// Enters, or goes on through another connection. Returns who is there, and the position
    /// in the events from which on that list must be kept. An older connection, which is on
    /// its way out, changes nothing.
    pub(crate) fn enter(&self, session: &Session, turn: u64) -> (Users, u64) {
        let mut people = lock(&self.people);
        let name = session.name.clone();
        let known = people.members.get_mut(&session.number);
        if let Some(member) = known {
            member.turn = member.turn.max(turn);
        } else {
            people.members.insert(session.number, Member { name, turn });
            let user_count = people.members.len();
            // Under the lock, so that the events tell of the changes in their order.
            self.tell(ServerMessage::UserJoined {
                room: self.name.clone(),
                client_id: session.number.to_string(),
                name: session.name.clone(),
                user_count,
            });
        }
        (people.users(), self.events.position())
    }

    /// Leaves, unless the person is here through another connection by now.
    pub(crate) fn leave(&self, session: &Session, turn: u64) {
        let mut people = lock(&self.people);
        let member = people.members.get(&session.number);
        if member.is_none_or(|member| member.turn != turn) {
            return;
        }
        people.members.remove(&session.number);
        people.empty_since = Instant::now();
        self.tell(ServerMessage::UserLeft {
            room: self.name.clone(),
            client_id: session.number.to_string(),
            name: session.name.clone(),
            user_count: people.members.len(),
        });
    }

    /// Says something to everybody in the room, the speaker included: so the positions that
    /// a client sees have no holes.
    pub(crate) fn say(
        &self,
        session: &Session,
        text: String,
        id: Option<String>,
    ) -> Result<Appended, Fault> {
        let written = self.messages.broadcast_at(|position| {
            ServerMessage::Chat {
                room: self.name.clone(),
                seq: Seq(position + 1),
                id,
                client_id: session.number.to_string(),
                name: session.name.clone(),
                text,
            }
            .into()
        });
        written.map_err(Fault::from)
    }

    /// Tells the others that somebody is about to say something.
    pub(crate) fn typing(&self, session: &Session, connection: ClientId) {
        let typing = ServerMessage::Typing {
            room: self.name.clone(),
            client_id: session.number.to_string(),
            name: session.name.clone(),
            expires_in: TYPING_SECONDS,
        };
        self.events.broadcast_except(typing, connection).ok();
    }

    /// How many are here.
    pub(crate) fn members(&self) -> usize {
        lock(&self.people).members.len()
    }

    /// Since when nobody is here.
    pub(crate) fn empty_since(&self) -> Option<Instant> {
        let people = lock(&self.people);
        people.members.is_empty().then_some(people.empty_since)
    }

    fn tell(&self, event: ServerMessage) {
        // An event is far below the limit for one; and who misses it is told by the next.
        self.events.broadcast(event).ok();
    }
}

impl People {
    fn users(&self) -> Users {
        let names = self.members.values().take(MAX_USERS);
        Users {
            names: names.map(|member| member.name.clone()).collect(),
            count: self.members.len(),
        }
    }
}

fn lock(people: &Mutex<People>) -> MutexGuard<'_, People> {
    // Each change is a single insert or remove.
    people.lock().unwrap_or_else(PoisonError::into_inner)
}
