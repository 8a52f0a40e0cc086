//! Counts failures by kind.
//!
//! If ten thousand connections fail, there are usually only two or three kinds of failure. The
//! report says how often each kind happened, and what to change. The name of a kind may contain
//! a text from the server, so the number of kinds is limited.

use std::collections::BTreeMap;

use zcomm_core::{ConnectError, End, Error};

/// At most this number of kinds are counted apart. All other failures are counted together, as
/// "other".
const MAX_KINDS: usize = 20;

#[derive(Default)]
pub(super) struct Failures(BTreeMap<String, Failure>);

/// The failures of one kind.
#[derive(Default)]
pub(super) struct Failure {
    pub(super) count: u64,
    pub(super) help: Option<String>,
}

impl Failures {
    fn add(&mut self, kind: String, count: u64, help: Option<String>) {
        let known = self.0.contains_key(&kind) || self.0.len() < MAX_KINDS;
        let kind = if known { kind } else { "other".to_owned() };
        let kind = self.0.entry(kind).or_default();
        kind.count += count;
        kind.help = kind.help.take().or(help);
    }

    /// Counts a connection that did not open.
    pub(super) fn not_opened(&mut self, error: &Error) {
        let help = match error {
            Error::Connect(ConnectError::Http { status: 429, .. }) => {
                Some("raise WEBSOCKET_MAX_CONNECTIONS_PER_IP, the limit for one address")
            }
            Error::Connect(ConnectError::Http { status: 503, .. }) => {
                Some("raise WEBSOCKET_MAX_CONNECTIONS, if it is a server of this course")
            }
            _ => None,
        };
        let help = help.map(str::to_owned).or_else(|| error.help());
        self.add(error.to_string(), 1, help);
    }

    /// Counts a connection that was not open before the load started.
    pub(super) fn too_late(&mut self) {
        let help = "--ramp-up spreads the handshakes, --handshakes limits them";
        self.add("not open in time".into(), 1, Some(help.into()));
    }

    /// Counts a connection that ended before the run ended.
    pub(super) fn ended(&mut self, end: &End) {
        self.add(end.to_string(), 1, end.help().map(str::to_owned));
    }

    pub(super) fn merge(&mut self, others: Failures) {
        for (kind, failure) in others.0 {
            self.add(kind, failure.count, failure.help);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn total(&self) -> u64 {
        self.0.values().map(|failure| failure.count).sum()
    }

    /// Returns every kind, the most frequent first.
    pub(super) fn list(&self) -> Vec<(&String, &Failure)> {
        let mut list: Vec<_> = self.0.iter().collect();
        list.sort_by_key(|(_, failure)| std::cmp::Reverse(failure.count));
        list
    }
}

#[cfg(test)]
mod tests {
    use zcomm_core::CloseReason;

    use super::*;

    /// The list of kinds stays small, even if a server closes each connection with a new reason.
    #[test]
    fn the_number_of_kinds_is_limited_and_every_failure_counts() {
        let mut failures = Failures::default();
        for code in 0..1000 {
            failures.ended(&End::ByPeer(CloseReason::new(3000 + code, "no")));
        }
        failures.too_late();
        let list = failures.list();
        assert_eq!(list.len(), MAX_KINDS + 1);
        assert_eq!(
            (list[0].0.as_str(), list[0].1.count),
            ("other", 1000 - 20 + 1)
        );
        assert_eq!(failures.total(), 1001);
    }

    #[test]
    fn a_rate_limit_names_its_setting_and_another_rule_does_not() {
        for (reason, named) in [("Rate limit exceeded", true), ("Rate limit", false)] {
            let mut failures = Failures::default();
            failures.ended(&End::ByPeer(CloseReason::new(1008, reason)));
            let help = failures.list()[0].1.help.clone().unwrap_or_default();
            assert_eq!(help.contains("WEBSOCKET_RATE_LIMIT=off"), named, "{reason}");
        }
    }
}
