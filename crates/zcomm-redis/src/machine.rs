//! What a server does with the entries of the log.

use crate::entry::Entry;

/// This version of the program does not know the content of an entry. The state has not changed.
///
/// The server must not skip the entry. Other servers may know the entry, and would then have
/// another state. So the server stops at the entry and logs the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown;

/// The state of a server, which changes only by entries of the log.
///
/// Every server applies the same entries in the same order, and must come to the same state. So
/// `apply` must use only the state and the entry: no clock, no random number, and nothing that
/// another server does not know.
pub trait Machine: Send + 'static {
    /// The result of an entry. On the server that appended the entry, the sender gets it.
    type Outcome: Send + 'static;

    /// Whether the state depends on all entries since the start of the log. If `false`, a new
    /// server reads only the entries that are appended after its start.
    const NEEDS_ALL: bool = false;

    /// Applies the next entry. Every server calls this for each entry, in order.
    ///
    /// # Errors
    /// [`Unknown`] if the entry is from another program or from a newer version. The next call
    /// gets the same entry again.
    fn apply(&mut self, entry: &Entry) -> Result<Self::Outcome, Unknown>;

    /// Called when this server does not know the next entry and cannot read on. Its clients miss
    /// all later entries.
    fn stuck(&mut self) {}

    /// Called when the log does not continue from the last entry.
    fn lost(&mut self, loss: Loss);

    /// The state as bytes, to store in Redis. The log does not keep the oldest entries, so a server
    /// that starts later needs this copy. `None` if this server does not have the whole state.
    fn snapshot(&self) -> Option<Vec<u8>> {
        None
    }

    /// Sets the state at the start and after a loss, if [`Machine::NEEDS_ALL`] is true. The newest
    /// entry of the log has the number `end`. Returns `false` if this version of the program does
    /// not know the snapshot.
    fn restore(&mut self, from: Start<'_>, end: u64) -> bool {
        let _ = (from, end);
        true
    }
}

/// Why the log does not continue from the last entry of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Redis has lost entries that this server had applied. Other servers may never read them.
    Entries,
    /// Redis has removed entries before this server read them. Other servers may have read them.
    Unread,
}

/// Where a machine starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start<'a> {
    /// With the first entry of the log.
    First,
    /// With this snapshot, and the entries after it.
    Snapshot(&'a [u8]),
    /// After the newest entry. Entries before it are missing, and no other server has a copy of the
    /// state.
    Newest,
}
