//! The health of the connection to Redis, for the server's messages, `/healthz` and `/metrics`.
//!
//! An open connection proves little: Redis can be frozen, or can be a replica that is cut off from
//! its master. So a server is healthy if its own entries come back from Redis. Every server
//! appends a sign of life every two seconds.
//!
//! The server logs one line when the state changes, not one line for each attempt.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::watch, time::Instant};
use zcomm_core::{Figure, FigureKind};

use crate::{
    entry::{ALIVE, Entry},
    machine::Loss,
    trouble::Trouble,
};

/// If the clock of Redis goes back by at least this time (milliseconds), the server logs it.
const WORTH_A_LINE: u64 = 500;

/// The state of the connection to Redis.
pub struct Status {
    /// The address of Redis, for the messages that are logged.
    place: String,
    /// The key of the log in Redis, for the messages that are logged.
    log: String,
    /// The time limit for an answer of Redis. If Redis has not worked for this time, a new message
    /// fails at once. Before, a new message waits, because Redis often works again soon.
    limit: Duration,
    facts: Mutex<Facts>,
    /// Whether the reader has chosen where it starts to read.
    started: watch::Sender<bool>,
}

struct Facts {
    reader: Result<(), Trouble>,
    writer: Result<(), Trouble>,
    /// The word of the trouble that was logged last, empty at the start; `None` if the last logged
    /// line said that the server is connected.
    logged: Option<String>,
    /// The time at which the trouble began.
    bad_since: Option<Instant>,
    /// Whether an entry has not come back in time, and no own entry has come back since then.
    unanswered: bool,
    own_entry: Option<Instant>,
    /// The number of the newest entry that this server has read.
    read: u64,
    /// The number of the newest entry that this server has appended.
    written: u64,
    entries: u64,
    losses: u64,
    /// How far the times of the entries are ahead of the clock of Redis (milliseconds); `None`
    /// before the first entry.
    ahead: Option<u64>,
}

impl Status {
    pub(crate) fn new(place: &str, log: &str, limit: Duration) -> Status {
        Status {
            place: place.to_owned(),
            log: log.to_owned(),
            limit,
            facts: Mutex::new(Facts {
                reader: Err(Trouble::starting()),
                writer: Ok(()),
                logged: Some(String::new()),
                bad_since: Some(Instant::now()),
                unanswered: false,
                own_entry: None,
                read: 0,
                written: 0,
                entries: 0,
                losses: 0,
                ahead: None,
            }),
            started: watch::Sender::new(false),
        }
    }

    /// Whether this server can reach the other servers now.
    ///
    /// # Errors
    /// The reason why it cannot: one line, without an address and without a secret.
    pub fn health(&self) -> Result<(), String> {
        let facts = self.lock();
        if let Some(trouble) = facts.trouble() {
            return Err(trouble.public());
        }
        // If no own entry has come back for this time, the server is not healthy.
        let stale = ALIVE + 2 * self.limit;
        match facts.own_entry {
            Some(at) if at.elapsed() < stale => Ok(()),
            _ => Err("redis: silent".to_owned()),
        }
    }

    /// The numbers for `/metrics`.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        let healthy = u64::from(self.health().is_ok());
        let facts = self.lock();
        let figure = |name, help, kind, value| Figure {
            name,
            help,
            kind,
            label: "log",
            values: vec![("shared".to_owned(), value)],
        };
        let (gauge, counter) = (FigureKind::Gauge, FigureKind::Counter);
        vec![
            figure(
                "zcomm_redis_up",
                "1 if entries of this server come back from Redis, otherwise 0.",
                gauge,
                healthy,
            ),
            figure(
                "zcomm_redis_behind",
                "Entries in Redis that this server has appended or seen, and not read yet.",
                gauge,
                facts.written.saturating_sub(facts.read),
            ),
            figure(
                "zcomm_redis_entries_total",
                "Entries that this server has read from Redis.",
                counter,
                facts.entries,
            ),
            figure(
                "zcomm_redis_losses_total",
                "Times that Redis had lost entries, or had removed entries before they were read.",
                counter,
                facts.losses,
            ),
        ]
    }

    /// The reader has chosen where it starts to read, or, with `false`, must choose again.
    pub(crate) fn set_started(&self, started: bool) {
        self.started.send_replace(started);
    }

    /// Waits until the reader has chosen where it starts to read. It does not read what is before
    /// this place, so it could not confirm a message that is appended earlier.
    pub(crate) async fn has_started(&self) {
        // Cannot fail: the sender is in `self`.
        self.started
            .subscribe()
            .wait_for(|started| *started)
            .await
            .ok();
    }

    /// Whether a new message fails at once, because Redis has failed for too long.
    pub(crate) fn is_hopeless(&self) -> bool {
        let facts = self.lock();
        let since = facts.bad_since;
        facts.unanswered || since.is_some_and(|since| since.elapsed() >= self.limit)
    }

    /// An entry of this server has not come back in time. Until an own entry comes back, a new
    /// message fails at once. Otherwise, each message of a client would wait for the limit, one
    /// after the other.
    pub(crate) fn unanswered(&self) {
        self.lock().unanswered = true;
    }

    pub(crate) fn reader(&self, state: Result<(), Trouble>) {
        let mut facts = self.lock();
        facts.reader = state;
        facts.changed(&self.place, &self.log);
    }

    /// `state` has the number of the newest entry that this server has appended, if that number is
    /// known.
    pub(crate) fn writer(&self, state: Result<Option<u64>, Trouble>) {
        let mut facts = self.lock();
        if let Ok(Some(seq)) = state {
            facts.written = seq;
        }
        facts.writer = state.map(drop);
        facts.changed(&self.place, &self.log);
    }

    pub(crate) fn read(&self, entry: &Entry) {
        let mut facts = self.lock();
        facts.read = entry.position.seq;
        facts.entries += 1;
        if entry.own {
            facts.own_entry = Some(Instant::now());
            facts.unanswered = false;
        }
        let ahead = entry.time.saturating_sub(entry.wall);
        let before = facts.ahead.replace(ahead).unwrap_or(ahead);
        if let Some(back @ WORTH_A_LINE..) = ahead.checked_sub(before) {
            tracing::warn!(
                "the clock of Redis at {} went back by {:.1} s: the times of new messages can be \
                 before the times of older messages, and nothing else changes",
                self.place,
                Duration::from_millis(back).as_secs_f64()
            );
        }
    }

    pub(crate) fn lost(&self, loss: Loss) {
        let mut facts = self.lock();
        facts.losses += 1;
        (facts.read, facts.written) = (0, 0);
        let place = &self.place;
        match loss {
            Loss::Entries => tracing::warn!(
                "Redis at {place} no longer has what this server has read: messages may be lost, \
                 and every client is told"
            ),
            Loss::Unread => tracing::warn!(
                "Redis at {place} has removed entries before this server has read them: the \
                 clients of this server are told"
            ),
        }
    }

    /// Whether this server asks the other servers for a copy of the state.
    pub(crate) fn asks(&self) -> bool {
        self.lock().reader.as_ref().is_err_and(Trouble::is_waiting)
    }

    fn lock(&self) -> MutexGuard<'_, Facts> {
        // After a panic in another task, the facts are valid: each change is one assignment.
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Facts {
    fn trouble(&self) -> Option<&Trouble> {
        self.reader.as_ref().err().or(self.writer.as_ref().err())
    }

    /// Logs a line if the state has changed.
    fn changed(&mut self, place: &str, log: &str) {
        let Some(trouble) = self.trouble().cloned() else {
            self.bad_since = None;
            if self.logged.take().is_some() {
                tracing::info!(
                    "connected to Redis at {place}: this server is one of several, which share the \
                     log {log}"
                );
            }
            return;
        };
        self.bad_since.get_or_insert_with(Instant::now);
        let starting = trouble == Trouble::starting();
        if !starting && self.logged.as_ref() != Some(&trouble.word) {
            tracing::warn!("Redis at {place}: {trouble}; until it works, nothing can be sent");
            self.logged = Some(trouble.word);
        }
    }
}
