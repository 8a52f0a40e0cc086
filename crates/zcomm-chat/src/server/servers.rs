//! The list of the servers of a chat that run.
//!
//! A server that stops says goodbye. A server that is killed cannot say goodbye, and its people
//! would stay in the rooms for ever. So each server measures the time since the last entry of each
//! other server. A running server appends an entry at least every two seconds.
//!
//! While Redis cannot be reached, no server can append an entry, although all servers run. So the
//! time between two entries counts as three seconds at most.
//!
//! All servers read the same entries with the same times, so all of them remove the same people at
//! the same entry.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A server is gone if it has appended no entry for this long (milliseconds).
const GONE: u64 = 8000;
/// A longer time between two entries counts as this time (milliseconds).
const PAUSE: u64 = 3000;

/// The servers that run. `heard` has the value of `flow` at the last entry of each server.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Servers {
    /// The sum of the times between entries that count (milliseconds).
    flow: u64,
    /// The time of the last entry, by the clock of Redis.
    last: u64,
    heard: BTreeMap<String, u64>,
}

impl Servers {
    /// Records the time of an entry of `server`. Returns the servers that are gone.
    pub(crate) fn heard(&mut self, server: &str, time: u64) -> Vec<String> {
        if self.last > 0 {
            self.flow += time.saturating_sub(self.last).min(PAUSE);
        }
        self.last = time;
        self.heard.insert(server.to_owned(), self.flow);
        let is_gone = |heard: &u64| self.flow - heard > GONE;
        let gone = self.heard.iter().filter(|(_, heard)| is_gone(heard));
        let gone: Vec<_> = gone.map(|(server, _)| server.clone()).collect();
        for server in &gone {
            self.heard.remove(server);
        }
        gone
    }

    /// Removes a server that has said goodbye.
    pub(crate) fn stopped(&mut self, server: &str) {
        self.heard.remove(server);
    }

    /// The time of the last entry (milliseconds).
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// The number of servers that run.
    pub(crate) fn count(&self) -> usize {
        self.heard.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_gone_after_eight_seconds_without_an_entry() {
        let mut servers = Servers::default();
        assert_eq!(servers.heard("a", 1_000_000), [""; 0]);
        for second in (0..=8).step_by(2) {
            assert_eq!(servers.heard("b", 1_000_000 + second * 1000), [""; 0]);
        }
        assert_eq!(servers.count(), 2);
        assert_eq!(servers.heard("b", 1_008_001), ["a"]);
        assert_eq!(servers.heard("a", 1_008_002), [""; 0], "it has come back");
        assert_eq!(servers.count(), 2);
    }

    #[test]
    fn a_pause_of_redis_makes_no_server_gone() {
        let mut servers = Servers::default();
        servers.heard("a", 1000);
        servers.heard("b", 1000);
        assert_eq!(servers.heard("b", 600_000), [""; 0]);
        assert_eq!(servers.heard("b", 602_000), [""; 0]);
        assert_eq!(servers.heard("a", 604_000), [""; 0]);
    }
}
