//! The reader: it reads the log in order and applies each entry.
//!
//! The reader asks for entries after its last entry. An empty answer does not always mean that the
//! log has no new entries. After a loss in Redis, new entries can have smaller numbers than the
//! reader's last entry. Then the reader does not get them.
//!
//! So the reader reads its last entry again on every new connection and after every empty answer.
//! If the log does not continue from that entry, the reader reports a loss and starts again: see
//! `start`. Each new entry also contains the digest of the entry before it, and the reader compares
//! it.
//!
//! Waiting for an entry blocks the connection. So the reader has a connection of its own.

use std::{convert::Infallible, sync::Arc, time::Duration};

use redis::{Value, pipe};
use tokio::time::Instant;

use crate::{
    backoff::Backoff,
    entry::{Entry, Fields, Position},
    link::{Address, Link, within},
    machine::{Loss, Machine},
    neighbours::Neighbours,
    pending::Pending,
    snapshot::Snapshots,
    status::Status,
    trouble::Trouble,
};

/// Redis answers after this time if there is no new entry.
const BLOCK: Duration = Duration::from_secs(2);
/// The most entries that are read at once.
const BATCH: usize = 64;

pub(crate) struct Reader<M: Machine> {
    pub(crate) address: Address,
    pub(crate) server: Arc<str>,
    pub(crate) machine: M,
    pub(crate) pending: Pending<M::Outcome>,
    pub(crate) status: Arc<Status>,
    /// Whether to check for lost entries. Only a test that shows what gets lost sets `false`.
    pub(crate) checks: bool,
    pub(crate) neighbours: Neighbours,
    /// The last entry that was applied; `None` before the first entry of a log.
    pub(crate) last: Option<Position>,
    pub(crate) snapshots: Snapshots,
    /// Whether the reader has chosen where to start. `false` before the first connection and after
    /// a loss.
    pub(crate) started: bool,
    /// The first entry after a hole in the log; `None` if no hole is known.
    pub(crate) after_hole: Option<Position>,
    /// Since when this server asks the other servers for a copy of the state.
    pub(crate) asked: Option<Instant>,
    /// Whether this program does not know the next entry, and has told the machine so.
    pub(crate) stuck: bool,
}

/// The answer of `XREAD`: the name and the entries of each log; `None` if there is no new entry.
type Entries = Option<Vec<(String, Vec<Fields>)>>;

impl<M: Machine> Reader<M> {
    /// Reads for ever. After an error, connects again.
    pub(crate) async fn run(mut self) -> Infallible {
        let mut backoff = Backoff::new();
        loop {
            let Err(trouble) = self.read(&mut backoff).await;
            if !trouble.is_waiting() {
                // The other servers could not answer meanwhile.
                self.asked = None;
            }
            self.status.reader(Err(trouble));
            backoff.wait().await;
        }
    }

    /// Reads until an error.
    async fn read(&mut self, backoff: &mut Backoff) -> Result<Infallible, Trouble> {
        let mut link = self.address.connect().await?;
        self.check(&mut link).await?;
        let mut wait = Duration::ZERO;
        loop {
            let entries = self.next(&mut link, wait).await?;
            wait = BLOCK;
            // Only now it is clear that the user of Redis may read. A server that does not know the
            // next entry is not healthy, although it can read.
            if !self.stuck {
                *backoff = Backoff::new();
                self.status.reader(Ok(()));
            }
            if entries.is_empty() {
                self.check(&mut link).await?;
            }
            for entry in entries {
                if self.checks && !entry.follows(self.last.as_ref()) {
                    self.broken(&mut link, entry.position).await?;
                    break;
                }
                self.apply(entry)?;
            }
            self.stuck = false;
        }
    }

    /// Waits for the next entries. Returns an empty list if none comes within this time.
    async fn next(&mut self, link: &mut Link, wait: Duration) -> Result<Vec<Entry>, Trouble> {
        let after = self.last.as_ref().map_or(0, |last| last.seq);
        let mut read = redis::cmd("XREAD");
        read.arg("COUNT").arg(BATCH);
        // For Redis, `BLOCK 0` means to wait for ever.
        if !wait.is_zero() {
            read.arg("BLOCK").arg(wait.as_millis() as u64);
        }
        read.arg("STREAMS").arg(self.address.key("log"));
        read.arg(format!("{after}-0"));
        let answer = read.query_async::<Entries>(&mut link.commands);
        // If no answer comes in this time, not even an empty answer, Redis is frozen or cut off.
        let watchdog = wait + 3 * self.address.limit;
        let logs = within(watchdog, answer).await?.unwrap_or_default();
        let entries = logs.into_iter().flat_map(|(_, entries)| entries);
        entries.map(|fields| self.entry(fields)).collect()
    }

    pub(crate) fn entry(&mut self, fields: Fields) -> Result<Entry, Trouble> {
        let id = fields.0.clone();
        Entry::read(fields, &self.server).ok_or_else(|| self.unknown(&id))
    }

    fn unknown(&mut self, id: &str) -> Trouble {
        if !std::mem::replace(&mut self.stuck, true) {
            self.machine.stuck();
        }
        // Shorten and escape the id, because it can be any text.
        let id: String = id.chars().take(40).collect();
        let entry = format!("the entry {}", id.escape_debug());
        Trouble::unknown(&entry, &self.address.key("log"))
    }

    /// Refuses an entry of another service. Then the reader chooses again where to start.
    pub(crate) fn own_service(&mut self, entry: &Entry) -> Result<(), Trouble> {
        let own = self.address.service();
        if entry.service == own {
            return Ok(());
        }
        let taken = Trouble::taken(&entry.service, own);
        self.set_started(false);
        Err(taken)
    }

    fn apply(&mut self, entry: Entry) -> Result<(), Trouble> {
        self.own_service(&entry)?;
        let Ok(outcome) = self.machine.apply(&entry) else {
            return Err(self.unknown(&format!("{}-0", entry.position.seq)));
        };
        self.status.read(&entry);
        self.neighbours.heard(&entry);
        if M::NEEDS_ALL
            && self.snapshots.due(&entry)
            && let Some(state) = self.machine.snapshot()
        {
            self.snapshots.write(&self.address, &entry.position, state);
        }
        if entry.own {
            self.pending.resolve(entry.number, outcome);
        }
        self.last = Some(entry.position);
        Ok(())
    }

    /// Reads the last entry again, and compares its position. Also checks that this Redis is the
    /// master: a replica that is cut off from its master never has a new entry.
    async fn check(&mut self, link: &mut Link) -> Result<(), Trouble> {
        let (role,): (Value,) = link.ask(pipe().cmd("ROLE")).await?;
        let master = Value::BulkString(b"master".to_vec());
        if !matches!(&role, Value::Array(role) if role.first() == Some(&master)) {
            return Err(Trouble::replica());
        }
        if !self.started {
            return self.start(link).await;
        }
        if self.checks && !self.continues(link).await? {
            self.lost(link, Loss::Entries).await?;
        }
        Ok(())
    }
}
