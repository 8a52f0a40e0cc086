//! The last position that the client has seen in each log.
//!
//! A log is the list of messages of a room, of the server or of the client's inbox. The server
//! numbers the messages of each log from 1. The client remembers the last number of each log. On
//! the next connection, the client resumes after this number. The client also drops a message
//! that arrives twice.
//!
//! Each log has an *epoch*. After a restart, the server uses new epochs and counts from 1 again.
//! The new numbers are smaller than the last number that the client saw. If the client ignored
//! the epoch, it would drop the new messages.

use std::collections::HashMap;

use crate::envelope::{Digest, INBOX, SERVER_LOG, Seen, Seq};

/// The name of a log. Rooms have their own variant, so a room with the name `*` is not confused
/// with the server's log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Log {
    Inbox,
    Server,
    Room(String),
}

impl Log {
    pub(crate) fn room(name: &str) -> Log {
        Log::Room(name.to_owned())
    }

    /// The log with this name in the field `room` of a gap message.
    pub(crate) fn of_gap(room: &str) -> Log {
        match room {
            INBOX => Log::Inbox,
            SERVER_LOG => Log::Server,
            room => Log::room(room),
        }
    }
}

/// A position in a log. All messages up to this position were received, or are known to be lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) epoch: String,
    /// The number of the last message.
    pub(crate) seq: u64,
    /// The digest of the last message, if it had one.
    digest: Option<Digest>,
}

impl Position {
    /// The position in the form in which the client shows it to a server.
    pub(crate) fn seen(&self) -> Seen {
        Seen {
            seq: Seq(self.seq),
            digest: self.digest,
        }
    }
}

/// The position in each log.
#[derive(Debug, Default)]
pub(crate) struct Positions(HashMap<Log, Position>);

impl Positions {
    /// The last position in a log, in any epoch; `None` for an unknown log.
    pub(crate) fn position(&self, log: &Log) -> Option<&Position> {
        self.0.get(log)
    }

    /// Whether the client has seen this log up to `seq`.
    pub(crate) fn has(&self, log: &Log, epoch: &str, seq: u64) -> bool {
        let position = self.0.get(log);
        position.is_some_and(|last| last.epoch == epoch && last.seq >= seq)
    }

    /// Moves to this position if it is new, and returns whether it is new. A position in another
    /// epoch is always new.
    pub(crate) fn advance(
        &mut self,
        log: &Log,
        epoch: &str,
        (seq, digest): (u64, Option<Digest>),
    ) -> bool {
        let is_new = !self.has(log, epoch, seq);
        if is_new {
            self.set(log, epoch, (seq, digest));
        }
        is_new
    }

    /// Moves to this position, also backwards. After a gap, the server continues exactly here.
    pub(crate) fn set(&mut self, log: &Log, epoch: &str, (seq, digest): (u64, Option<Digest>)) {
        let epoch = epoch.to_owned();
        let position = Position { epoch, seq, digest };
        self.0.insert(log.clone(), position);
    }

    /// Sets the first position in a log. An unknown log is read from its current end, the
    /// position `end`. A known log with a new epoch is read from its beginning. A known log with
    /// the same epoch keeps its position.
    pub(crate) fn begin(&mut self, log: &Log, epoch: &str, end: (u64, Option<Digest>)) {
        let first = match self.0.get(log) {
            None => end,
            Some(last) if last.epoch == epoch => return,
            Some(_) => (0, None),
        };
        self.advance(log, epoch, first);
    }

    /// Removes the position in a log, as if the client had never seen the log.
    pub(crate) fn forget(&mut self, log: &Log) {
        self.0.remove(log);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_new_once() {
        let (mut positions, lobby) = (Positions::default(), Log::room("lobby"));
        assert!(positions.advance(&lobby, "a", (7, None)));
        assert!(!positions.advance(&lobby, "a", (7, None)));
        assert!(!positions.advance(&lobby, "a", (6, None)));
        assert!(positions.advance(&lobby, "a", (8, None)));
        assert!(positions.advance(&Log::room("garden"), "a", (1, None)));
    }

    #[test]
    fn another_epoch_counts_from_its_beginning() {
        let (mut positions, lobby) = (Positions::default(), Log::room("lobby"));
        positions.advance(&lobby, "a", (7, None));
        assert!(positions.advance(&lobby, "b", (1, None)));
        assert!(!positions.has(&lobby, "a", 7));
        assert!(positions.has(&lobby, "b", 1));
        assert!(!positions.has(&lobby, "b", 2));
    }

    #[test]
    fn a_new_log_starts_at_its_end_and_a_new_epoch_at_its_beginning() {
        let mut positions = Positions::default();
        positions.begin(&Log::Server, "a", (40, None));
        assert!(!positions.advance(&Log::Server, "a", (40, None)));
        positions.begin(&Log::Server, "a", (60, None));
        assert!(
            positions.advance(&Log::Server, "a", (41, None)),
            "the same log goes on"
        );
        positions.begin(&Log::Server, "b", (5, None));
        let position = positions.position(&Log::Server).unwrap();
        assert_eq!((position.epoch.as_str(), position.seq), ("b", 0));
        assert!(positions.advance(&Log::Server, "b", (1, None)));
    }

    #[test]
    fn a_room_is_never_another_log() {
        let mut positions = Positions::default();
        for log in [Log::Server, Log::Inbox] {
            positions.begin(&log, "a", (40, None));
        }
        for name in [SERVER_LOG, INBOX] {
            assert!(
                positions.advance(&Log::room(name), "a", (1, None)),
                "{name}"
            );
            positions.forget(&Log::room(name));
            assert!(positions.has(&Log::of_gap(name), "a", 40), "{name}");
        }
    }
}
