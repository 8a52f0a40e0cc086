//! How long to wait before the next attempt.
//!
//! A server that restarts loses all its clients in one moment, and they all come back in
//! one moment, which is when it can bear them least. So each waits a *random* time, and
//! after each failure out of a range that is twice as long ("full jitter"): the crowd
//! spreads by itself, and a server that is gone for an hour is asked twice a minute.
//!
//! Production lets the server name a time as well (`Retry-After`).

use std::time::Duration;

/// The first range: 0 to half a second.
const FIRST: Duration = Duration::from_millis(500);

/// The waits of one client.
#[derive(Debug)]
pub(crate) struct Backoff {
    range: Duration,
    longest: Duration,
}

impl Backoff {
    /// No range is longer than this.
    pub(crate) fn new(longest: Duration) -> Backoff {
        let range = FIRST.min(longest);
        Backoff { range, longest }
    }

    /// The next wait.
    pub(crate) fn next(&mut self) -> Duration {
        let range = self.range;
        self.range = (2 * range).min(self.longest);
        range.mul_f64(random())
    }
}

/// From 0 to 1. Without random bytes in the middle: all clients at once is what must not be,
/// and no wait at all would be worse.
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

    /// A thousand clients do not come back in one moment.
    #[test]
    fn the_waits_are_spread_over_the_whole_range() {
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
