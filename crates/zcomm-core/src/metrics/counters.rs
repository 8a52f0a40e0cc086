//! The metrics of one server.
//!
//! A counter only grows. A monitor reads the counter every few seconds. The difference between
//! two reads is the number of events in this time. If a read fails, no event is lost: the next
//! difference is larger.
//!
//! A histogram has several ranges, the buckets, and counts the durations in each bucket. An
//! average would hide the one client in a hundred that waits long.
//!
//! Each connection counts its messages itself (`clients/tally`). This file counts rare events:
//! a client connects, leaves, is refused, or is slow.
//!
//! A label divides a metric into several counters. For example, the connections that have
//! ended have one counter for each close code. The source code lists all values of a label, so
//! a client cannot add a value.
//!
//! In production, let the monitor send an alert after many refusals, many slow clients, or
//! slow deliveries.

use std::time::{Duration, SystemTime};

use prometheus_client::metrics::{
    counter::Counter,
    histogram::{Histogram, exponential_buckets},
};
use tokio::time::Instant;

use crate::access::refusal::Refusal;

/// The close codes that have their own counter: codes of RFC 6455 section 7.4.1 and of the
/// IANA registry. Two of these codes are never in a Close frame: 1005 means a Close frame
/// without a code, and 1006 means no Close frame.
const CLOSE_CODES: [&str; 15] = [
    "1000", "1001", "1002", "1003", "1005", "1006", "1007", "1008", "1009", "1010", "1011", "1012",
    "1013", "1014", OTHER,
];
/// The label value for every code or reason that has no counter of its own.
const OTHER: &str = "other";
/// The label value for a client that got no response because its TLS handshake failed.
pub(crate) const TLS_FAILED: &str = "tls_failed";
/// The label value for a client that ended its connection before its request was complete.
pub(crate) const LEFT: &str = "left";
/// The label value for a client that got no response, because too many connections were open.
pub(crate) const DROPPED: &str = "dropped";

/// The metrics of one server, except the counters of messages.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) refusals: LabelledCounters,
    pub(crate) closes: LabelledCounters,
    pub(crate) slow_clients: Counter,
    pub(crate) gaps: Counter,
    pub(crate) heartbeats_missed: Counter,
    pub(crate) connection_seconds: Histogram,
    pub(crate) handshake_seconds: Histogram,
    pub(crate) fanout_seconds: Histogram,
    pub(crate) started: Instant,
    pub(crate) started_at: SystemTime,
}

impl Metrics {
    pub(crate) fn new() -> Metrics {
        let mut reasons = Refusal::WORDS.to_vec();
        reasons.extend([TLS_FAILED, LEFT, DROPPED, OTHER]);
        Metrics {
            refusals: LabelledCounters::new(&reasons),
            closes: LabelledCounters::new(&CLOSE_CODES),
            slow_clients: Counter::default(),
            gaps: Counter::default(),
            heartbeats_missed: Counter::default(),
            // The buckets go from 0.1 s to 29 hours.
            connection_seconds: Histogram::new(exponential_buckets(0.1, 4.0, 11)),
            // The buckets go from 0.1 ms to 6.6 s. The time limit of the handshake is 5 s.
            handshake_seconds: Histogram::new(exponential_buckets(1e-4, 4.0, 9)),
            // The buckets go from 10 µs to 10 s.
            fanout_seconds: Histogram::new(exponential_buckets(1e-5, 4.0, 11)),
            started: Instant::now(),
            started_at: SystemTime::now(),
        }
    }

    /// The number of refused requests. A connection without a request is not counted, because
    /// browsers open connections that they may never use.
    pub(crate) fn refused(&self) -> u64 {
        let silent = [Refusal::Timeout.row().word, TLS_FAILED, LEFT, DROPPED];
        let refusals = self.refusals.all();
        let refusals = refusals.filter(|(reason, _)| !silent.contains(reason));
        refusals.map(|(_, number)| number).sum()
    }

    /// Counts the end of a connection, with its close code and its duration.
    pub(crate) fn closed(&self, code: u16, lasted: Duration) {
        self.closes.add(&code.to_string());
        self.connection_seconds.observe(lasted.as_secs_f64());
    }
}

/// A metric with one counter for each label value.
#[derive(Debug)]
pub(crate) struct LabelledCounters(Box<[(&'static str, Counter)]>);

impl LabelledCounters {
    fn new(values: &[&'static str]) -> LabelledCounters {
        let counters = values.iter().map(|value| (*value, Counter::default()));
        LabelledCounters(counters.collect())
    }

    /// Adds 1 to the counter of this label value. An unknown value counts as `other`.
    pub(crate) fn add(&self, value: &str) {
        let find = |value| self.0.iter().find(|(known, _)| *known == value);
        if let Some((_, counter)) = find(value).or_else(|| find(OTHER)) {
            counter.inc();
        }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counters = self.0.iter();
        counters.map(|(value, counter)| (*value, counter.get()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zcomm_xray::CLOSE_CODES as CLOSE_CODES_OF_THE_COURSE;

    #[test]
    fn a_code_without_its_own_counter_is_counted_as_other() {
        let metrics = Metrics::new();
        for code in [1000, 1008, 1008, 4001, 4002, 999] {
            metrics.closed(code, Duration::from_secs(1));
        }
        let counted: Vec<_> = metrics.closes.all().filter(|(_, n)| *n > 0).collect();
        assert_eq!(counted, [("1000", 1), ("1008", 2), ("other", 3)]);
    }

    /// The close code 1015 means that the TLS handshake failed. Without TLS, there is no
    /// WebSocket, so a server never counts 1015.
    #[test]
    fn every_code_of_the_registry_that_can_end_a_connection_is_counted() {
        let known = CLOSE_CODES_OF_THE_COURSE.iter().map(|known| known.code);
        let known = known.filter(|code| *code < 3000 && *code != 1015);
        let known: Vec<_> = known
            .map(|code| code.to_string())
            .chain([OTHER.into()])
            .collect();
        assert_eq!(known, CLOSE_CODES);
    }

    #[test]
    fn a_client_without_a_response_is_counted_but_not_as_refused() {
        let metrics = Metrics::new();
        for reason in ["origin", "timeout", TLS_FAILED, "host", LEFT, DROPPED] {
            metrics.refusals.add(reason);
        }
        let counted = metrics.refusals.all().filter(|(_, n)| *n > 0);
        assert_eq!((counted.count(), metrics.refused()), (6, 2));
    }
}
