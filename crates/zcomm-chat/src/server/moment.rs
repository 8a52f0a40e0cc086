//! The time of a command.
//!
//! A command that reads the clock itself would have another result on another server. So a command
//! gets its time with it, and the digest of its entry.

use std::time::Duration;

use time::OffsetDateTime;

use crate::envelope::Digest;

/// The time of a command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// To measure how long something lasts: the time since a fixed moment. It never goes backwards.
    pub(crate) clock: Duration,
    /// To show in messages.
    pub(crate) wall: OffsetDateTime,
    /// The digest of the entry in the log of several servers. `None` at a server alone.
    pub(crate) digest: Option<Digest>,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn at(seconds: u64) -> Moment {
        let clock = Duration::from_secs(seconds);
        Moment {
            clock,
            wall: OffsetDateTime::UNIX_EPOCH + clock,
            digest: None,
        }
    }
}
