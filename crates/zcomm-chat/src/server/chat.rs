//! A chat: its parts and how they fit together.
//!
//! A **room** has two logs. One log contains its messages, which are kept. The other log
//! contains its events (a member enters, leaves or types), which are soon useless.
//!
//! A **session** stores a person's name, the private messages to this person (the inbox), and
//! the ids of the last messages that this person sent. The server keeps the session for two
//! minutes after the connection breaks. A person who reconnects in time gets the name and the
//! private messages again. The session ends at once when the client closes with code 1000.
//!
//! A **connection** has a cursor on each log: the position of the next message to send.
//!
//! ```text
//!  client ──sends──▶ room: messages ─┐
//!                    room: events ───┤ cursors ──▶ connection ──▶ page
//!                    inbox ──────────┤
//!                    server's log ───┘
//! ```
//!
//! Read `room`, then `resume`, `session` and `sessions`, `rooms`, `heartbeat`, and last `person`,
//! which uses them all.
//!
//! The chat is in the memory of this process and ends with the process. In production, several
//! servers share a store with the logs and the sessions.

use std::sync::Arc;

use tokio::time::Instant;
use zcomm_core::{CloseReason, Config, Connection, Figure, Message, Result, Token};

use crate::{
    envelope::{Code, Fault, SERVER_LOG, Seq, ServerMessage},
    server::{
        heartbeat::Heartbeat,
        person::{Person, send},
        resume::{self, Seen},
        rooms::Rooms,
        sessions::{Login, Sessions, Ticket},
        state::ChatState,
    },
};

/// The server closes an older connection with this code when a newer one uses its session.
/// Codes 4000 to 4999 are for applications (RFC 6455 section 7.4.2).
const REPLACED: u16 = 4001;

/// A chat. All clones of it share one state.
#[derive(Clone)]
pub struct Chat {
    state: Arc<ChatState>,
}

impl Chat {
    /// Makes an empty chat. If a name belongs to a token in `config`, a client needs this token to
    /// use the name.
    ///
    /// # Errors
    /// When the operating system has no random bytes.
    pub fn new(config: &Config) -> Result<Chat> {
        let (_, mut epoch) = Token::random()?;
        // 11 characters are 66 random bits, so two runs do not get the same epoch by accident.
        epoch.truncate(11);
        let reserved = config.tokens.iter().map(|named| named.name.as_str());
        Ok(Chat {
            state: Arc::new(ChatState {
                rooms: Rooms::new(&epoch),
                sessions: Sessions::new(&epoch, reserved),
                messages: Default::default(),
                started: Instant::now(),
                heartbeat: Heartbeat::new(config.ping_interval),
                epoch,
            }),
        })
    }

    /// Returns a function that makes a gap message: it names lost messages of the server's log.
    pub fn gap_words(&self) -> impl Fn(u64, u64) -> Message + Send + Sync + 'static {
        let epoch = self.state.epoch.clone();
        move |from, to| resume::gap(SERVER_LOG, &epoch, from, Some(to)).into()
    }

    /// Returns the function that counts the members and messages of each room.
    pub fn figures(&self) -> impl Fn() -> Vec<Figure> + Send + Sync + 'static {
        let chat = self.clone();
        move || chat.state.rooms.figures()
    }

    /// Sends a client its name, its session, and what it missed since its last connection. If
    /// the name or a position in the address is refused, sends the client the reason, closes the
    /// connection with code 1008 and returns `None`.
    ///
    /// # Errors
    /// [`Closed`](zcomm_core::Error::Closed) once the connection has ended.
    pub async fn welcome(&self, connection: &mut Connection) -> Result<Option<Person>> {
        let (person, answers) = self.log_in(connection)?;
        let refused = match answers.first() {
            Some(ServerMessage::Error(fault)) if fault.code == Code::BadName => Some("Bad name"),
            Some(ServerMessage::Error(_)) => Some("Bad position"),
            _ => None,
        };
        send(answers, connection).await?;
        if let Some(reason) = refused {
            connection.close(CloseReason::POLICY, reason);
        }
        Ok(person)
    }

    /// Finds or opens the session of a client. Returns the person and the first messages to
    /// send. The person is `None` if the name or a position is refused: then the only message is
    /// the error.
    fn log_in(&self, connection: &mut Connection) -> Result<(Option<Person>, Vec<ServerMessage>)> {
        let (sessions, id) = (&self.state.sessions, connection.id());
        for log in ["direct", "broadcast"] {
            // A client without a position may send an empty one.
            let position = connection
                .query(log)
                .filter(|position| !position.is_empty());
            if position.is_some_and(|position| Seq::parse(position).is_none()) {
                return Ok((None, vec![ServerMessage::Error(Fault::bad_position(log))]));
            }
        }
        let token_name = connection.bound_name();
        let ticket = connection.query("session").and_then(Ticket::parse);
        let known = ticket.and_then(|ticket| sessions.resume(&ticket, token_name, id));
        let resumed = known.is_some();
        let login = match known {
            Some(login) => login,
            None => match sessions.check_name(connection.query("name"), token_name) {
                Ok(name) => sessions.open(name, token_name, id)?,
                Err(fault) => return Ok((None, vec![ServerMessage::Error(fault)])),
            },
        };
        // If there is an error after this line, the person is dropped, which ends the login.
        let person = Person::new(&self.state, &login, id);
        if let Some(older) = login.replaced {
            let why = CloseReason::new(REPLACED, "Replaced by a new connection");
            // Ignores an error: the older connection has already ended.
            connection.clients().disconnect(older, why).ok();
        }
        let (chat, number) = (Arc::clone(&self.state), login.session.number);
        connection.on_end(move |end| {
            if end.is_goodbye() {
                chat.sessions.leave(number, id);
            }
        });
        tracing::info!(conn = %id, name = ?login.session.name, resumed, "chat.entered");
        Ok((Some(person), self.subscribe(login, resumed, connection)))
    }

    /// Subscribes the connection to the inbox, the server's log and the heartbeat. Returns the
    /// welcome message, and the gap messages of the inbox and of the server's log.
    fn subscribe(
        &self,
        login: Login,
        resumed: bool,
        connection: &mut Connection,
    ) -> Vec<ServerMessage> {
        let (state, inbox, log) = (&self.state, &login.session.inbox, connection.hub().clone());
        let (inbox_end, log_end) = (inbox.position(), log.position());
        let (direct, broadcast) = (seen(connection, "direct"), seen(connection, "broadcast"));
        let (inbox_after, inbox_gap) = resume::inbox(resumed, inbox_end, direct);
        let (log_after, log_gaps) = resume::server_log(&state.epoch, log_end, broadcast);
        let mut answers = vec![ServerMessage::Welcome {
            client_id: login.session.number.to_string(),
            name: login.session.name.clone(),
            session: login.ticket,
            epoch: state.epoch.clone(),
            resumed,
            direct: Seq(inbox_end),
            broadcast: Seq(log_end),
            heartbeat_seconds: state.heartbeat.seconds(),
        }];
        answers.extend(inbox_gap);
        answers.extend(log_gaps);
        connection.subscribe(inbox, inbox_after);
        connection.subscribe(&log, log_after);
        state.heartbeat.start(connection.clients());
        connection.subscribe(&state.heartbeat.log, u64::MAX);
        answers
    }
}

/// Reads a position from the address of a client. Its epoch is in the ticket of the client's
/// session (see [`Ticket`]). Returns `None` if the address has no position or no ticket.
fn seen<'a>(connection: &'a Connection, log: &str) -> Seen<'a> {
    let ticket = connection.query("session").and_then(Ticket::parse)?;
    let position = connection.query(log).and_then(Seq::parse)?;
    Some((ticket.epoch, position.0))
}
