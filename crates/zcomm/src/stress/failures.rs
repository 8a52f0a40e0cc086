//! What failed, by kind.
//!
//! Ten thousand connections fail in two or three ways; a reader wants to know which, how
//! often, and what would change it. The words come from a stranger, so the number of kinds
//! has an end.
//!
//! Production draws a line for each kind: which one rises is half of the diagnosis.

use std::collections::BTreeMap;

use zcomm_core::{ConnectError, End, Error};

/// Kinds that are told apart; the others are counted together.
const MAX_KINDS: usize = 20;

/// Failures, counted by kind.
#[derive(Default)]
pub(super) struct Failures(BTreeMap<String, Failure>);

/// One kind.
#[derive(Clone, Default)]
pub(super) struct Failure {
    pub(super) count: u64,
    pub(super) help: Option<String>,
}

impl Failures {
    fn add(&mut self, kind: String, failure: Failure) {
        let known = self.0.contains_key(&kind) || self.0.len() < MAX_KINDS;
        let kind = if known { kind } else { "other".to_owned() };
        let kind = self.0.entry(kind).or_default();
        kind.count += failure.count;
        kind.help = kind.help.take().or(failure.help);
    }

    /// A connection did not open.
    pub(super) fn not_opened(&mut self, error: &Error) {
        let help = match error {
            Error::Connect(ConnectError::Http { status: 429, .. }) => {
                Some("WEBSOCKET_MAX_CONNECTIONS_PER_IP limits what comes from one address")
            }
            Error::Connect(ConnectError::Http { status: 503, .. }) => {
                Some("WEBSOCKET_MAX_CONNECTIONS is what a server of this course takes: raise it")
            }
            _ => None,
        };
        let help = help.map(str::to_owned).or_else(|| error.help());
        self.add(error.to_string(), Failure { count: 1, help });
    }

    /// A connection was not open in time.
    pub(super) fn too_late(&mut self) {
        let help =
            Some("see the handshakes: --ramp-up spreads them, --handshakes limits them".into());
        self.add("not open in time".into(), Failure { count: 1, help });
    }

    /// A connection ended before its time.
    pub(super) fn ended(&mut self, end: &End) {
        let help = end.help().map(str::to_owned);
        self.add(end.to_string(), Failure { count: 1, help });
    }

    pub(super) fn merge(&mut self, others: Failures) {
        for (kind, failure) in others.0 {
            self.add(kind, failure);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every kind, the most frequent first.
    pub(super) fn list(&self) -> Vec<(&str, &Failure)> {
        let mut list: Vec<_> = self
            .0
            .iter()
            .map(|(kind, failure)| (kind.as_str(), failure))
            .collect();
        list.sort_by_key(|(_, failure)| std::cmp::Reverse(failure.count));
        list
    }
}

#[cfg(test)]
mod tests {
    use zcomm_core::CloseReason;

    use super::*;

    /// A server that invents a new reason each time fills no memory with them.
    #[test]
    fn the_number_of_kinds_has_an_end_and_every_failure_counts() {
        let mut failures = Failures::default();
        for code in 0..1000 {
            failures.ended(&End::ByPeer(CloseReason::new(3000 + code, "no")));
        }
        failures.too_late();
        let list = failures.list();
        assert_eq!(list.len(), MAX_KINDS + 1);
        assert_eq!((list[0].0, list[0].1.count), ("other", 1000 - 20 + 1));
        assert_eq!(
            list.iter().map(|(_, failure)| failure.count).sum::<u64>(),
            1001
        );
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
