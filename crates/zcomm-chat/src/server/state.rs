//! The state of a chat: its rooms, its sessions and the log of broadcasts.
//!
//! Only commands change the state.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, Ordering},
};

use zcomm_core::{Appended, ClientId, Hub, Result};

use crate::{
    envelope::{Code, Fault, Seq, ServerMessage},
    server::{
        command::{Command, Entered, LogIn, Outcome},
        moment::Moment,
        rooms::Rooms,
        session::Session,
        sessions::{Login, Peer, Sessions},
    },
};

pub(crate) struct ChatState {
    /// The random name of this state. Positions in another state are not valid in this one.
    pub(crate) epoch: String,
    pub(crate) rooms: Rooms,
    pub(crate) sessions: Sessions,
    /// The number of messages stored since the start.
    pub(crate) messages: AtomicU64,
    /// The log of the broadcasts. Set when the first client is connected: it is the server's log.
    pub(crate) log: OnceLock<Hub>,
}

/// The server that a command comes from.
#[derive(Clone)]
pub(crate) struct Origin {
    /// The name of the server; empty for a server alone.
    pub(crate) server: Arc<str>,
    /// Whether this is the server.
    pub(crate) here: bool,
}

impl Origin {
    fn peer(&self, client: ClientId) -> Peer {
        let server = Arc::clone(&self.server);
        Peer { server, client }
    }
}

impl ChatState {
    pub(crate) fn new<'a>(epoch: &str, reserved: impl Iterator<Item = &'a str>) -> ChatState {
        ChatState {
            epoch: epoch.to_owned(),
            rooms: Rooms::new(epoch),
            sessions: Sessions::new(epoch, reserved),
            messages: AtomicU64::default(),
            log: OnceLock::new(),
        }
    }

    /// Applies a command. The outcome follows from the state and the arguments only.
    pub(crate) fn apply(&self, command: Command, from: &Origin, time: Moment) -> Outcome {
        self.sessions.expire(time.clock);
        match command {
            Command::LogIn(login) => Outcome::LoggedIn(self.log_in(login, from)),
            Command::End {
                session,
                client,
                login,
                goodbye,
            } => {
                let peer = from.peer(client);
                match goodbye {
                    true => self.sessions.leave(session, &peer),
                    false => self.sessions.disconnect(session, &peer, time.clock),
                }
                self.rooms.leave_all(session, login, time);
                Outcome::Done
            }
            Command::Enter {
                session,
                login,
                room,
            } => Outcome::Entered(self.enter(&room, session, login, time)),
            Command::Leave {
                session,
                login,
                room,
            } => {
                if let Some(room) = self.rooms.get(&room) {
                    room.leave(session, login, time);
                }
                Outcome::Done
            }
            Command::Say {
                session,
                room,
                text,
                id,
            } => Outcome::Said(self.say(session, &room, text, id, time)),
            Command::Broadcast { session, text, id } => {
                Outcome::Said(self.broadcast(session, text, id, time))
            }
            Command::Direct {
                session,
                to,
                text,
                id,
            } => Outcome::Said(self.direct(session, &to, (&text, id), time)),
            Command::Typing {
                session,
                client,
                room,
            } => {
                let room = self.rooms.get(&room);
                if let (Some(room), Some(session)) = (room, self.sessions.get(session)) {
                    room.typing(&session, from.here.then_some(client), time);
                }
                Outcome::Done
            }
        }
    }

    fn log_in(&self, login: LogIn, from: &Origin) -> Option<Login> {
        let (peer, token_name) = (from.peer(login.client), login.token_name);
        let known = login.ticket.and_then(|ticket| {
            let peer = peer.clone();
            self.sessions.resume(&ticket, token_name.as_deref(), peer)
        });
        known.or_else(|| {
            let opened = self
                .sessions
                .open(login.name?, token_name, login.secret, peer);
            Some(opened)
        })
    }

    fn enter(&self, name: &str, session: u64, login: u64, time: Moment) -> Result<Entered, Fault> {
        let session = self.session(session)?;
        let (room, presence) = self.rooms.enter(name, &session, login, time)?;
        let held = room.messages.held();
        Ok(Entered {
            room,
            presence,
            held,
        })
    }

    fn say(
        &self,
        session: u64,
        name: &str,
        text: String,
        id: Option<String>,
        time: Moment,
    ) -> Result<Option<ServerMessage>, Fault> {
        let session = self.session(session)?;
        let room = self.rooms.get(name).filter(|room| room.has(session.number));
        let room = room.ok_or_else(not_joined)?;
        self.once(&session, id, |id| {
            let appended = room.say(&session, text, id, time)?;
            Ok(without_sender(appended))
        })
    }

    fn broadcast(
        &self,
        session: u64,
        text: String,
        id: Option<String>,
        time: Moment,
    ) -> Result<Option<ServerMessage>, Fault> {
        let session = self.session(session)?;
        let log = self.log.get().ok_or_else(ended)?;
        self.once(&session, id, |id| {
            let appended = log.broadcast_at(|position| {
                let said = ServerMessage::Broadcast {
                    seq: Seq(position + 1),
                    id,
                    client_id: session.number.to_string(),
                    name: session.name.clone(),
                    text,
                };
                said.at(time.wall)
            })?;
            Ok(without_sender(appended))
        })
    }

    fn direct(
        &self,
        session: u64,
        to: &str,
        (text, id): (&str, Option<String>),
        time: Moment,
    ) -> Result<Option<ServerMessage>, Fault> {
        let me = self.session(session)?;
        let Some(receiver) = self.sessions.find(to) else {
            return Err(Fault::new(Code::NoSuchUser, "no user has this name").field("to"));
        };
        self.once(&me, id, |id| {
            let write = |position| {
                let said = ServerMessage::Direct {
                    seq: Seq(position + 1),
                    id: id.clone(),
                    client_id: me.number.to_string(),
                    name: me.name.clone(),
                    to: receiver.name.clone(),
                    text: text.to_owned(),
                };
                said.at(time.wall)
            };
            let to_myself = receiver.number == me.number;
            if !to_myself {
                receiver.inbox.broadcast_at(write)?;
            }
            // The sender gets a copy, too: a resumed connection shows the sender's own
            // messages.
            let copy = me.inbox.broadcast_at(write)?;
            let recipients = usize::from(!to_myself);
            Ok(Appended { recipients, ..copy })
        })
    }

    /// Delivers a message once, counts it and returns its ack.
    fn once(
        &self,
        session: &Session,
        id: Option<String>,
        deliver: impl FnOnce(Option<String>) -> Result<Appended>,
    ) -> Result<Option<ServerMessage>, Fault> {
        session.once(id, |id| {
            let appended = deliver(id)?;
            self.messages.fetch_add(1, Ordering::Relaxed);
            let (position, reached) = (appended.position, appended.recipients);
            tracing::debug!(client = session.number, position, reached, "chat.said");
            Ok(appended)
        })
    }

    fn session(&self, number: u64) -> Result<Arc<Session>, Fault> {
        self.sessions.get(number).ok_or_else(ended)
    }
}

/// Subtracts the sender from the recipients, because a log counts the sender, too.
fn without_sender(appended: Appended) -> Appended {
    Appended {
        recipients: appended.recipients.saturating_sub(1),
        ..appended
    }
}

pub(crate) fn not_joined() -> Fault {
    let why = "you are not in this room: join it first";
    Fault::new(Code::NotJoined, why).field("room")
}

/// The answer to a connection whose session has ended. The connection will end, too.
fn ended() -> Fault {
    Fault::new(Code::Busy, "your session has ended: connect again")
}
