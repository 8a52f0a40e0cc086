//! What a server does with the entries of the log.

use crate::entry::Entry;

/// This version of the program does not know the content of an entry. The state has not changed.
///
/// Other servers may know it, so to skip the entry would be wrong: this server would then have
/// another state than the others. It stops reading instead, and says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown;

/// The state of a server, which changes only by entries of the log.
///
/// Every server applies the same entries in the same order. For all servers to come to the same
/// state, `apply` must use only the state and the entry: no clock, no random number, and nothing
/// that another server does not know.
pub trait Machine: Send + 'static {
    /// The result of an entry. The server that appended the entry gets it.
    type Outcome: Send + 'static;

    /// Whether the state follows from all entries since the start of the log. Otherwise a server
    /// starts with the newest entry.
    const NEEDS_ALL: bool = false;

    /// Applies the next entry. Every server calls this for each entry, once and in order.
    ///
    /// # Errors
    /// [`Unknown`] if the entry is from another program or from a newer version. The next call has
    /// the same entry again.
    fn apply(&mut self, entry: &Entry) -> Result<Self::Outcome, Unknown>;

    /// This server does not read on, because it does not know an entry. Its clients miss what the
    /// others do.
    fn stuck(&mut self) {}

    /// Redis has lost entries that this server had read, or has removed entries that this server
    /// had not read. The next entries do not follow the entries before.
    fn lost(&mut self);

    /// The state, to write it to Redis. A server that starts later reads it, because the log does
    /// not keep the oldest entries.
    fn snapshot(&self) -> Option<Vec<u8>> {
        None
    }

    /// Starts again, before the first entry and after a loss. The newest entry of the log has the
    /// number `end`. Returns `false` if this version of the program does not know the snapshot.
    fn restore(&mut self, from: Start<'_>, end: u64) -> bool {
        let _ = (from, end);
        true
    }
}

/// Where a machine starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start<'a> {
    /// With the first entry of the log.
    First,
    /// After the entry of this snapshot.
    Snapshot(&'a [u8]),
    /// After the newest entry. Entries before it are missing.
    Newest,
}
