//! A chat, in small parts.
//!
//! A **room** is two logs: what is said there, which is kept, and what happens there (who
//! comes, who goes, who types), which is worth nothing once it is old. A **person** is a
//! session: a name, an inbox, and the ids of what was sent lately; it outlives its
//! connection by two minutes, so that a broken one costs neither the name nor a private
//! message; rooms are left at once, and joined again. A **connection** is a set
//! of cursors on these logs, and all that is said to it goes one way.
//!
//! ```text
//!  person ──says──▶ room: messages ─┐
//!                   room: events ───┤ cursors ──▶ connection ──▶ page
//!                   inbox ──────────┤
//!                   server's log ───┘
//! ```
//!
//! Read `room`, then `resume` (what comes after a broken connection), `session` and
//! `sessions`, `rooms`, `pulse`, and last `person`, which brings them together.
//!
//! All of it lives in this process and ends with it. Production keeps the logs and the
//! sessions in a store that several servers share; the cursors do not change.

use std::sync::Arc;

use tokio::time::Instant;
use zcomm_core::{CloseReason, Config, Connection, Figure, Message, Result, Token};

use crate::{
    envelope::{Seq, ServerMessage},
    server::{
        heartbeat::Heartbeat,
        person::{Person, send_all},
        resume::{MAX_REPLAY, gap, whole_gap},
        rooms::Rooms,
        sessions::{Sessions, Shown},
        state::ChatState,
    },
};

/// For an older connection of the same session; 4000 to 4999 are an application's own
/// (RFC 6455 section 7.4.2).
const REPLACED: u16 = 4001;

/// A chat. Clones share it.
#[derive(Clone)]
pub struct Chat {
    state: Arc<ChatState>,
}

impl Chat {
    /// An empty chat. Names that belong to tokens are kept for whoever shows those.
    ///
    /// # Errors
    /// When the operating system has no random bytes.
    pub fn new(config: &Config) -> Result<Chat> {
        let (_, mut epoch) = Token::random()?;
        // 66 bits are enough for what must not repeat by accident.
        epoch.truncate(11);
        let reserved = config.tokens.iter().map(|named| named.name.as_str());
        Ok(Chat {
            state: Arc::new(ChatState {
                rooms: Rooms::new(&epoch),
                sessions: Sessions::new(&epoch, reserved),
                said: Default::default(),
                started: Instant::now(),
                heartbeat: Heartbeat::new(config.ping_interval),
                epoch,
            }),
        })
    }

    /// How a client is told that it missed messages of the server's own log.
    pub fn gap_words(&self) -> impl Fn(u64, u64) -> Message + Send + Sync + 'static {
        let epoch = self.state.epoch.clone();
        move |from, to| gap("*", &epoch, from, to).into()
    }

    /// What happens in the rooms, for the figures of the server.
    pub fn figures(&self) -> impl Fn() -> Vec<Figure> + Send + Sync + 'static {
        let chat = self.clone();
        move || chat.state.rooms.figures()
    }

    /// Greets a client: its name, its session, and what it missed since it was last here.
    /// `None` when its name cannot be one, and it was told so.
    ///
    /// # Errors
    /// [`Closed`](zcomm_core::Error::Closed) once the connection has ended.
    pub async fn welcome(&self, connection: &mut Connection) -> Result<Option<Person>> {
        let (person, answers) = self.greet(connection)?;
        let answers = answers.into_iter().map(Message::from).collect();
        send_all(answers, connection).await?;
        if person.is_none() {
            connection.close(CloseReason::POLICY, "Bad name");
        }
        Ok(person)
    }

    /// The person, and what to say to it.
    fn greet(&self, connection: &mut Connection) -> Result<(Option<Person>, Vec<ServerMessage>)> {
        let entered = match self.state.sessions.enter(
            connection.query("session"),
            connection.query("name"),
            connection.bound_name(),
            connection.id(),
        )? {
            Ok(entered) => entered,
            Err(fault) => return Ok((None, vec![ServerMessage::Error(fault)])),
        };
        // From here on, dropping it is leaving.
        let person = Person::new(&self.state, &entered, connection.id());
        if let Some(older) = entered.replaced {
            let why = CloseReason::new(REPLACED, "Replaced by a new connection");
            // It may have ended by itself just now.
            connection.clients().disconnect(older, why).ok();
        }
        let session = &entered.session;
        let (inbox, log) = (session.inbox.clone(), connection.hub().clone());
        let asked = |name| connection.query(name).and_then(Seq::parse).map(|seq| seq.0);
        let (direct, broadcast) = (asked("direct"), asked("broadcast"));
        let (inbox_end, log_end) = (inbox.position(), log.position());
        let resumed = entered.shown == Shown::Known;
        let mut gaps = Vec::new();
        let (mut inbox_after, mut log_after, mut lost) = (inbox_end, log_end, None);
        match &entered.shown {
            Shown::Nothing => {}
            Shown::Known => {
                inbox_after = direct.unwrap_or(0);
                (log_after, lost) = self.server_log(broadcast, log_end);
            }
            Shown::Lost { epoch } => {
                gaps.extend(direct.map(|seen| whole_gap("@", epoch, seen)));
                if *epoch == self.state.epoch {
                    (log_after, lost) = self.server_log(broadcast, log_end);
                } else if let Some(seen) = broadcast {
                    gaps.push(whole_gap("*", epoch, seen));
                    gaps.extend((log_end > 0).then(|| gap("*", &self.state.epoch, 0, log_end - 1)));
                }
            }
        }
        gaps.extend(lost);
        tracing::info!(conn = %connection.id(), name = ?session.name, resumed, "chat.entered");
        let welcome = ServerMessage::Welcome {
            client_id: session.number.to_string(),
            name: session.name.clone(),
            session: entered.secret,
            epoch: self.state.epoch.clone(),
            resumed,
            direct: Seq(inbox_end),
            broadcast: Seq(log_end),
            heartbeat_seconds: self.state.heartbeat.seconds(),
        };
        connection.subscribe(&inbox, inbox_after);
        connection.subscribe(&log, log_after);
        self.state.heartbeat.begin(connection.clients());
        connection.subscribe(self.state.heartbeat.log(), u64::MAX);
        Ok((Some(person), std::iter::once(welcome).chain(gaps).collect()))
    }

    /// Where to go on in the server's own log, and what will not come: as in a room, at most
    /// 300 messages do.
    fn server_log(&self, seen: Option<u64>, end: u64) -> (u64, Option<ServerMessage>) {
        let seen = seen.unwrap_or(end).min(end);
        let after = seen.max(end.saturating_sub(MAX_REPLAY));
        let lost = (seen < after).then(|| gap("*", &self.state.epoch, seen, after - 1));
        (after, lost)
    }
}
