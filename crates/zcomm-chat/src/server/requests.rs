//! What each message of a client asks for, and what its outcome means for the client.
//!
//! A request has two halves. The first half checks the message and makes a command. The second half
//! answers the client with the outcome. If several servers are one chat, the server waits between
//! the halves until the command has come back from Redis.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use zcomm_core::Connection;

use crate::{
    envelope::{ClientMessage, Code, Fault, Seen, Seq, ServerMessage},
    server::{
        apply::not_joined,
        command::{Command, Entered, Outcome},
        person::{Answers, Asked, Person, Then},
        resume::{Last, Start, start},
    },
};

/// The maximum number of rooms that a client can be in.
const MAX_ROOMS: usize = 8;
/// The shortest time between two typing notices of a person. The server drops a notice that comes
/// too soon.
const TYPING_PAUSE: Duration = Duration::from_secs(1);

impl Person {
    /// Checks a message, and makes its command or its answers.
    pub(crate) fn ask(
        &mut self,
        message: ClientMessage,
        connection: &mut Connection,
    ) -> Result<Asked, Fault> {
        if let Some(wait) = connection.hurry() {
            return Err(slow_down(wait));
        }
        let session = self.session;
        let command = match message {
            ClientMessage::Join { room, epoch, since } => {
                let start = Seen {
                    seq: Seq(0),
                    digest: None,
                };
                let since = since.unwrap_or(start);
                return self.join(room, epoch.map(|epoch| (epoch, since)));
            }
            ClientMessage::Leave { room } => return self.leave(room),
            ClientMessage::Typing { room } => return self.typing(room).map(Asked::Answered),
            ClientMessage::Ping { id } => {
                return Ok(Asked::Answered(vec![ServerMessage::Pong { id }]));
            }
            ClientMessage::Custom { .. } => {
                return Ok(Asked::Answered(vec![self.stats(connection)]));
            }
            ClientMessage::Chat { room, text, id } => {
                self.check_joined(&room)?;
                Command::Say {
                    session,
                    room,
                    text,
                    id,
                }
            }
            ClientMessage::Broadcast { text, id } => Command::Broadcast { session, text, id },
            ClientMessage::Direct { to, text, id } => Command::Direct {
                session,
                to,
                text,
                id,
            },
        };
        Ok(Asked::Command(command, Then::Answer))
    }

    /// Answers the client with the outcome of its command.
    pub(crate) fn then(
        &mut self,
        outcome: Outcome,
        then: Then,
        connection: &mut Connection,
    ) -> Answers {
        match (outcome, then) {
            (Outcome::Said(ack), _) => Ok(ack?.into_iter().collect()),
            (Outcome::Entered(entered), Then::Join(name, seen)) => {
                Ok(self.entered(entered?, name, seen, connection))
            }
            (_, Then::Leave(name)) => Ok(self.left(name, connection)),
            _ => Ok(vec![]),
        }
    }

    fn join(&self, room: String, seen: Option<(String, Seen)>) -> Result<Asked, Fault> {
        if self.rooms.len() == MAX_ROOMS && !self.rooms.contains_key(&room) {
            let why = format!("you are in {MAX_ROOMS} rooms: leave one first");
            return Err(Fault::new(Code::TooManyRooms, why).field("room"));
        }
        let command = Command::Enter {
            session: self.session,
            login: self.login,
            room: room.clone(),
        };
        Ok(Asked::Command(command, Then::Join(room, seen)))
    }

    /// Subscribes the connection to the room.
    fn entered(
        &mut self,
        entered: Entered,
        name: String,
        seen: Option<(String, Seen)>,
        connection: &mut Connection,
    ) -> Vec<ServerMessage> {
        let Entered {
            room,
            presence,
            held,
        } = entered;
        let seq = Seq(held.end);
        let last = seen.as_ref();
        let last = last.map(|(epoch, seen)| Last::of(&room.messages, epoch, *seen));
        // A connection that is in the room gets every message of its log. A second join must not
        // send the messages again: a short request would cost the server a long answer.
        let known = self.rooms.get(&name);
        let reads = known.is_some_and(|known| Arc::ptr_eq(known, &room))
            && last.is_none_or(|last| last.is_in(&room.epoch));
        let start = match reads {
            true => Start::of_reader(held.end),
            false => start(&name, &room.epoch, held, last),
        };
        if !reads {
            connection.subscribe(&room.messages, start.after);
        }
        connection.subscribe(&room.events, presence.events_after);
        let (recovered, missed) = (start.recovered, start.missed);
        tracing::info!(conn = %self.connection, room = ?name, recovered, missed, "chat.joined");
        // The connection sends these answers before it sends messages from the logs.
        let mut answers = vec![ServerMessage::Joined {
            room: name.clone(),
            epoch: room.epoch.clone(),
            seq,
            recovered,
            missed: Seq(missed),
            users: presence.users,
            user_count: presence.user_count,
        }];
        answers.extend(start.gaps);
        self.rooms.insert(name, room);
        answers
    }

    fn leave(&self, room: String) -> Result<Asked, Fault> {
        self.check_joined(&room)?;
        let command = Command::Leave {
            session: self.session,
            login: self.login,
            room: room.clone(),
        };
        Ok(Asked::Command(command, Then::Leave(room)))
    }

    /// Unsubscribes the connection from the room.
    fn left(&mut self, name: String, connection: &mut Connection) -> Vec<ServerMessage> {
        if let Some(room) = self.rooms.remove(&name) {
            connection.unsubscribe(&room.messages);
            connection.unsubscribe(&room.events);
        }
        tracing::info!(conn = %self.connection, room = ?name, "chat.left");
        vec![ServerMessage::Left { room: name }]
    }

    /// Tells the other members that the person is typing. The client gets no answer, and the notice
    /// may be lost.
    fn typing(&mut self, room: String) -> Answers {
        self.check_joined(&room)?;
        let now = Instant::now();
        if self.typed.is_none_or(|typed| now - typed >= TYPING_PAUSE) {
            self.typed = Some(now);
            let command = Command::Typing {
                session: self.session,
                client: self.connection.into(),
                room,
            };
            self.local.post(&self.state, command);
        }
        Ok(vec![])
    }

    fn check_joined(&self, room: &str) -> Result<(), Fault> {
        let joined = self.rooms.contains_key(room);
        joined.then_some(()).ok_or_else(not_joined)
    }
}

fn slow_down(wait: Duration) -> Fault {
    let wait = wait.as_millis() as u64 + 1;
    let why = format!("too fast: this message was dropped; send it again in {wait} ms");
    let mut fault = Fault::new(Code::RateLimited, why);
    fault.retry_ms = Some(wait);
    fault
}
