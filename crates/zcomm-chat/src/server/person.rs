//! What a person can do.
//!
//! Every message of a client comes here. What was asked is answered, what has an id is
//! acknowledged, what is wrong is explained; the rest needs no answer. Nothing here waits
//! for anybody else: what is said is put into a log, and the logs' readers come for it.
//!
//! A client that makes mistakes is told five times; one that hurries is asked to slow down
//! when it has spent half of what it may send at once, long before the server closes it for
//! having spent all.
//!
//! Dropping a person is leaving: the rooms at once, the server in two minutes.
//!
//! Production lets a room's owner silence somebody, and keeps a record of who did.

use std::{collections::VecDeque, sync::Arc, sync::atomic::Ordering, time::Duration};

use tokio::time::Instant;
use zcomm_core::{Appended, ClientId, CloseReason, Connection, Message, Result};

use crate::{
    envelope::{ClientMessage, Code, Fault, Seq, ServerMessage},
    server::{resume::start, room::Room, session::Session, sessions::Entered, state::ChatState},
};

/// Rooms that one client may be in.
const MAX_ROOMS: usize = 8;
/// So many mistakes …
const MISTAKES: usize = 5;
/// … within so long end a connection.
const MISTAKES_WITHIN: Duration = Duration::from_secs(10);
/// Others are told that somebody types at most once in so long.
const TYPING_PAUSE: Duration = Duration::from_secs(1);

/// A person, through one connection.
pub struct Person {
    chat: Arc<ChatState>,
    session: Arc<Session>,
    connection: ClientId,
    turn: u64,
    rooms: Vec<Arc<Room>>,
    mistakes: VecDeque<Instant>,
    typed: Option<Instant>,
}

/// What to send back, or why not.
type Answers = Result<Vec<ServerMessage>, Fault>;

impl Person {
    pub(crate) fn new(chat: &Arc<ChatState>, entered: &Entered, connection: ClientId) -> Person {
        Person {
            chat: Arc::clone(chat),
            session: Arc::clone(&entered.session),
            connection,
            turn: entered.turn,
            rooms: Vec::new(),
            mistakes: VecDeque::new(),
            typed: None,
        }
    }

    /// Does what the client asks for, and answers it.
    ///
    /// # Errors
    /// [`Closed`](zcomm_core::Error::Closed) once the connection has ended.
    pub async fn says(&mut self, text: &str, connection: &mut Connection) -> Result<()> {
        let (answers, enough) = self.answers(text, connection);
        send_all(answers, connection).await?;
        if enough {
            connection.close(CloseReason::POLICY, "Too many errors");
        }
        Ok(())
    }

    /// What to send back, and whether that is the last.
    fn answers(&mut self, text: &str, connection: &mut Connection) -> (Vec<Message>, bool) {
        match self.hears(text, connection) {
            Ok(answers) => (answers.into_iter().map(Message::from).collect(), false),
            Err(fault) => {
                let enough = fault.is_malformed() && self.too_many_mistakes();
                (vec![ServerMessage::Error(fault).into()], enough)
            }
        }
    }

    fn hears(&mut self, text: &str, connection: &mut Connection) -> Answers {
        let message = ClientMessage::parse(text)?;
        match connection.hurry() {
            None => self.act(message, connection),
            Some(wait) => Err(slow_down(message, wait)),
        }
    }

    fn act(&mut self, message: ClientMessage, connection: &mut Connection) -> Answers {
        match message {
            ClientMessage::Join { room, epoch, since } => {
                let since = since.map_or(0, |seq| seq.0);
                let seen = epoch.as_deref().map(|epoch| (epoch, since));
                self.join(&room, seen, connection)
            }
            ClientMessage::Leave { room } => self.leave(&room, connection),
            ClientMessage::Chat { room, text, id } => self.chat(&room, text, id),
            ClientMessage::Broadcast { text, id } => self.broadcast(text, id, connection),
            ClientMessage::Direct { to, text, id } => self.direct(&to, &text, id),
            ClientMessage::Typing { room } => self.typing(&room),
            ClientMessage::Ping { id } => Ok(vec![ServerMessage::Pong { id }]),
            ClientMessage::Custom { .. } => Ok(vec![self.chat.stats(connection)]),
        }
    }

    fn join(
        &mut self,
        name: &str,
        seen: Option<(&str, u64)>,
        connection: &mut Connection,
    ) -> Answers {
        let inside = self.rooms.iter().any(|room| room.name == name);
        if !inside && self.rooms.len() == MAX_ROOMS {
            let why = format!("you are in {MAX_ROOMS} rooms: leave one first");
            return Err(Fault::new(Code::TooManyRooms, why).field("room"));
        }
        let entered = self.chat.rooms.enter(name, &self.session, self.turn)?;
        let room = entered.room;
        let held = room.messages.held();
        let seq = Seq(held.end);
        let start = start(name, &room.epoch, held, seen);
        connection.subscribe(&room.messages, start.after);
        connection.subscribe(&room.events, entered.events_after);
        let (recovered, missed) = (start.recovered, start.missed);
        tracing::info!(conn = %self.connection, room = ?name, recovered, missed, "chat.joined");
        // What the cursors find is written after these.
        let mut answers = vec![ServerMessage::Joined {
            room: name.to_owned(),
            epoch: room.epoch.clone(),
            seq,
            recovered,
            missed: Seq(missed),
            users: entered.users.names,
            user_count: entered.users.count,
        }];
        answers.extend(start.gaps);
        if !inside {
            self.rooms.push(room);
        }
        Ok(answers)
    }

    fn leave(&mut self, name: &str, connection: &mut Connection) -> Answers {
        let at = self.rooms.iter().position(|room| room.name == name);
        let room = self.rooms.remove(at.ok_or_else(|| not_joined(None))?);
        connection.unsubscribe(&room.messages);
        connection.unsubscribe(&room.events);
        room.leave(&self.session, self.turn);
        tracing::info!(conn = %self.connection, room = ?name, "chat.left");
        let room = name.to_owned();
        Ok(vec![ServerMessage::Left { room }])
    }

    fn chat(&self, name: &str, text: String, id: Option<String>) -> Answers {
        let room = self.room(name, &id)?;
        self.once(id, |id| {
            room.say(&self.session, text, id).map(without_sender)
        })
    }

    fn broadcast(&self, text: String, id: Option<String>, connection: &Connection) -> Answers {
        self.once(id, |id| {
            let written = connection.hub().broadcast_at(|position| {
                ServerMessage::Broadcast {
                    seq: Seq(position + 1),
                    id,
                    client_id: self.session.number.to_string(),
                    name: self.session.name.clone(),
                    text,
                }
                .into()
            });
            written.map(without_sender).map_err(Fault::from)
        })
    }

    fn direct(&self, to: &str, text: &str, id: Option<String>) -> Answers {
        let known = self.chat.sessions.find(to);
        let Some(receiver) = known else {
            let fault = Fault::new(Code::NoSuchUser, "nobody has this name");
            return Err(fault.field("to").id(id));
        };
        self.once(id, |id| {
            let to = receiver.name.as_str();
            let myself = receiver.number == self.session.number;
            if !myself {
                receiver.receive(&self.session, to, text, id.as_deref())?;
            }
            // The sender's copy: another tab, and whoever resumes, sees both sides.
            let copy = self
                .session
                .receive(&self.session, to, text, id.as_deref())?;
            let recipients = usize::from(!myself);
            Ok(Appended { recipients, ..copy })
        })
    }

    fn typing(&mut self, name: &str) -> Answers {
        let room = Arc::clone(self.room(name, &None)?);
        let now = Instant::now();
        if self.typed.is_none_or(|typed| now - typed >= TYPING_PAUSE) {
            self.typed = Some(now);
            room.typing(&self.session, self.connection);
        }
        Ok(vec![])
    }

    fn once(
        &self,
        id: Option<String>,
        deliver: impl FnOnce(Option<String>) -> Result<Appended, Fault>,
    ) -> Answers {
        let shown = id.clone();
        let deliver = |id| {
            let appended = deliver(id)?;
            self.chat.said.fetch_add(1, Ordering::Relaxed);
            let (position, reached) = (appended.position, appended.recipients);
            tracing::debug!(conn = %self.connection, position, reached, "chat.said");
            Ok(appended)
        };
        let ack = self.session.once(id, deliver);
        let ack = ack.map_err(|fault| fault.id(shown))?;
        Ok(ack.into_iter().collect())
    }

    fn room(&self, name: &str, id: &Option<String>) -> Result<&Arc<Room>, Fault> {
        let mut rooms = self.rooms.iter();
        rooms
            .find(|room| room.name == name)
            .ok_or_else(|| not_joined(id.clone()))
    }

    fn too_many_mistakes(&mut self) -> bool {
        let now = Instant::now();
        if self.mistakes.len() == MISTAKES {
            self.mistakes.pop_front();
        }
        self.mistakes.push_back(now);
        let first = self.mistakes.front();
        self.mistakes.len() == MISTAKES
            && first.is_some_and(|first| now - *first <= MISTAKES_WITHIN)
    }
}

/// Sends one after the other. They are encoded before: a future has room for all that it
/// ever holds across an await, as long as the connection lasts.
pub(crate) async fn send_all(messages: Vec<Message>, connection: &mut Connection) -> Result<()> {
    for message in messages {
        connection.send(message).await?;
    }
    Ok(())
}

impl Drop for Person {
    fn drop(&mut self) {
        for room in &self.rooms {
            room.leave(&self.session, self.turn);
        }
        self.chat
            .sessions
            .leave(self.session.number, self.connection);
    }
}

/// A log counts all its readers; the one who speaks is one of them.
fn without_sender(appended: Appended) -> Appended {
    Appended {
        recipients: appended.recipients.saturating_sub(1),
        ..appended
    }
}

fn not_joined(id: Option<String>) -> Fault {
    let why = "you are not in this room: join it first";
    Fault::new(Code::NotJoined, why).field("room").id(id)
}

fn slow_down(message: ClientMessage, wait: Duration) -> Fault {
    let id = match message {
        ClientMessage::Chat { id, .. }
        | ClientMessage::Broadcast { id, .. }
        | ClientMessage::Direct { id, .. }
        | ClientMessage::Ping { id } => id,
        _ => None,
    };
    let mut fault = Fault::new(Code::RateLimited, "too fast: this message was not taken");
    fault.retry_ms = Some(wait.as_millis() as u64 + 1);
    fault.id(id)
}
