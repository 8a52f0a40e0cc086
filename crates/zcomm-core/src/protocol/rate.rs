//! A budget: so much per second, and a burst on top.
//!
//! One client that sends without pause costs every other client time. A budget ends that
//! client early and leaves a lively one alone: it may spend a burst at once, and earns it
//! back at a steady rate. This is the token bucket, written as the generic cell rate
//! algorithm: instead of a level that something must refill, it stores the one instant at
//! which the bucket would be full again, so it needs no timer and no memory per event.
//!
//! The budgets of one connection cannot see an attacker who opens many. Production adds
//! budgets per user and, at the edge, per network.

use std::time::Duration;

use tokio::time::Instant;

/// How much is allowed: `per_second` steadily, `burst` at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate {
    /// Units earned back each second.
    pub per_second: f64,
    /// Units that may be spent at once after a pause.
    pub burst: f64,
}

/// What may be spent, and what is left of it.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    rate: Option<Rate>,
    /// When everything is, or was, earned back.
    full_at: Instant,
}

impl Budget {
    /// A full budget; without a rate it never ends.
    pub(crate) fn new(rate: Option<Rate>) -> Budget {
        Budget {
            rate,
            full_at: Instant::now(),
        }
    }

    /// Spends `units`, or says how long to wait until they are there. What is refused
    /// costs nothing.
    ///
    /// # Errors
    /// The time until `units` could be spent.
    pub(crate) fn spend(&mut self, units: f64) -> Result<(), Duration> {
        let Some(rate) = self.rate else {
            return Ok(());
        };
        let now = Instant::now();
        let cost = Duration::from_secs_f64(units / rate.per_second);
        let room = Duration::from_secs_f64(rate.burst / rate.per_second);
        let full_at = self.full_at.max(now) + cost;
        match (full_at - now).checked_sub(room) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => {
                self.full_at = full_at;
                Ok(())
            }
        }
    }

    /// `None` while half of the burst is there; else how long until one more may be spent
    /// and leaves half. The moment to ask a client to slow down, before it has spent all.
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

    #[tokio::test(start_paused = true)]
    async fn what_is_refused_costs_nothing() {
        let mut budget = budget();
        budget.spend(21.0).unwrap_err();
        budget.spend(20.0).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_spent_half_is_told_how_long_to_wait() {
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
    fn without_a_rate_it_never_ends() {
        assert_eq!(Budget::new(None).until_half(), None);
        assert_eq!(Budget::new(None).spend(f64::MAX), Ok(()));
    }
}
