//! The time of a command.
//!
//! If a command read the clock itself, the command would have another result on each server. So
//! each command comes with its time, and with the digest of its entry in the shared log.

use std::time::Duration;

use time::OffsetDateTime;

use crate::envelope::Digest;

/// The time of a command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// The time since a fixed moment, to measure durations. It never goes back.
    pub(crate) clock: Duration,
    /// The date and time to show in messages.
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
