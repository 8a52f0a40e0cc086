//! The delay before the next attempt to connect.
//!
//! A server that restarts loses all its clients at once. If all clients reconnected at once, the
//! server would be overloaded. So each client waits for a *random* delay. The delay comes from a
//! range that doubles after each failure ("full jitter"). In this way, the attempts of all
//! clients are spread over time.
//!
//! With the default range of at most 30 s, a server that is down gets about four attempts a
//! minute from each client.

use std::time::Duration;

/// The first range of delays is 0 to half a second.
const FIRST: Duration = Duration::from_millis(500);

/// The delays of one client.
#[derive(Debug)]
pub(crate) struct Backoff {
    range: Duration,
    longest: Duration,
}

impl Backoff {
    /// The delays of a new client. `longest` limits each delay.
    pub(crate) fn new(longest: Duration) -> Backoff {
        let range = FIRST.min(longest);
        Backoff { range, longest }
    }

    /// Returns the next delay, and doubles the range.
    pub(crate) fn next(&mut self) -> Duration {
        let range = self.range;
        self.range = (2 * range).min(self.longest);
        range.mul_f64(random())
    }
}

/// Returns a random number from 0 to 1. Returns 0.5 if the system has no random bytes, because a
/// fixed delay is better than no delay.
fn random() -> f64 {
    let mut bytes = [0x80; 4];
    getrandom::fill(&mut bytes).ok();
    f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF_A_MINUTE: Duration = Duration::from_secs(30);

    #[test]
    fn the_range_doubles_up_to_half_a_minute() {
        let mut backoff = Backoff::new(HALF_A_MINUTE);
        let mut ranges = Vec::new();
        for _ in 0..9 {
            ranges.push(backoff.range.as_millis());
            let range = backoff.range;
            assert!(backoff.next() <= range);
        }
        let doubled = [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000];
        assert_eq!(ranges, doubled);
    }

    /// A thousand clients do not reconnect at the same moment.
    #[test]
    fn the_delays_are_spread_over_the_whole_range() {
        let waits: Vec<_> = (0..1000)
            .map(|_| Backoff::new(HALF_A_MINUTE).next().as_millis())
            .collect();
        for tenth in 0..10 {
            let within = tenth * 50..(tenth + 1) * 50_u128;
            let share = waits.iter().filter(|wait| within.contains(*wait)).count();
            assert!(
                (40..200).contains(&share),
                "{share} of 1000 in {within:?} ms"
            );
        }
    }
}
