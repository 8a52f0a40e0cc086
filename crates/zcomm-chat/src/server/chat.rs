//! A chat: its parts and how they fit together.
//!
//! A **room** has two logs. One log contains its messages, which are kept. The other log
//! contains its events (a member enters, leaves or types), which are soon useless.
//!
//! A **session** stores three things: a person's name, the direct messages to this person (the
//! inbox), and the ids of the last messages that this person sent. The server keeps the session
//! for two minutes after the connection breaks. A person who reconnects in time gets the name and
//! the direct messages again. The session ends at once when the client closes with code 1000.
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
//! Read `room`, then `resume`, `session` and `sessions`, `rooms`, `command`, `state` and `apply`
//! (which applies the commands to the state), `local`, and last `person` and `requests`.
//!
//! A chat of one server is in the memory of the server's process, and ends with the process. If
//! several servers are one chat, they share a log of commands in Redis: see `replica`.

use std::sync::Arc;

use zcomm_core::{CloseReason, Config, Connection, Figure, Hub, Message, Result, Server, Token};
use zcomm_redis::{Address, SharedLog, open};

use crate::{
    envelope::{Code, Fault, SERVER_LOG, Secret, Seen, Seq, ServerMessage},
    server::{
        command::{Command, LogIn, Outcome},
        heartbeat::Heartbeat,
        local::Local,
        person::{Person, send},
        replica::Replica,
        resume::{self, Last},
        sessions::Login,
        state::{ChatState, Origin},
        ticket::Ticket,
    },
};

/// 1013: the server cannot do this now. A client connects again later.
const TRY_AGAIN_LATER: u16 = 1013;

/// The result of a login: the person, if the login worked, and the first messages to send.
type LoggedIn = (Option<Person>, Vec<ServerMessage>);

/// What the server remembers about a login until the outcome of the login is known.
struct AskedFor {
    /// The text of the secret, for the case that the login opens a new session.
    new_secret: String,
    /// Why the client cannot have the name that it asked for.
    refused: Option<Fault>,
}

/// A chat. All clones share one state.
#[derive(Clone)]
pub struct Chat {
    local: Arc<Local>,
    /// The names that belong to tokens.
    reserved: Vec<String>,
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
        let reserved = config.tokens.iter().map(|named| named.name.clone());
        let reserved: Vec<_> = reserved.collect();
        let state = ChatState::new(&epoch, reserved.iter().map(String::as_str));
        let heartbeat = Heartbeat::new(config.ping_interval);
        Ok(Chat {
            local: Arc::new(Local::new(state, heartbeat)),
            reserved,
        })
    }

    /// With `WEBSOCKET_REDIS_URL`, all servers that use this Redis are one chat. Without this
    /// setting, nothing changes. All servers need the same `WEBSOCKET_TOKENS`.
    ///
    /// While Redis cannot be reached, connected clients stay connected. The answer to a message is
    /// the fault [`Unavailable`](crate::envelope::Code::Unavailable). The server closes a new
    /// connection with code 1013.
    ///
    /// # Errors
    /// [`Setting`](zcomm_core::Error::Setting) for a wrong address of Redis.
    pub fn one_service(&self, server: Server) -> Result<Server> {
        let service = match server.config().require_auth {
            true => "chat_app",
            false => "an open chat",
        };
        let Some(address) = Address::from_config(server.config(), service)? else {
            return Ok(server);
        };
        let replica = Replica {
            local: Arc::clone(&self.local),
            reserved: self.reserved.clone(),
            lost: None,
        };
        let (log, work) = open(&address, replica)?;
        let (health, figures) = (Arc::clone(log.status()), Arc::clone(log.status()));
        let server_name = log.server().into();
        self.local.set_state(ChatState::shared("", &[], 0));
        // `set` does not fail here, because the chat has not been used before.
        self.local.origin.set(Origin::here(server_name)).ok();
        self.local.shared.set(log.clone()).ok();
        let local = Arc::clone(&self.local);
        Ok(server
            .health(move || health.health())
            .figures(move || figures.figures())
            .beside(work)
            .at_end(async move { local.say_goodbye(&log).await }))
    }

    /// Returns a function that makes a gap message for lost messages of the server's log.
    pub fn gap_words(&self) -> impl Fn(u64, u64) -> Message + Send + Sync + 'static {
        let epoch = self.local.state().epoch.clone();
        move |from, to| resume::gap(SERVER_LOG, &epoch, from, Some(to)).into()
    }

    /// Returns the function that counts the members and messages of each room.
    pub fn figures(&self) -> impl Fn() -> Vec<Figure> + Send + Sync + 'static {
        let chat = self.clone();
        move || chat.local.state().figures()
    }

    /// Sends a client its name, its session, and what it missed since its last connection.
    ///
    /// If the name or a position in the address is refused, sends the reason, closes the connection
    /// with code 1008 and returns `None`. If the server cannot reach the other servers of the chat,
    /// does the same with code 1013.
    ///
    /// # Errors
    /// [`Closed`](zcomm_core::Error::Closed) once the connection has ended.
    pub async fn welcome(&self, connection: &mut Connection) -> Result<Option<Person>> {
        if let Some(fault) = bad_position(connection) {
            connection.send(ServerMessage::Error(fault)).await?;
            connection.close(CloseReason::POLICY, "Bad position");
            return Ok(None);
        }
        // This fails if an earlier connection has set the clients.
        self.local.clients.set(connection.clients().clone()).ok();
        let (person, answers) = match self.local.shared.get() {
            None => self.log_in(connection)?,
            // Boxed: a server alone needs no memory for this future.
            Some(log) => Box::pin(self.log_in_to_all(log, connection)).await?,
        };
        let refused = match answers.first() {
            Some(ServerMessage::Error(fault)) if fault.code == Code::Unavailable => {
                Some((TRY_AGAIN_LATER, "Other servers out of reach"))
            }
            Some(ServerMessage::Error(_)) => Some((CloseReason::POLICY, "Bad name")),
            _ => None,
        };
        send(answers, connection).await?;
        if let Some((code, reason)) = refused {
            connection.close(code, reason);
        }
        Ok(person)
    }

    /// Logs a client in at a server that is alone.
    fn log_in(&self, connection: &mut Connection) -> Result<LoggedIn> {
        let state = self.local.state();
        // This fails if an earlier connection has set the log.
        state.log.set(connection.hub().clone()).ok();
        let (request, asked) = self.request(&state, connection)?;
        let outcome = self.local.run(&state, Command::LogIn(request));
        Ok(self.logged_in(&state, outcome, asked, connection))
    }

    /// Logs a client in at one of several servers.
    async fn log_in_to_all(
        &self,
        log: &SharedLog<Outcome>,
        connection: &mut Connection,
    ) -> Result<LoggedIn> {
        let away = |fault| Ok((None, vec![ServerMessage::Error(fault)]));
        if let Err(fault) = self.local.when_ready(log).await {
            return away(fault);
        }
        let state = self.local.state();
        let (request, asked) = self.request(&state, connection)?;
        let sent = self.local.send(log, &state.epoch, Command::LogIn(request));
        match sent.await {
            Ok(outcome) => Ok(self.logged_in(&state, outcome, asked, connection)),
            Err(fault) => away(fault),
        }
    }

    /// Makes the `Person` of a client that logs in, and the first messages to send. Without a
    /// `Person`, the server refuses the name.
    fn logged_in(
        &self,
        state: &Arc<ChatState>,
        outcome: Outcome,
        asked: AskedFor,
        connection: &mut Connection,
    ) -> LoggedIn {
        let Outcome::LoggedIn(Some(login)) = outcome else {
            let refused = asked.refused.into_iter().map(ServerMessage::Error);
            return (None, refused.collect());
        };
        // If there is an error after this line, the person is dropped, which ends the login.
        let (id, resumed) = (connection.id(), login.resumed);
        let person = Person::new(&self.local, state, &login, id);
        let end = person.end(true);
        let (local, of) = (Arc::clone(&self.local), Arc::clone(state));
        connection.on_end(move |how| {
            if how.is_goodbye() {
                local.post(&of, end);
            }
        });
        tracing::info!(conn = %id, name = ?login.session.name, resumed, "chat.entered");
        let ticket = match connection.query("session").filter(|_| resumed) {
            Some(known) => known.to_owned(),
            None => {
                let (epoch, number) = (&state.epoch, login.session.number);
                format!("{epoch}.{number}.{}", asked.new_secret)
            }
        };
        let answers = self.subscribe(state, login, Secret(ticket), connection);
        (Some(person), answers)
    }

    /// Reads what a client asks for when it connects.
    fn request(&self, state: &ChatState, connection: &Connection) -> Result<(LogIn, AskedFor)> {
        let (secret, new_secret) = Token::random()?;
        let token_name = connection.bound_name();
        let ticket = connection.query("session").and_then(Ticket::parse);
        let sessions = &state.sessions;
        let name = sessions.check_name(connection.query("name"), token_name);
        let (name, refused) = match name {
            Ok(name) => (Some(name), None),
            Err(fault) => (None, Some(fault)),
        };
        let request = LogIn {
            client: connection.id().into(),
            token_name: token_name.map(str::to_owned),
            ticket: ticket.and_then(|ticket| ticket.shown()),
            name,
            secret,
        };
        let asked = AskedFor {
            new_secret,
            refused,
        };
        Ok((request, asked))
    }

    /// Subscribes the connection to the inbox, the server's log and the heartbeat. Returns the
    /// welcome message, and the gap messages of the inbox and of the server's log.
    fn subscribe(
        &self,
        state: &ChatState,
        login: Login,
        ticket: Secret,
        connection: &mut Connection,
    ) -> Vec<ServerMessage> {
        let heartbeat = &self.local.heartbeat;
        // The log is set: a server alone sets it in `log_in`, and a shared state always has it. So
        // `unwrap_or` never returns the hub here.
        let log = state.log.get().unwrap_or(connection.hub()).clone();
        let inbox = &login.session.inbox;
        let resumed = login.resumed;
        let (inbox_end, log_end) = (inbox.position(), log.position());
        let direct = last(connection, "direct", inbox);
        let broadcast = last(connection, "broadcast", &log);
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
            broadcast_digest: resume::digest_at(&log, log_end),
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

/// The fault for a position in the address that the server cannot have written.
fn bad_position(connection: &Connection) -> Option<Fault> {
    let wrong = ["direct", "broadcast"].into_iter().find(|log| {
        // A client without a position may send an empty text.
        let position = connection.query(log);
        let position = position.filter(|position| !position.is_empty());
        position.is_some_and(|position| Seen::parse(position).is_none())
    });
    wrong.map(Fault::bad_position)
}

/// Reads a position from the address of a client. The epoch of the position is in the ticket of
/// the client's session (see [`Ticket`]). Returns `None` if the address has no position or no
/// ticket.
fn last<'a>(connection: &'a Connection, name: &str, log: &Hub) -> Option<Last<'a>> {
    let ticket = connection.query("session").and_then(Ticket::parse)?;
    let seen = connection.query(name).and_then(Seen::parse)?;
    Some(Last::of(log, ticket.epoch, seen))
}
