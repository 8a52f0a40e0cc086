//! What one server of a chat has: its connections, its clock, and the state.

use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};
use zcomm_core::{Clients, CloseReason};
use zcomm_redis::SharedLog;

use crate::{
    envelope::{Code, Fault},
    server::{
        command::{Command, Outcome},
        heartbeat::Heartbeat,
        moment::Moment,
        sessions::{Login, Peer},
        state::{ChatState, Origin},
    },
};

/// The server closes a connection with this code when a newer connection uses the same session.
/// Codes 4000 to 4999 are for applications (RFC 6455 section 7.4.2).
const REPLACED: u16 = 4001;
/// If a server cannot reach the other servers, a client can send its message again after this time.
const RETRY: Duration = Duration::from_secs(1);

/// One server of a chat.
pub(crate) struct Local {
    /// The state. If several servers share it, they replace it after a loss in Redis.
    state: Mutex<Arc<ChatState>>,
    pub(crate) started: Instant,
    pub(crate) heartbeat: Heartbeat,
    /// The connected clients. Set when the first client is connected.
    pub(crate) clients: OnceLock<Clients>,
    pub(crate) origin: OnceLock<Origin>,
    /// Whether the state that several servers share can be used.
    ready: watch::Sender<bool>,
    /// The log of several servers; not set for a server alone.
    pub(crate) shared: OnceLock<SharedLog<Outcome>>,
}

/// A command in the log of several servers.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Envelope {
    /// The epoch of the state that the command is for. In another state, the session numbers of the
    /// command belong to other people.
    pub(crate) epoch: String,
    pub(crate) command: Command,
}

impl Local {
    pub(crate) fn new(state: ChatState, heartbeat: Heartbeat) -> Local {
        Local {
            state: Mutex::new(Arc::new(state)),
            started: Instant::now(),
            heartbeat,
            clients: OnceLock::new(),
            origin: OnceLock::new(),
            ready: watch::Sender::new(false),
            shared: OnceLock::new(),
        }
    }

    /// The current state.
    pub(crate) fn state(&self) -> Arc<ChatState> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&state)
    }

    pub(crate) fn set_state(&self, new: ChatState) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = Arc::new(new);
    }

    pub(crate) fn set_ready(&self, ready: bool) {
        self.ready
            .send_if_modified(|known| std::mem::replace(known, ready) != ready);
    }

    /// Waits until the state that several servers share can be used. A server that
    /// starts first reads it from Redis.
    ///
    /// # Errors
    /// A fault if this takes more time than an entry of the log may take.
    pub(crate) async fn when_ready(&self, log: &SharedLog<Outcome>) -> Result<(), Fault> {
        let mut ready = self.ready.subscribe();
        let wait = timeout(log.limit(), ready.wait_for(|ready| *ready));
        let is_ready = wait.await.is_ok_and(|waited| waited.is_ok());
        is_ready.then_some(()).ok_or_else(unavailable)
    }

    /// Applies a command of a client of this server, which is alone.
    pub(crate) fn run(&self, state: &ChatState, command: Command) -> Outcome {
        let origin = self.origin.get_or_init(|| Origin::here("".into()));
        let outcome = state.apply(command, origin, self.now());
        self.close_replaced(&outcome);
        outcome
    }

    /// Gives a command to all servers, and waits until this server has applied the command.
    ///
    /// # Errors
    /// A fault if the other servers cannot be reached, or if the state was replaced.
    pub(crate) async fn send(
        &self,
        log: &SharedLog<Outcome>,
        epoch: &str,
        command: Command,
    ) -> Result<Outcome, Fault> {
        if !*self.ready.borrow() {
            return Err(unavailable());
        }
        match log.append(envelope(epoch, command)).await {
            Ok(Outcome::Stale) | Err(_) => Err(unavailable()),
            Ok(outcome) => Ok(outcome),
        }
    }

    /// Runs a command without an answer to a client.
    pub(crate) fn post(&self, state: &ChatState, command: Command) {
        match self.shared.get() {
            None => drop(self.run(state, command)),
            // A lost command does no harm. `replica` sends `End` and `Begin` again, and a typing
            // notice may be lost.
            Some(log) => drop(log.post(envelope(&state.epoch, command))),
        }
    }

    /// Tells the other servers that this server stops, so they remove its people from the rooms.
    pub(crate) async fn say_goodbye(&self, log: &SharedLog<Outcome>) {
        let epoch = self.state().epoch.clone();
        // Ignores an error: the other servers notice after eight seconds that this server is gone.
        log.append(envelope(&epoch, Command::Stop)).await.ok();
    }

    /// The time of a command that is applied now.
    pub(crate) fn now(&self) -> Moment {
        let wall = OffsetDateTime::now_utc();
        let clock = match self.shared.get() {
            None => self.started.elapsed(),
            // Several servers use the times of the entries, which can be ahead of every clock. The
            // last entry is at most a few seconds old, because each server appends signs of life.
            Some(_) => self.state().time_of_last_entry().unwrap_or_default(),
        };
        Moment {
            clock,
            wall,
            digest: None,
        }
    }

    /// Closes the older connection of a session, if it is a connection of this server.
    pub(crate) fn close_replaced(&self, outcome: &Outcome) {
        let Outcome::LoggedIn(Some(Login {
            replaced: Some(Peer { server, client }),
            ..
        })) = outcome
        else {
            return;
        };
        let here = self.origin.get().is_some_and(|own| own.server == *server);
        if let (true, Some(clients)) = (here, self.clients.get()) {
            let why = CloseReason::new(REPLACED, "Replaced by a new connection");
            // Ignores an error: the older connection has already ended.
            clients.disconnect((*client).into(), why).ok();
        }
    }
}

fn envelope(epoch: &str, command: Command) -> Vec<u8> {
    let epoch = epoch.to_owned();
    // This cannot fail: every value in a command has a form in JSON.
    serde_json::to_vec(&Envelope { epoch, command }).unwrap_or_default()
}

/// The answer to a client when this server cannot reach the other servers.
pub(crate) fn unavailable() -> Fault {
    let why = "this server cannot reach the other servers now: send the message again later, with \
               the same id";
    let mut fault = Fault::new(Code::Unavailable, why);
    fault.retry_ms = Some(RETRY.as_millis() as u64);
    fault
}
