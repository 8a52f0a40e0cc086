//! The delay before the next attempt to connect.
//!
//! When Redis restarts, all servers lose their connections at the same moment. If all of them
//! connected again immediately, they would overload Redis. So each server waits after every error,
//! also after the first. The delay doubles after each error, up to two seconds. A part of the
//! delay is random, so the servers do not all connect at the same moment.

use std::time::Duration;

use tokio::time::sleep;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(2);

pub(crate) struct Backoff(Duration);

impl Backoff {
    pub(crate) fn new() -> Backoff {
        Backoff(FIRST)
    }

    /// Waits. The next call waits up to twice as long.
    pub(crate) async fn wait(&mut self) {
        sleep(self.next()).await;
    }

    fn next(&mut self) -> Duration {
        let range = self.0;
        self.0 = (2 * range).min(LONGEST);
        range.mul_f64(0.5 + 0.5 * fastrand::f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l14_the_delay_grows_from_the_first_error_to_two_seconds_and_is_random() {
        let mut backoff = Backoff::new();
        for range in [100, 200, 400, 800, 1600, 2000, 2000].map(Duration::from_millis) {
            let delay = backoff.next();
            assert!(
                delay >= range / 2 && delay <= range,
                "{delay:?} of {range:?}"
            );
        }
    }
}
