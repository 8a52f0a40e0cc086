//! Handles the messages of one client.
//!
//! The server answers a request, acknowledges a message with an id, and explains a mistake.
//! Other messages need no answer. The server appends a message to a log, and each client's
//! connection reads the log at its own speed. So no client waits for another client.
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
use zcomm_redis::SharedLog;

use crate::{
    envelope::{ClientMessage, Fault, Seen, ServerMessage},
    server::{
        command::{Command, Outcome},
        local::Local,
        room::Room,
        sessions::Login,
        state::ChatState,
    },
};

/// After this number of wrong messages within [`MISTAKES_WITHIN`], the connection ends.
const MAX_MISTAKES: usize = 5;
const MISTAKES_WITHIN: Duration = Duration::from_secs(10);

/// A person: one session that one connection uses.
pub struct Person {
    pub(crate) local: Arc<Local>,
    pub(crate) state: Arc<ChatState>,
    /// The number of the session.
    pub(crate) session: u64,
    pub(crate) connection: ClientId,
    pub(crate) login: u64,
    /// The rooms that the person is in, by name.
    pub(crate) rooms: BTreeMap<String, Arc<Room>>,
    /// The times of the last wrong messages.
    mistakes: Vec<Instant>,
    pub(crate) typed: Option<Instant>,
}

/// The messages to send back, or why the client's message was rejected.
pub(crate) type Answers = Result<Vec<ServerMessage>, Fault>;

impl Person {
    pub(crate) fn new(
        local: &Arc<Local>,
        state: &Arc<ChatState>,
        login: &Login,
        connection: ClientId,
    ) -> Person {
        Person {
            local: Arc::clone(local),
            state: Arc::clone(state),
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
        let answers = match self.local.shared.get().cloned() {
            None => self.answers(text, connection),
            // Boxed: a server alone needs no memory for this future.
            Some(log) => Box::pin(self.answers_of_all(log, text, connection)).await,
        };
        send(answers, connection).await?;
        if self.mistakes.len() >= MAX_MISTAKES {
            connection.close(CloseReason::POLICY, "Too many errors");
        }
        Ok(())
    }

    /// The answers of a server that is alone.
    fn answers(&mut self, text: &str, connection: &mut Connection) -> Vec<ServerMessage> {
        let answers = ClientMessage::parse(text).and_then(|message| {
            let id = message.id().map(str::to_owned);
            let answers = self.ask(message, connection).and_then(|asked| {
                let (command, then) = match asked {
                    Asked::Answered(answers) => return Ok(answers),
                    Asked::Command(command, then) => (command, then),
                };
                let outcome = self.local.run(&self.state, command);
                self.then(outcome, then, connection)
            });
            answers.map_err(|fault| fault.id(id))
        });
        answers.unwrap_or_else(|fault| self.mistake(fault))
    }

    /// The answers of one of several servers. Waits until this server has read the command from the
    /// shared log.
    async fn answers_of_all(
        &mut self,
        log: SharedLog<Outcome>,
        text: &str,
        connection: &mut Connection,
    ) -> Vec<ServerMessage> {
        let message = match ClientMessage::parse(text) {
            Ok(message) => message,
            Err(fault) => return self.mistake(fault),
        };
        let id = message.id().map(str::to_owned);
        let answers = match self.ask(message, connection) {
            Ok(Asked::Command(command, then)) => {
                // Earlier answers must not wait for Redis, too. Ignores an error: the connection has
                // ended, but this message arrived before the end.
                connection.flush().await.ok();
                let sent = self.local.send(&log, &self.state.epoch, command).await;
                sent.and_then(|outcome| self.then(outcome, then, connection))
            }
            Ok(Asked::Answered(answers)) => Ok(answers),
            Err(fault) => Err(fault),
        };
        answers.unwrap_or_else(|fault| self.mistake(fault.id(id)))
    }

    /// Counts a wrong message, and answers it.
    fn mistake(&mut self, fault: Fault) -> Vec<ServerMessage> {
        if fault.is_malformed() {
            let now = Instant::now();
            self.mistakes.retain(|made| now - *made <= MISTAKES_WITHIN);
            self.mistakes.push(now);
        }
        vec![ServerMessage::Error(fault)]
    }

    pub(crate) fn stats(&self, connection: &Connection) -> ServerMessage {
        let state = &self.state;
        ServerMessage::Stats {
            clients: connection.clients().count(),
            servers: state.servers(),
            all_clients: state.is_shared().then(|| state.sessions.connected()),
            sessions: state.sessions.count(self.local.now().clock),
            rooms: state.rooms.count(),
            messages: state.messages.load(Ordering::Relaxed),
            uptime_seconds: self.local.started.elapsed().as_secs(),
        }
    }

    /// The command that ends this login.
    pub(crate) fn end(&self, goodbye: bool) -> Command {
        Command::End {
            session: self.session,
            client: self.connection.into(),
            login: self.login,
            goodbye,
        }
    }
}

/// What a message of a client leads to.
pub(crate) enum Asked {
    /// The answers are known.
    Answered(Vec<ServerMessage>),
    /// A command, and what to do with its outcome.
    Command(Command, Then),
}

/// What to do with the outcome of a command.
pub(crate) enum Then {
    /// Subscribe to a room. The second value is the last position that the client saw, with its
    /// epoch.
    Join(String, Option<(String, Seen)>),
    Leave(String),
    Answer,
}

/// Sends these messages in order. What is needed after an `await` adds memory to the task of each
/// connection, and a `ServerMessage` is larger than its JSON text. So the texts are made first.
pub(crate) async fn send(messages: Vec<ServerMessage>, to: &mut Connection) -> Result<()> {
    let encoded: Vec<_> = messages.into_iter().map(Message::from).collect();
    for message in encoded {
        to.send(message).await?;
    }
    Ok(())
}

impl Drop for Person {
    fn drop(&mut self) {
        self.local.post(&self.state, self.end(false));
    }
}
