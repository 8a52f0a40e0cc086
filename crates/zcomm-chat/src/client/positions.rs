//! How far a client of the chat has seen each log.
//!
//! The server numbers what it says, from 1, in each room, in its own log and in our inbox.
//! Who keeps the last number of each can say on the next connection where to go on, and can
//! tell news from what comes a second time. A number means something only within its
//! *epoch*: a server that was started again counts from 1, and whoever compared the two
//! counts would take everything new for old.
//!
//! Production keeps this on disk, so that a client that was ended goes on, too.

use std::collections::HashMap;

/// A position: of these messages, all were seen or are known not to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    /// The run of the log in which this was counted.
    pub(crate) epoch: String,
    /// The number of the last.
    pub(crate) seq: u64,
}

/// The position in each log.
#[derive(Debug, Default)]
pub(crate) struct Positions {
    logs: HashMap<String, Position>,
}

impl Positions {
    /// The position in a log, of whatever epoch.
    pub(crate) fn position(&self, log: &str) -> Option<&Position> {
        self.logs.get(log)
    }

    /// Whether this position of the log is behind us.
    pub(crate) fn has(&self, log: &str, epoch: &str, seq: u64) -> bool {
        let position = self.logs.get(log);
        position.is_some_and(|last| last.epoch == epoch && last.seq >= seq)
    }

    /// Goes on to this position, and says whether that is news. In another epoch everything
    /// is.
    pub(crate) fn advance(&mut self, log: &str, epoch: &str, seq: u64) -> bool {
        let news = !self.has(log, epoch, seq);
        if news {
            let epoch = epoch.to_owned();
            self.logs.insert(log.to_owned(), Position { epoch, seq });
        }
        news
    }

    /// A log is there that holds so many messages. Who sees it for the first time begins at
    /// its end; who knew another epoch of it, at its beginning.
    pub(crate) fn begin(&mut self, log: &str, epoch: &str, end: u64) {
        let seq = match self.logs.get(log) {
            None => end,
            Some(last) if last.epoch == epoch => return,
            Some(_) => 0,
        };
        self.advance(log, epoch, seq);
    }

    /// As if this log had never been seen.
    pub(crate) fn forget(&mut self, log: &str) {
        self.logs.remove(log);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_a_second_time_is_no_news() {
        let mut seen = Positions::default();
        assert!(seen.advance("lobby", "a", 7));
        assert!(!seen.advance("lobby", "a", 7));
        assert!(!seen.advance("lobby", "a", 6));
        assert!(seen.advance("lobby", "a", 8));
        assert!(seen.advance("garden", "a", 1));
    }

    #[test]
    fn another_epoch_counts_anew() {
        let mut seen = Positions::default();
        seen.advance("lobby", "a", 7);
        assert!(seen.advance("lobby", "b", 1));
        assert!(!seen.has("lobby", "a", 7));
        assert!(seen.has("lobby", "b", 1));
        assert!(!seen.has("lobby", "b", 2));
    }

    #[test]
    fn a_log_begins_at_its_end_or_where_its_server_was_started_again_at_its_beginning() {
        let mut seen = Positions::default();
        seen.begin("*", "a", 40);
        assert!(!seen.advance("*", "a", 40));
        seen.begin("*", "a", 60);
        assert!(seen.advance("*", "a", 41), "the same log goes on");
        seen.begin("*", "b", 5);
        assert!(seen.advance("*", "b", 1));
    }
}
