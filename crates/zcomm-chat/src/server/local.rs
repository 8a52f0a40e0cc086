//! What one server of a chat has: its connections, its clock, and the state.

use std::sync::{Arc, OnceLock};

use time::OffsetDateTime;
use tokio::time::Instant;
use zcomm_core::{Clients, CloseReason};

use crate::server::{
    command::{Command, Outcome},
    heartbeat::Heartbeat,
    moment::Moment,
    sessions::Login,
    state::{ChatState, Origin},
};

/// The server closes an older connection with this code when a newer one uses its session.
/// Codes 4000 to 4999 are for applications (RFC 6455 section 7.4.2).
const REPLACED: u16 = 4001;

/// One server of a chat.
pub(crate) struct Local {
    pub(crate) state: Arc<ChatState>,
    pub(crate) started: Instant,
    pub(crate) heartbeat: Heartbeat,
    /// The connected clients. Set when the first client is connected.
    pub(crate) clients: OnceLock<Clients>,
    pub(crate) origin: Origin,
}

impl Local {
    /// Applies a command of a client of this server.
    pub(crate) fn run(&self, command: Command) -> Outcome {
        let outcome = self.state.apply(command, &self.origin, self.now());
        if let Outcome::LoggedIn(Some(login)) = &outcome {
            self.close_replaced(login);
        }
        outcome
    }

    /// The time of a command that is applied now.
    pub(crate) fn now(&self) -> Moment {
        Moment {
            clock: self.started.elapsed(),
            wall: OffsetDateTime::now_utc(),
        }
    }

    /// Closes the older connection of a session.
    fn close_replaced(&self, login: &Login) {
        let replaced = login.replaced.as_ref();
        let older = replaced.filter(|peer| peer.server == self.origin.server);
        if let (Some(older), Some(clients)) = (older, self.clients.get()) {
            let why = CloseReason::new(REPLACED, "Replaced by a new connection");
            // Ignores an error: the older connection has already ended.
            clients.disconnect(older.client, why).ok();
        }
    }
}
