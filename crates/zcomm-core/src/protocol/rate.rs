//! A rate limit: a number of units per second, and a burst (many units at once). A unit is,
//! for example, a message, a ping or a byte.
//!
//! A client that sends without a pause uses processor time that all other clients need. So
//! each client has a budget. A budget allows a burst, and refills at a steady rate.
//!
//! A budget that refills at a steady rate is called a token bucket. This file uses the generic
//! cell rate algorithm, which stores only the time at which the budget will be full again. So a
//! budget needs no timer, and no memory for each unit.
//!
//! A budget for each connection does not stop an attacker that opens many connections. In
//! production, add a budget for each user. Let the proxy add a budget for each network.

use std::time::Duration;

use tokio::time::Instant;

/// A limit: `per_second` units in every second, and `burst` units at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate {
    /// Units that return to the budget each second.
    pub per_second: f64,
    /// Units that may be spent at once, after a pause.
    pub burst: f64,
}

/// The number of units that are left under a rate limit.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    rate: Option<Rate>,
    /// The time at which the budget is full again. For a full budget, this time is in the past.
    full_at: Instant,
}

impl Budget {
    /// Makes a full budget. If `rate` is `None`, the budget has no limit.
    pub(crate) fn new(rate: Option<Rate>) -> Budget {
        Budget {
            rate,
            full_at: Instant::now(),
        }
    }

    /// Spends `units`.
    ///
    /// # Errors
    /// If too few units are left. Then no unit is spent, and the error is the delay after which
    /// `units` can be spent.
    pub(crate) fn spend(&mut self, units: f64) -> Result<(), Duration> {
        let Some(rate) = self.rate else {
            return Ok(());
        };
        let now = Instant::now();
        self.settle(now);
        self.spend_at(rate, units, now)
    }

    /// Spends `units` for something that has waited for us. It may have arrived at any time since
    /// the last call, or since this budget was made. So the budget grows for all of this time, also
    /// beyond the burst. In the long run, this allows no more than the rate.
    ///
    /// # Errors
    /// Like [`spend`](Budget::spend).
    fn spend_waiting(&mut self, units: f64) -> Result<(), Duration> {
        match self.rate {
            Some(rate) => self.spend_at(rate, units, Instant::now()),
            None => Ok(()),
        }
    }

    /// Spends `units` for something that has `waited` for us, or that has just arrived.
    ///
    /// # Errors
    /// Like [`spend`](Budget::spend).
    pub(crate) fn spend_as(&mut self, waited: bool, units: f64) -> Result<(), Duration> {
        match waited {
            true => self.spend_waiting(units),
            false => self.spend(units),
        }
    }

    /// Whether this budget has a limit.
    pub(crate) fn is_limited(&self) -> bool {
        self.rate.is_some()
    }

    /// Takes away what is more than the burst.
    pub(crate) fn settle(&mut self, now: Instant) {
        self.full_at = self.full_at.max(now);
    }

    fn spend_at(&mut self, rate: Rate, units: f64, now: Instant) -> Result<(), Duration> {
        let cost = Duration::from_secs_f64(units / rate.per_second);
        let burst = Duration::from_secs_f64(rate.burst / rate.per_second);
        let full_at = self.full_at + cost;
        match full_at.saturating_duration_since(now).checked_sub(burst) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => {
                self.full_at = full_at;
                Ok(())
            }
        }
    }

    /// Returns `None` while at least half of the burst is left. Otherwise returns a delay.
    /// After this delay, one unit can be spent, and half of the burst is still left. So the
    /// server can ask the client to wait before the budget is empty.
    pub(crate) fn until_half(&self) -> Option<Duration> {
        let half = self.rate?.burst / 2.0;
        self.clone().spend(half).err()?;
        self.clone().spend(half + 1.0).err()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget() -> Budget {
        Budget::new(Some(Rate {
            per_second: 10.0,
            burst: 20.0,
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_allowed_and_then_the_rate() {
        let mut budget = budget();
        for _ in 0..20 {
            budget.spend(1.0).unwrap();
        }
        let wait = budget.spend(1.0).unwrap_err();
        assert_eq!(wait, Duration::from_millis(100));
        tokio::time::advance(wait).await;
        budget.spend(1.0).unwrap();
        budget.spend(1.0).unwrap_err();
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_earns_no_more_than_the_burst() {
        let mut budget = budget();
        budget.spend(20.0).unwrap();
        tokio::time::advance(Duration::from_secs(3600)).await;
        budget.spend(20.0).unwrap();
        budget.spend(1.0).unwrap_err();
    }

    /// Units that came one by one, at the allowed rate, and that are all counted later.
    #[tokio::test(start_paused = true)]
    async fn units_that_have_waited_for_us_are_allowed_at_their_rate() {
        let mut budget = budget();
        budget.spend(20.0).unwrap();
        tokio::time::advance(Duration::from_secs(6)).await;
        for _ in 0..60 {
            budget.spend_waiting(1.0).unwrap();
        }
        budget.spend_waiting(1.0).unwrap_err();
        // A later unit gives no right to the time before.
        tokio::time::advance(Duration::from_secs(6)).await;
        budget.spend(20.0).unwrap();
        budget.spend(1.0).unwrap_err();
        budget.spend_waiting(1.0).unwrap_err();
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_unit_is_not_spent() {
        let mut budget = budget();
        budget.spend(21.0).unwrap_err();
        budget.spend(20.0).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_has_spent_half_gets_a_delay() {
        let mut budget = budget();
        budget.spend(10.0).unwrap();
        assert_eq!(budget.until_half(), None);
        budget.spend(2.0).unwrap();
        assert_eq!(budget.until_half(), Some(Duration::from_millis(300)));
        tokio::time::advance(Duration::from_millis(300)).await;
        budget.spend(1.0).unwrap();
        assert_eq!(budget.until_half(), None);
    }

    #[test]
    fn without_a_rate_there_is_no_limit() {
        assert_eq!(Budget::new(None).until_half(), None);
        assert_eq!(Budget::new(None).spend(f64::MAX), Ok(()));
    }
}
