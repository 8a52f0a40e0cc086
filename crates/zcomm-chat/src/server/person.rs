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
use zcomm_core::{ClientId, CloseReason, Connection, Message, Result};

use crate::{
    envelope::{ClientMessage, Code, Fault, Seq, ServerMessage},
    server::{
        command::{Command, Entered, Outcome},
        local::Local,
        resume::{Seen, start},
        room::Room,
        sessions::Login,
        state::not_joined,
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
    local: Arc<Local>,
    /// The number of the session.
    session: u64,
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
    pub(crate) fn new(local: &Arc<Local>, login: &Login, connection: ClientId) -> Person {
        Person {
            local: Arc::clone(local),
            session: login.session.number,
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
            ClientMessage::Chat { room, text, id } => self.chat(room, text, id),
            ClientMessage::Broadcast { text, id } => self.said(Command::Broadcast {
                session: self.session,
                text,
                id,
            }),
            ClientMessage::Direct { to, text, id } => self.said(Command::Direct {
                session: self.session,
                to,
                text,
                id,
            }),
            ClientMessage::Typing { room } => self.typing(room),
            ClientMessage::Ping { id } => Ok(vec![ServerMessage::Pong { id }]),
            ClientMessage::Custom { .. } => Ok(vec![self.stats(connection)]),
        }
    }

    fn join(&mut self, name: &str, seen: Seen<'_>, connection: &mut Connection) -> Answers {
        if self.rooms.len() == MAX_ROOMS && !self.rooms.contains_key(name) {
            let why = format!("you are in {MAX_ROOMS} rooms: leave one first");
            return Err(Fault::new(Code::TooManyRooms, why).field("room"));
        }
        let entered = self.local.run(Command::Enter {
            session: self.session,
            login: self.login,
            room: name.to_owned(),
        });
        let Outcome::Entered(entered) = entered else {
            return Ok(vec![]);
        };
        let Entered {
            room,
            presence,
            held,
        } = entered?;
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
        let room = name.to_owned();
        self.local.run(Command::Leave {
            session: self.session,
            login: self.login,
            room: room.clone(),
        });
        tracing::info!(conn = %self.connection, room = ?name, "chat.left");
        Ok(vec![ServerMessage::Left { room }])
    }

    fn chat(&self, room: String, text: String, id: Option<String>) -> Answers {
        self.check_joined(&room)?;
        self.said(Command::Say {
            session: self.session,
            room,
            text,
            id,
        })
    }

    /// Sends a message. Returns its ack, if it has an id.
    fn said(&self, command: Command) -> Answers {
        match self.local.run(command) {
            Outcome::Said(ack) => Ok(ack?.into_iter().collect()),
            _ => Ok(vec![]),
        }
    }

    fn typing(&mut self, room: String) -> Answers {
        self.check_joined(&room)?;
        let now = Instant::now();
        if self.typed.is_none_or(|typed| now - typed >= TYPING_PAUSE) {
            self.typed = Some(now);
            self.local.run(Command::Typing {
                session: self.session,
                client: self.connection,
                room,
            });
        }
        Ok(vec![])
    }

    fn stats(&self, connection: &Connection) -> ServerMessage {
        let state = &self.local.state;
        ServerMessage::Stats {
            clients: connection.clients().count(),
            sessions: state.sessions.count(self.local.now().clock),
            rooms: state.rooms.count(),
            messages: state.messages.load(Ordering::Relaxed),
            uptime_seconds: self.local.started.elapsed().as_secs(),
        }
    }

    fn check_joined(&self, room: &str) -> Result<(), Fault> {
        let joined = self.rooms.contains_key(room);
        joined.then_some(()).ok_or_else(not_joined)
    }

    /// The command that ends this login.
    pub(crate) fn end(&self, goodbye: bool) -> Command {
        Command::End {
            session: self.session,
            client: self.connection,
            login: self.login,
            goodbye,
        }
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
        self.local.run(self.end(false));
    }
}

fn slow_down(wait: Duration) -> Fault {
    let wait = wait.as_millis() as u64 + 1;
    let why = format!("too fast: this message was dropped; send it again in {wait} ms");
    let mut fault = Fault::new(Code::RateLimited, why);
    fault.retry_ms = Some(wait);
    fault
}
