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

/// The server closes an older connection with this code when a newer one uses its session.
/// Codes 4000 to 4999 are for applications (RFC 6455 section 7.4.2).
const REPLACED: u16 = 4001;
/// The client of several servers that cannot reach each other tries again after this time.
const RETRY: Duration = Duration::from_secs(1);
/// A new client waits for this time until the state can be used, e.g. after a start of the server.
const READY: Duration = Duration::from_secs(2);

/// One server of a chat.
pub(crate) struct Local {
    /// The state. Of several servers, a loss in Redis replaces it.
    state: Mutex<Arc<ChatState>>,
    pub(crate) started: Instant,
    pub(crate) heartbeat: Heartbeat,
    /// The connected clients. Set when the first client is connected.
    pub(crate) clients: OnceLock<Clients>,
    pub(crate) origin: OnceLock<Origin>,
    /// Whether the state of several servers can be used.
    ready: watch::Sender<bool>,
    /// The log of several servers; not set for a server alone.
    pub(crate) shared: OnceLock<SharedLog<Outcome>>,
}

/// A command in the log of several servers.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Envelope {
    /// The state that the command is for. A command for another state would reach other people.
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

    /// Waits until the state of several servers can be used.
    ///
    /// # Errors
    /// A fault after two seconds.
    pub(crate) async fn when_ready(&self) -> Result<(), Fault> {
        let mut ready = self.ready.subscribe();
        let wait = timeout(READY, ready.wait_for(|ready| *ready));
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

    /// Gives a command to all servers, and waits until this server has applied it.
    ///
    /// # Errors
    /// A fault if the other servers cannot be reached, or if the state is gone.
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

    /// Runs a command whose outcome nobody needs.
    pub(crate) fn post(&self, state: &ChatState, command: Command) {
        match self.shared.get() {
            None => drop(self.run(state, command)),
            // If this fails, the server notices at its next sign of life that the client is gone.
            Some(log) => drop(log.post(envelope(&state.epoch, command))),
        }
    }

    /// Tells the other servers that this server stops, so that they do not wait for its people.
    pub(crate) async fn say_goodbye(&self, log: &SharedLog<Outcome>) {
        let epoch = self.state().epoch.clone();
        // Ignores an error: the other servers notice in eight seconds that this one is gone.
        log.append(envelope(&epoch, Command::Stop)).await.ok();
    }

    /// The time of a command that is applied now.
    pub(crate) fn now(&self) -> Moment {
        let wall = OffsetDateTime::now_utc();
        let clock = match self.shared.get() {
            None => self.started.elapsed(),
            // Of several servers, the clock of Redis counts, which is about the same.
            Some(_) => (wall - OffsetDateTime::UNIX_EPOCH).unsigned_abs(),
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

/// The answer to a message that the other servers did not get.
pub(crate) fn unavailable() -> Fault {
    let why = "this server cannot reach the other servers now: send the message again later, with \
               the same id";
    let mut fault = Fault::new(Code::Unavailable, why);
    fault.retry_ms = Some(RETRY.as_millis() as u64);
    fault
}
