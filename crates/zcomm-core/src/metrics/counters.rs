//! What a server counts and measures.
//!
//! A counter only grows: whoever reads it twice knows how much happened in between, and a
//! lost reading loses nothing. What has a length goes into a histogram, because an average
//! hides the one client in a hundred who waits.
//!
//! What happens for every message is counted by its connection (`tally`). Here is what
//! happens seldom: a client comes, goes, is refused, is slow. Labels are words of our own,
//! known beforehand, so no stranger can make the list longer.
//!
//! Production alerts on these: refusals by reason, slow clients, and the time to reach all.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, SystemTime},
};

use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use tokio::time::Instant;

use crate::access::refusal::Refusal;

/// Close codes that are counted by themselves (RFC 6455 section 7.4.1 and the registry it
/// opens). 1005 and 1006 are never sent: no code was given, and no Close frame came.
const CLOSE_CODES: [&str; 15] = [
    "1000", "1001", "1002", "1003", "1005", "1006", "1007", "1008", "1009", "1010", "1011", "1012",
    "1013", "1014", OTHER,
];
/// Where everything is counted that has no word of its own.
const OTHER: &str = "other";
/// A client that was refused without an answer: its handshake took too long.
pub(crate) const TIMEOUT: &str = "timeout";
/// A client that was refused without an answer: even the waiting room was full.
pub(crate) const UNHEARD: &str = "unheard";

/// All that one server counts, beside what its connections do.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) refusals: ByWord,
    pub(crate) closes: ByWord,
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
        reasons.extend([TIMEOUT, UNHEARD, OTHER]);
        Metrics {
            refusals: ByWord::new(&reasons),
            closes: ByWord::new(&CLOSE_CODES),
            slow_clients: Counter::default(),
            gaps: Counter::default(),
            heartbeats_missed: Counter::default(),
            // 0.1 s to 29 hours, …
            connection_seconds: Histogram::new(exponential_buckets(0.1, 4.0, 11)),
            // … 0.1 ms to 6.6 s, the time limit of the handshake being 5, …
            handshake_seconds: Histogram::new(exponential_buckets(1e-4, 4.0, 9)),
            // … and 10 µs to 10 s.
            fanout_seconds: Histogram::new(exponential_buckets(1e-5, 4.0, 11)),
            started: Instant::now(),
            started_at: SystemTime::now(),
        }
    }

    /// Handshakes that were refused. Who came and said nothing was not: browsers open
    /// connections that they then do not need.
    pub(crate) fn refused(&self) -> u64 {
        let answered = |word: &str| word != TIMEOUT && word != UNHEARD;
        let refusals = self.refusals.all().filter(|(word, _)| answered(word));
        refusals.map(|(_, number)| number).sum()
    }

    /// A connection has ended with this code after so long.
    pub(crate) fn closed(&self, code: u16, lasted: Duration) {
        self.closes.add(&code.to_string());
        self.connection_seconds.observe(lasted.as_secs_f64());
    }
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, number: u64) {
        // A write takes the cache line from the other cores, even if nothing changes.
        if number > 0 {
            self.0.fetch_add(number, Relaxed);
        }
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// One counter for each of some words.
#[derive(Debug)]
pub(crate) struct ByWord(Box<[(&'static str, Counter)]>);

impl ByWord {
    fn new(words: &[&'static str]) -> ByWord {
        let counters = words.iter().map(|word| (*word, Counter::default()));
        ByWord(counters.collect())
    }

    /// Counts one more of this word, or of `other`.
    pub(crate) fn add(&self, word: &str) {
        let find = |word| self.0.iter().find(|(known, _)| *known == word);
        if let Some((_, counter)) = find(word).or_else(|| find(OTHER)) {
            counter.add(1);
        }
    }

    /// Every word and its number.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().map(|(word, counter)| (*word, counter.get()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zcomm_xray::CLOSE_CODES as CLOSE_CODES_OF_THE_COURSE;

    #[test]
    fn a_code_without_a_place_of_its_own_is_counted_as_other() {
        let metrics = Metrics::new();
        for code in [1000, 1008, 1008, 4001, 4002, 999] {
            metrics.closed(code, Duration::from_secs(1));
        }
        let counted: Vec<_> = metrics.closes.all().filter(|(_, n)| *n > 0).collect();
        assert_eq!(counted, [("1000", 1), ("1008", 2), ("other", 3)]);
    }

    /// 1015 is for clients: a server whose TLS handshake failed has no connection to count.
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
    fn who_was_not_answered_is_counted_and_was_not_refused() {
        let metrics = Metrics::new();
        for word in ["origin", TIMEOUT, "host", UNHEARD] {
            metrics.refusals.add(word);
        }
        let counted = metrics.refusals.all().filter(|(_, n)| *n > 0);
        assert_eq!((counted.count(), metrics.refused()), (4, 2));
    }
}
