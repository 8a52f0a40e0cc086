//! Where the reader starts to read the log: at the start of the program, and after a loss.
//!
//! There are two kinds of loss. Either Redis has lost entries that this server has applied. Then
//! every server of the service must know. Or Redis has removed entries before this server has
//! read them, because this server was frozen or because a person has deleted an entry. Then only
//! this server has no complete state, and the others go on.
//!
//! A server without the complete state needs a copy. If Redis has no copy that is new enough, the
//! server asks the other servers for one: see [`ASK`]. If no server has the state any more, the
//! machine learns that earlier entries are missing.

use std::time::Duration;

use redis::pipe;
use tokio::time::Instant;

use crate::{
    entry::{ALIVE, Entry, Fields, Position},
    link::Link,
    machine::{Loss, Machine, Start},
    reader::Reader,
    snapshot,
    trouble::Trouble,
};

/// How long a server asks for a copy, besides the time limit for one answer of Redis. The server
/// asks with each sign of life.
const ASK: Duration = ALIVE.saturating_mul(4);

/// What the facts say about the newest entry: the epoch, the number and the digest.
type Newest = (Option<String>, Option<u64>, Option<String>);

impl<M: Machine> Reader<M> {
    /// Chooses where to start: after the snapshot, at the first entry, or after the newest entry.
    pub(crate) async fn start(&mut self, link: &mut Link) -> Result<(), Trouble> {
        let log = self.address.key("log");
        let mut ask = pipe();
        ask.cmd("XREVRANGE").arg(&log).arg("+").arg("-");
        ask.arg("COUNT").arg(1);
        ask.cmd("XRANGE").arg(&log).arg("-").arg("+").arg("COUNT");
        ask.arg(1);
        let (newest, oldest): (Vec<Fields>, Vec<Fields>) = link.ask(&ask).await?;
        let newest = self.position(newest)?;
        let end = newest.as_ref().map_or(0, |newest| newest.seq);
        let oldest = self.position(oldest)?;
        self.last = match M::NEEDS_ALL {
            false => newest,
            true => match self.try_snapshot(link, end).await? {
                Some(position) => Some(position),
                None if oldest
                    .as_ref()
                    .is_none_or(|oldest| self.is_complete(oldest)) =>
                {
                    self.machine.restore(Start::First, end);
                    None
                }
                None => {
                    self.wait_for_copy()?;
                    self.machine.restore(Start::Newest, end);
                    newest
                }
            },
        };
        (self.after_hole, self.asked) = (None, None);
        self.set_started(true);
        Ok(())
    }

    /// Restores the snapshot, if its entry is in this log.
    async fn try_snapshot(
        &mut self,
        link: &mut Link,
        end: u64,
    ) -> Result<Option<Position>, Trouble> {
        let Some((position, state)) = snapshot::read(link, &self.address).await? else {
            return Ok(None);
        };
        if self.has_hole_after(&position) {
            return Ok(None);
        }
        let id = format!("{}-0", position.seq);
        let mut ask = pipe();
        ask.cmd("XRANGE").arg(self.address.key("log")).arg(&id);
        ask.arg(&id);
        let (found,): (Vec<Fields>,) = link.ask(&ask).await?;
        let same = self.position(found)?.as_ref() == Some(&position);
        if same && !self.machine.restore(Start::Snapshot(&state), end) {
            let key = self.address.key("snapshot");
            return Err(Trouble::unknown("the copy of the state", &key));
        }
        Ok(same.then_some(position))
    }

    /// The position of the first of these entries, which must belong to this service.
    fn position(&mut self, entries: Vec<Fields>) -> Result<Option<Position>, Trouble> {
        let first = entries.into_iter().next();
        let Some(entry) = first.map(|fields| self.entry(fields)).transpose()? else {
            return Ok(None);
        };
        self.own_service(&entry)?;
        Ok(Some(entry.position))
    }

    /// Whether all entries after this one are in the log, as far as is known.
    fn has_hole_after(&self, position: &Position) -> bool {
        let hole = self.after_hole.as_ref();
        hole.is_some_and(|hole| hole.epoch == position.epoch && hole.seq > position.seq)
    }

    /// Whether the log has all entries since its beginning, as far as is known.
    fn is_complete(&self, oldest: &Position) -> bool {
        oldest.seq == 1 && !self.has_hole_after(oldest)
    }

    /// Waits until another server has written a copy of the state. The error ends the connection,
    /// and the reader looks for the copy again. After some time, no server has the state.
    fn wait_for_copy(&mut self) -> Result<(), Trouble> {
        let asked = self.asked.get_or_insert_with(Instant::now);
        if asked.elapsed() < ASK + self.address.limit {
            return Err(Trouble::waiting());
        }
        tracing::warn!(
            "no other server has a copy of the state, and {} does not have all entries: the \
             service begins anew",
            self.address.key("log")
        );
        Ok(())
    }

    pub(crate) fn set_started(&mut self, started: bool) {
        self.started = started;
        self.status.set_started(started);
    }

    /// Whether the log still continues from the last entry. The last entry itself may be removed.
    pub(crate) async fn continues(&mut self, link: &mut Link) -> Result<bool, Trouble> {
        let Some(last) = self.last.as_ref() else {
            return Ok(true);
        };
        let id = format!("{}-0", last.seq);
        let mut ask = pipe();
        ask.cmd("XRANGE").arg(self.address.key("log"));
        ask.arg(&id).arg(&id);
        ask.cmd("HMGET").arg(self.address.key("facts"));
        ask.arg("epoch").arg("seq").arg("digest");
        let (found, newest): (Vec<Fields>, Newest) = link.ask(&ask).await?;
        if let Some(fields) = found.into_iter().next() {
            let found = Entry::read(fields, &self.server);
            return Ok(found.is_some_and(|found| found.position == *last));
        }
        let (Some(epoch), Some(seq), Some(digest)) = newest else {
            return Ok(false);
        };
        let same = seq > last.seq || (seq == last.seq && digest == last.digest);
        Ok(epoch == last.epoch && same)
    }

    /// Starts again, because this entry does not follow the last one.
    pub(crate) async fn broken(&mut self, link: &mut Link, at: Position) -> Result<(), Trouble> {
        let loss = match self.continues(link).await? {
            true => Loss::Unread,
            false => Loss::Entries,
        };
        // The log has a hole before this entry. Without this note, a server that starts at an entry
        // before the hole would come to the hole again and again.
        self.after_hole = (loss == Loss::Unread).then_some(at);
        self.lost(link, loss).await
    }

    /// Reports a loss, and starts again.
    pub(crate) async fn lost(&mut self, link: &mut Link, loss: Loss) -> Result<(), Trouble> {
        self.set_started(false);
        self.status.lost(loss);
        self.pending.fail_all();
        self.machine.lost(loss);
        self.start(link).await
    }
}
