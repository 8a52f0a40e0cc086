//! What a server does with the entries of the log.

use crate::entry::Entry;

/// The state of a server, which changes only by entries of the log.
///
/// Every server applies the same entries in the same order. For all servers to come to the same
/// state, `apply` must use only the state and the entry: no clock, no random number, and nothing
/// that another server does not know.
pub trait Machine: Send + 'static {
    /// The result of an entry. The server that appended the entry gets it.
    type Outcome: Send + 'static;

    /// Applies the next entry. Every server calls this for each entry, once and in order.
    fn apply(&mut self, entry: &Entry) -> Self::Outcome;

    /// Redis has lost entries that this server had read, or has removed entries that this server
    /// had not read. The next entries do not follow the entries before.
    fn lost(&mut self);
}
