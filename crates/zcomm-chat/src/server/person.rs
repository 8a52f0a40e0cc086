//! Handles the messages of one client.
//!
//! The server answers a request, acknowledges a message with an id, and explains a mistake.
//! Other messages need no answer. No client waits for another client, because the server appends
//! a message to a log, and each client's connection reads the log at its own speed.
//!
//! The fifth wrong message within ten seconds ends the connection. A client may send a number
//! of messages at once, the burst (see `rate_limit`). After half of the burst, the server asks
//! the client to slow down. After the whole burst, the server closes the connection.
//!
//! A dropped [`Person`] leaves its rooms at once. After a goodbye (close code 1000), the
//! session ends, too. After any other end, the session expires in two minutes, if no client
//! resumes it.

use std::{collections::BTreeMap, sync::Arc, sync::atomic::Ordering, time::Duration};

use tokio::time::Instant;
use zcomm_core::{Appended, ClientId, CloseReason, Connection, Error, Message, Result};

use crate::{
    envelope::{ClientMessage, Code, Fault, Seq, ServerMessage},
    server::{
        resume::{Seen, start},
        room::Room,
        session::Session,
        sessions::Login,
        state::ChatState,
    },
};

/// The maximum number of rooms that a client can be in.
const MAX_ROOMS: usize = 8;
/// After this number of wrong messages within [`MISTAKES_WITHIN`], the connection ends.
const MAX_MISTAKES: usize = 5;
const MISTAKES_WITHIN: Duration = Duration::from_secs(10);
/// The shortest time between two typing notices of a person. The server drops other notices.
const TYPING_PAUSE: Duration = Duration::from_secs(1);

/// A person: one session that one connection uses.
pub struct Person {
    chat: Arc<ChatState>,
    session: Arc<Session>,
    connection: ClientId,
    login: u64,
    /// The rooms that the person is in, by name.
    rooms: BTreeMap<String, Arc<Room>>,
    /// The times of the last wrong messages.
    mistakes: Vec<Instant>,
    typed: Option<Instant>,
}

/// The messages to send back, or why the client's message was rejected.
type Answers = Result<Vec<ServerMessage>, Fault>;

impl Person {
    pub(crate) fn new(chat: &Arc<ChatState>, login: &Login, connection: ClientId) -> Person {
        Person {
            chat: Arc::clone(chat),
            session: Arc::clone(&login.session),
            connection,
            login: login.number,
            rooms: BTreeMap::new(),
            mistakes: Vec::new(),
            typed: None,
        }
    }

    /// Handles a message of the client and answers it.
    ///
    /// # Errors
    /// [`Closed`](zcomm_core::Error::Closed) once the connection has ended.
    pub async fn says(&mut self, text: &str, connection: &mut Connection) -> Result<()> {
        let answers = self.answers(text, connection);
        send(answers, connection).await?;
        if self.mistakes.len() >= MAX_MISTAKES {
            connection.close(CloseReason::POLICY, "Too many errors");
        }
        Ok(())
    }

    fn answers(&mut self, text: &str, connection: &mut Connection) -> Vec<ServerMessage> {
        let answers = ClientMessage::parse(text).and_then(|message| {
            let id = message.id().map(str::to_owned);
            let answers = self.handle(message, connection);
            answers.map_err(|fault| fault.id(id))
        });
        answers.unwrap_or_else(|fault| {
            if fault.is_malformed() {
                let now = Instant::now();
                self.mistakes.retain(|made| now - *made <= MISTAKES_WITHIN);
                self.mistakes.push(now);
            }
            vec![ServerMessage::Error(fault)]
        })
    }

    fn handle(&mut self, message: ClientMessage, connection: &mut Connection) -> Answers {
        if let Some(wait) = connection.hurry() {
            return Err(slow_down(wait));
        }
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
            ClientMessage::Custom { .. } => Ok(vec![self.stats(connection)]),
        }
    }

    fn join(&mut self, name: &str, seen: Seen<'_>, connection: &mut Connection) -> Answers {
        if self.rooms.len() == MAX_ROOMS && !self.rooms.contains_key(name) {
            let why = format!("you are in {MAX_ROOMS} rooms: leave one first");
            return Err(Fault::new(Code::TooManyRooms, why).field("room"));
        }
        let (room, presence) = self.chat.rooms.enter(name, &self.session, self.login)?;
        let held = room.messages.held();
        let seq = Seq(held.end);
        let start = start(name, &room.epoch, held, seen);
        connection.subscribe(&room.messages, start.after);
        connection.subscribe(&room.events, presence.events_after);
        let (recovered, missed) = (start.recovered, start.missed);
        tracing::info!(conn = %self.connection, room = ?name, recovered, missed, "chat.joined");
        // The connection sends these answers before it sends messages from the logs.
        let mut answers = vec![ServerMessage::Joined {
            room: name.to_owned(),
            epoch: room.epoch.clone(),
            seq,
            recovered,
            missed: Seq(missed),
            users: presence.users,
            user_count: presence.user_count,
        }];
        answers.extend(start.gaps);
        self.rooms.insert(name.to_owned(), room);
        Ok(answers)
    }

    fn leave(&mut self, name: &str, connection: &mut Connection) -> Answers {
        let room = self.rooms.remove(name).ok_or_else(not_joined)?;
        connection.unsubscribe(&room.messages);
        connection.unsubscribe(&room.events);
        room.leave(&self.session, self.login);
        tracing::info!(conn = %self.connection, room = ?name, "chat.left");
        let room = name.to_owned();
        Ok(vec![ServerMessage::Left { room }])
    }

    fn chat(&self, name: &str, text: String, id: Option<String>) -> Answers {
        let room = self.room(name)?;
        self.once(id, |id| {
            room.say(&self.session, text, id).map(without_sender)
        })
    }

    fn broadcast(&self, text: String, id: Option<String>, connection: &Connection) -> Answers {
        self.once(id, |id| {
            let appended = connection.hub().broadcast_at(|position| {
                ServerMessage::Broadcast {
                    seq: Seq(position + 1),
                    id,
                    client_id: self.session.number.to_string(),
                    name: self.session.name.clone(),
                    text,
                }
                .into()
            })?;
            Ok(without_sender(appended))
        })
    }

    fn direct(&self, to: &str, text: &str, id: Option<String>) -> Answers {
        let Some(receiver) = self.chat.sessions.find(to) else {
            return Err(Fault::new(Code::NoSuchUser, "no user has this name").field("to"));
        };
        let me = &self.session;
        self.once(id, |id| {
            let write = |position| {
                ServerMessage::Direct {
                    seq: Seq(position + 1),
                    id: id.clone(),
                    client_id: me.number.to_string(),
                    name: me.name.clone(),
                    to: receiver.name.clone(),
                    text: text.to_owned(),
                }
                .into()
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

    fn typing(&mut self, name: &str) -> Answers {
        let room = Arc::clone(self.room(name)?);
        let now = Instant::now();
        if self.typed.is_none_or(|typed| now - typed >= TYPING_PAUSE) {
            self.typed = Some(now);
            room.typing(&self.session, self.connection);
        }
        Ok(vec![])
    }

    fn stats(&self, connection: &Connection) -> ServerMessage {
        ServerMessage::Stats {
            clients: connection.clients().count(),
            sessions: self.chat.sessions.count(),
            rooms: self.chat.rooms.count(),
            messages: self.chat.messages.load(Ordering::Relaxed),
            uptime_seconds: self.chat.started.elapsed().as_secs(),
        }
    }

    /// Delivers a message once, counts it and returns its ack.
    fn once(
        &self,
        id: Option<String>,
        deliver: impl FnOnce(Option<String>) -> Result<Appended>,
    ) -> Answers {
        let deliver = |id| {
            let appended = deliver(id)?;
            self.chat.messages.fetch_add(1, Ordering::Relaxed);
            let (position, reached) = (appended.position, appended.recipients);
            tracing::debug!(conn = %self.connection, position, reached, "chat.said");
            Ok(appended)
        };
        match self.session.once(id, deliver) {
            // The server stops, so the log is closed. Without an ack, the client keeps the message
            // and sends it again when it has reconnected.
            Err(Error::Closed) => Ok(vec![]),
            ack => Ok(ack?.into_iter().collect()),
        }
    }

    fn room(&self, name: &str) -> Result<&Arc<Room>, Fault> {
        self.rooms.get(name).ok_or_else(not_joined)
    }
}

/// Sends these messages in order. It encodes all messages before the first `await`, because a
/// value that is needed after an `await` adds memory to the task of each connection.
pub(crate) async fn send(messages: Vec<ServerMessage>, to: &mut Connection) -> Result<()> {
    let encoded: Vec<_> = messages.into_iter().map(Message::from).collect();
    for message in encoded {
        to.send(message).await?;
    }
    Ok(())
}

impl Drop for Person {
    fn drop(&mut self) {
        for room in self.rooms.values() {
            room.leave(&self.session, self.login);
        }
        let sessions = &self.chat.sessions;
        sessions.disconnect(self.session.number, self.connection);
    }
}

/// Subtracts the sender from the recipients, because a log counts the sender, too.
fn without_sender(appended: Appended) -> Appended {
    Appended {
        recipients: appended.recipients.saturating_sub(1),
        ..appended
    }
}

fn not_joined() -> Fault {
    let why = "you are not in this room: join it first";
    Fault::new(Code::NotJoined, why).field("room")
}

fn slow_down(wait: Duration) -> Fault {
    let wait = wait.as_millis() as u64 + 1;
    let why = format!("too fast: this message was dropped; send it again in {wait} ms");
    let mut fault = Fault::new(Code::RateLimited, why);
    fault.retry_ms = Some(wait);
    fault
}
