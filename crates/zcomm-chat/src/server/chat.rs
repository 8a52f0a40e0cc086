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
//! Read `room`, then `resume`, `session` and `sessions`, `rooms`, `command` and `state` (which
//! applies the commands), `local`, and last `person`, which uses them all.
//!
//! The chat is in the memory of this process and ends with the process. In production, several
//! servers share a store with the logs and the sessions.

use std::sync::{Arc, OnceLock};

use tokio::time::Instant;
use zcomm_core::{CloseReason, Config, Connection, Figure, Message, Result, Token};

use crate::{
    envelope::{Fault, SERVER_LOG, Secret, Seq, ServerMessage},
    server::{
        command::{Command, LogIn, Outcome},
        heartbeat::Heartbeat,
        local::Local,
        person::{Person, send},
        resume::{self, Seen},
        sessions::{Login, Ticket},
        state::{ChatState, Origin},
    },
};

/// A chat. All clones of it share one state.
#[derive(Clone)]
pub struct Chat {
    local: Arc<Local>,
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
            local: Arc::new(Local {
                state: Arc::new(ChatState::new(&epoch, reserved)),
                started: Instant::now(),
                heartbeat: Heartbeat::new(config.ping_interval),
                clients: OnceLock::new(),
                origin: Origin {
                    server: "".into(),
                    here: true,
                },
            }),
        })
    }

    /// Returns a function that makes a gap message: it names lost messages of the server's log.
    pub fn gap_words(&self) -> impl Fn(u64, u64) -> Message + Send + Sync + 'static {
        let epoch = self.local.state.epoch.clone();
        move |from, to| resume::gap(SERVER_LOG, &epoch, from, Some(to)).into()
    }

    /// Returns the function that counts the members and messages of each room.
    pub fn figures(&self) -> impl Fn() -> Vec<Figure> + Send + Sync + 'static {
        let chat = self.clone();
        move || chat.local.state.rooms.figures()
    }

    /// Sends a client its name, its session, and what it missed since its last connection. If
    /// the name is refused, sends the client the reason, closes the connection with code 1008
    /// and returns `None`.
    ///
    /// # Errors
    /// [`Closed`](zcomm_core::Error::Closed) once the connection has ended.
    pub async fn welcome(&self, connection: &mut Connection) -> Result<Option<Person>> {
        let (person, answers) = self.log_in(connection)?;
        send(answers, connection).await?;
        if person.is_none() {
            connection.close(CloseReason::POLICY, "Bad name");
        }
        Ok(person)
    }

    /// Finds or opens the session of a client. Returns the person and the first messages to
    /// send. The person is `None` if the name is refused.
    fn log_in(&self, connection: &mut Connection) -> Result<(Option<Person>, Vec<ServerMessage>)> {
        let local = &self.local;
        // These fail if an earlier connection has set them.
        local.clients.set(connection.clients().clone()).ok();
        local.state.log.set(connection.hub().clone()).ok();
        let (request, new_secret, refused) = self.request(connection)?;
        let Outcome::LoggedIn(Some(login)) = local.run(Command::LogIn(request)) else {
            let refused = refused.into_iter().map(ServerMessage::Error);
            return Ok((None, refused.collect()));
        };
        // If there is an error after this line, the person is dropped, which ends the login.
        let (id, resumed) = (connection.id(), login.resumed);
        let person = Person::new(local, &login, id);
        let end = person.end(true);
        let local = Arc::clone(local);
        connection.on_end(move |how| {
            if how.is_goodbye() {
                local.run(end);
            }
        });
        tracing::info!(conn = %id, name = ?login.session.name, resumed, "chat.entered");
        let ticket = match connection.query("session").filter(|_| resumed) {
            Some(known) => known.to_owned(),
            None => {
                let (epoch, number) = (&self.local.state.epoch, login.session.number);
                format!("{epoch}.{number}.{new_secret}")
            }
        };
        let answers = self.subscribe(login, Secret(ticket), connection);
        Ok((Some(person), answers))
    }

    /// Reads what a client asks for when it connects. Also returns the text of the secret for a new
    /// session, and why the client cannot have the name that it asks for.
    fn request(&self, connection: &Connection) -> Result<(LogIn, String, Option<Fault>)> {
        let (secret, text) = Token::random()?;
        let token_name = connection.bound_name();
        let ticket = connection.query("session").and_then(Ticket::parse);
        let sessions = &self.local.state.sessions;
        let name = sessions.check_name(connection.query("name"), token_name);
        let (name, refused) = match name {
            Ok(name) => (Some(name), None),
            Err(fault) => (None, Some(fault)),
        };
        let request = LogIn {
            client: connection.id(),
            token_name: token_name.map(str::to_owned),
            ticket: ticket.and_then(|ticket| ticket.shown()),
            name,
            secret,
        };
        Ok((request, text, refused))
    }

    /// Subscribes the connection to the inbox, the server's log and the heartbeat. Returns the
    /// welcome message, and the gap messages of the inbox and of the server's log.
    fn subscribe(
        &self,
        login: Login,
        ticket: Secret,
        connection: &mut Connection,
    ) -> Vec<ServerMessage> {
        let (state, heartbeat) = (&self.local.state, &self.local.heartbeat);
        let (inbox, log) = (&login.session.inbox, connection.hub().clone());
        let resumed = login.resumed;
        let (inbox_end, log_end) = (inbox.position(), log.position());
        let (direct, broadcast) = (seen(connection, "direct"), seen(connection, "broadcast"));
        let (inbox_after, inbox_gap) = resume::inbox(resumed, inbox_end, direct);
        let (log_after, log_gaps) = resume::server_log(&state.epoch, log_end, broadcast);
        let mut answers = vec![ServerMessage::Welcome {
            client_id: login.session.number.to_string(),
            name: login.session.name.clone(),
            session: ticket,
            epoch: state.epoch.clone(),
            resumed,
            direct: Seq(inbox_end),
            broadcast: Seq(log_end),
            heartbeat_seconds: heartbeat.seconds(),
        }];
        answers.extend(inbox_gap);
        answers.extend(log_gaps);
        connection.subscribe(inbox, inbox_after);
        connection.subscribe(&log, log_after);
        heartbeat.start(connection.clients());
        connection.subscribe(&heartbeat.log, u64::MAX);
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
