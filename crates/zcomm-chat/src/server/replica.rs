//! The state of a chat that several servers share.
//!
//! Every server applies the commands in the order of the log, and so has the same rooms, sessions
//! and inboxes. A client can resume its session at any server. Each server answers its own clients
//! with the outcomes of its own state.
//!
//! If Redis has lost entries, a server may have applied commands that other servers cannot read any
//! more. A client that continued from this state would miss messages without a notice. So the chat
//! begins anew with another epoch, as after a restart of a single server. Clients reconnect, and
//! get a gap message for each log.
//!
//! A server that was frozen for a long time is another case: Redis may have removed entries that
//! this server has not read, but other servers have. Then only this server closes its connections.
//! It gets the state from a copy, and the others go on.
//!
//! A newer version of this program may write a command that this version does not know. If this
//! server skipped the command, its state would differ from the state of the other servers. So it
//! stops at the command, `/healthz` reports an error, and all its connections are closed. A proxy
//! that checks `/healthz` sends the clients to another server.

use std::{sync::Arc, time::Duration};

use time::OffsetDateTime;
use zcomm_core::{CloseReason, Token};
use zcomm_redis::{Entry, Kind, Loss, Machine, Start, Unknown};

use crate::envelope::Digest;

use crate::server::{
    command::{Command, Outcome},
    local::{Envelope, Local},
    moment::Moment,
    state::{ChatState, Origin},
};

/// 1012: the server restarts. Clients connect again soon.
const RESTART: u16 = 1012;
const ANEW: &str = "The chat begins anew";
const BEHIND: &str = "This server was too slow";

pub(crate) struct Replica {
    pub(crate) local: Arc<Local>,
    /// Names that belong to tokens. All servers have the same settings.
    pub(crate) reserved: Vec<String>,
    /// After a loss: the epoch before the loss, and the number of the newest entry that Redis still
    /// has. If the entries up to this number bring no other epoch, this server begins a new epoch.
    /// The first value is empty if earlier commands are missing.
    pub(crate) lost: Option<(String, u64)>,
}

impl Machine for Replica {
    type Outcome = Outcome;

    const NEEDS_ALL: bool = true;

    fn apply(&mut self, entry: &Entry) -> Result<Outcome, Unknown> {
        let command = match entry.kind {
            Kind::Alive => None,
            Kind::Data => Some(serde_json::from_slice(&entry.payload).map_err(|_| Unknown)?),
        };
        if self.local.state().epoch.is_empty() && !self.is_behind() {
            let state = ChatState::shared(epoch_of(entry), &self.reserved, 0);
            self.local.set_state(state);
        }
        let outcome = self.command(entry, command);
        self.after_loss(entry);
        let ready = self.lost.is_none() && !self.local.state().epoch.is_empty();
        self.local.set_ready(ready);
        Ok(outcome)
    }

    fn stuck(&mut self) {
        self.local.set_ready(false);
        self.close_all("This server cannot go on");
    }

    fn lost(&mut self, loss: Loss) {
        let epoch = self.local.state().epoch.clone();
        let why = match loss {
            Loss::Entries => ANEW,
            Loss::Unread => BEHIND,
        };
        // The number is not known yet: `restore` sets it. If only this server has missed entries,
        // the others go on, and this server starts like a new one.
        self.lost = (loss == Loss::Entries).then_some((epoch, u64::MAX));
        self.local.set_ready(false);
        self.local.set_state(ChatState::shared("", &[], 0));
        self.close_all(why);
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        let state = self.local.state();
        if self.is_behind() || state.epoch.is_empty() {
            return None;
        }
        let image = state.image()?;
        // This cannot fail: every value in a copy has a form in JSON.
        serde_json::to_vec(&image).ok()
    }

    fn restore(&mut self, from: Start<'_>, end: u64) -> bool {
        if let Some((_, at)) = &mut self.lost {
            *at = end;
        }
        match from {
            Start::First => true,
            Start::Snapshot(bytes) => {
                let Ok(image) = serde_json::from_slice(bytes) else {
                    return false;
                };
                let state = ChatState::from_image(image, &self.reserved);
                self.local.set_state(state);
                true
            }
            Start::Newest => {
                // Earlier commands are missing, so the state cannot be used.
                self.lost = Some((String::new(), end));
                true
            }
        }
    }
}

impl Replica {
    /// Whether earlier commands are missing, so the chat must begin anew.
    fn is_behind(&self) -> bool {
        self.lost
            .as_ref()
            .is_some_and(|(epoch, _)| epoch.is_empty())
    }

    fn command(&mut self, entry: &Entry, command: Option<Envelope>) -> Outcome {
        let time = Moment {
            clock: Duration::from_millis(entry.time),
            wall: OffsetDateTime::UNIX_EPOCH + Duration::from_millis(entry.wall),
            digest: Digest::parse(&entry.position.digest),
        };
        let state = self.local.state();
        let gone = state.heard(&entry.server, entry.time, time);
        let own = self.local.shared.get().map(|log| log.server());
        if gone.iter().any(|server| Some(server.as_str()) == own) {
            // All servers have counted this server as gone, for example because it was frozen. Its
            // people are no longer in their rooms, so they must reconnect.
            self.close_all(BEHIND);
        }
        let Some(Envelope { epoch, command }) = command else {
            if entry.own {
                self.end_missing(&state);
            }
            return Outcome::Done;
        };
        if let Command::Begin { epoch, after } = command {
            self.new_beginning(&epoch, after, entry.position.seq);
            return Outcome::Done;
        }
        if epoch != state.epoch {
            return Outcome::Stale;
        }
        let from = Origin {
            server: entry.server.as_str().into(),
            here: entry.own,
        };
        let outcome = state.apply(command, &from, time);
        self.local.close_replaced(&outcome);
        outcome
    }

    /// Ends the logins of clients that are no longer connected: their command `End` was lost.
    fn end_missing(&self, state: &ChatState) {
        let (Some(clients), Some(log)) = (self.local.clients.get(), self.local.shared.get()) else {
            return;
        };
        for (session, login, client) in state.sessions.of_server(log.server()) {
            if !clients.contains(client.into()) {
                let end = Command::End {
                    session,
                    client,
                    login,
                    goodbye: false,
                };
                self.local.post(state, end);
            }
        }
    }

    /// After a loss, begins anew as soon as it is clear that no other server has done so. If the
    /// command `Begin` is lost, tries again at this server's next sign of life.
    fn after_loss(&mut self, entry: &Entry) {
        let Some((epoch, end)) = &self.lost else {
            return;
        };
        let (seq, end) = (entry.position.seq, *end);
        if seq < end {
            return;
        }
        if !epoch.is_empty() && *epoch != self.local.state().epoch {
            self.lost = None;
        } else if seq == end || (entry.own && entry.kind == Kind::Alive) {
            self.begin(end);
        }
    }

    /// Tells all servers to begin anew.
    fn begin(&self, after: u64) {
        // Without random bytes, this server tries again at its next sign of life.
        let Ok((_, mut epoch)) = Token::random() else {
            return;
        };
        epoch.truncate(11);
        let state = self.local.state();
        self.local.post(&state, Command::Begin { epoch, after });
    }

    /// Begins anew, unless the state is newer than the loss.
    fn new_beginning(&mut self, epoch: &str, after: u64, seq: u64) {
        if self.is_behind() || self.local.state().began() <= after {
            let state = ChatState::shared(epoch, &self.reserved, seq);
            self.local.set_state(state);
            // After a loss, the old connections are closed already.
            if self.lost.take().is_none() {
                self.close_all(ANEW);
            }
        }
    }

    fn close_all(&self, reason: &str) {
        if let Some(clients) = self.local.clients.get() {
            let why = CloseReason::new(RESTART, reason);
            clients.disconnect_present(&why);
        }
    }
}

/// The first epoch of a chat is the epoch of its log. It has the form that a ticket can contain.
fn epoch_of(entry: &Entry) -> &str {
    &entry.position.epoch
}
