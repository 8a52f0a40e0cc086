//! Time limits for a transfer. The end of a time limit moves while bytes are transferred.
//!
//! A slow network is not a broken network. So a peer need not transfer everything within the time
//! limit, but only 64 KiB. Each byte moves the end of the limit. With a limit of 5 s, 64 KiB move
//! the end by 5 s, and one byte moves the end by 0.08 ms. So a peer that transfers only a few
//! bytes per second cannot keep a transfer open.
//!
//! We cannot see when the peer's program reads our data. We see only when the peer's system
//! accepts our data. The system accepts data in steps: it waits until the program has read a
//! large part of the receive buffer. On Linux, a step is up to 256 KiB, so a program that reads
//! 13 KiB per second seems to stop for 20 s. So after each step, a peer gets more time, up to
//! four times the limit.

use std::time::Duration;

use tokio::time::Instant;

/// A peer must transfer this number of bytes within a time limit.
pub(crate) const PROGRESS: u64 = 64 * 1024;

/// For output, the time that is left is at most this multiple of the time limit.
const AHEAD: u32 = 4;

/// The time limit for `bytes`, if the time limit for [`PROGRESS`] bytes is `limit`.
fn share(bytes: u64, limit: Duration) -> Duration {
    limit.mul_f64(bytes as f64 / PROGRESS as f64)
}

/// Returns the time that a slow peer may need to read `bytes` before it reads a ping, at most
/// twice the limit. A ping arrives after the data that was sent before the ping.
pub(crate) fn time_to_read(bytes: u64, limit: Duration) -> Duration {
    share(bytes, limit).min(2 * limit)
}

/// The time limit for receiving a message.
#[derive(Clone, Copy)]
pub(crate) struct Input {
    pub(crate) until: Instant,
    bytes: u64,
}

impl Input {
    /// Starts a time limit. `bytes` is the number of bytes that have arrived so far.
    pub(crate) fn start(bytes: u64, limit: Duration) -> Input {
        let until = Instant::now() + limit;
        Input { until, bytes }
    }

    /// Moves the end of the time limit, because new bytes have arrived. The new end is at most
    /// `limit` from now. `bytes` is the number of all bytes that have arrived so far.
    #[must_use]
    pub(crate) fn arrived(self, bytes: u64, limit: Duration) -> Input {
        let new = share(bytes - self.bytes, limit);
        let until = (self.until + new).min(Instant::now() + limit);
        Input { until, bytes }
    }
}

/// The time limit of output that waits for the network.
#[derive(Default)]
pub(crate) struct Output {
    waiting: bool,
    /// The number of bytes that the network had accepted at the last call of `waits`.
    bytes: u64,
    /// The end of the limit, and the time of the last call of `waits` or `ended`. `None` if no
    /// output has ever waited.
    last: Option<(Instant, Instant)>,
}

impl Output {
    /// The end of the time limit. `None` while no output waits.
    pub(crate) fn until(&self) -> Option<Instant> {
        let (until, _) = self.last?;
        self.waiting.then_some(until)
    }

    /// Starts the time limit, or moves its end. Call this function whenever the network has
    /// not accepted all bytes. `bytes` is the number of bytes that the network has accepted so
    /// far.
    pub(crate) fn waits(&mut self, bytes: u64, limit: Duration) {
        let now = Instant::now();
        let new = share(bytes - self.bytes, limit);
        let until = match self.last {
            Some((until, _)) if self.waiting => until + new,
            // Output waits again after a short pause. During the pause, the peer may have read
            // earlier data. So add twice the time of the pause.
            Some((until, ended)) if now - ended < limit => until + 2 * (now - ended) + new,
            _ => now + new.max(limit),
        };
        self.last = Some((until.min(now + AHEAD * limit), now));
        (self.bytes, self.waiting) = (bytes, true);
    }

    /// Stops the time limit. Call this function when the network has accepted all bytes.
    pub(crate) fn ended(&mut self) {
        if std::mem::take(&mut self.waiting)
            && let Some((_, at)) = &mut self.last
        {
            *at = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(5);

    /// Receives `bytes` bytes every `millis` milliseconds. Returns the second at which the time
    /// limit ends the transfer. `None` if the transfer lasts two minutes.
    async fn receives(bytes: u64, millis: u64) -> Option<u64> {
        let start = Instant::now();
        let mut limit = Input::start(0, LIMIT);
        for n in 1..=120_000 / millis {
            tokio::time::advance(Duration::from_millis(millis)).await;
            if limit.until <= Instant::now() {
                return Some((limit.until - start).as_secs());
            }
            limit = limit.arrived(n * bytes, LIMIT);
        }
        None
    }

    /// Sends data to a peer, `batch` bytes at a time. The peer reads `rate` bytes per second.
    /// Its system accepts `step` bytes at a time, but at first only half a step. Returns the
    /// second at which the time limit ends the transfer. `None` if the transfer lasts ten
    /// minutes.
    async fn sends(rate: u64, step: u64, batch: u64) -> Option<u64> {
        let start = Instant::now();
        let mut limit = Output::default();
        let mut sent = 0;
        for quarter in 0..2400 {
            let taken = (quarter * rate / 4 + step / 2) / step * step;
            while sent / batch < taken / batch {
                sent = (sent / batch + 1) * batch;
                limit.ended();
                limit.waits(sent, LIMIT);
            }
            sent = taken;
            limit.waits(sent, LIMIT);
            tokio::time::advance(Duration::from_millis(250)).await;
            let until = limit.until().unwrap();
            if until <= Instant::now() {
                return Some((until - start).as_secs());
            }
        }
        None
    }

    #[tokio::test(start_paused = true)]
    async fn input_of_64_kib_within_the_limit_lives_and_a_little_less_ends() {
        assert_eq!(receives(1 << 20, 100).await, None);
        assert_eq!(receives(16 * 1024, 1000).await, None);
        assert_eq!(receives(56 * 1024, 4000).await, None);
        assert!(receives(12 * 1024, 1000).await.is_some());
        // One byte every half second does not keep a transfer open.
        assert_eq!(receives(1, 500).await, Some(5));
        assert_eq!(receives(100, 500).await, Some(5));
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_buys_no_more_than_one_limit() {
        let limit = Input::start(0, LIMIT).arrived(60 << 20, LIMIT);
        assert_eq!(limit.until, Instant::now() + LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn output_of_64_kib_within_the_limit_lives_in_small_and_large_steps() {
        for step in [1024, 16 * 1024, 64 * 1024, 128 * 1024] {
            for batch in [64 * 1024, 1 << 30] {
                for rate in [14, 16, 20, 25, 28, 35, 1000] {
                    let ended = sends(rate * 1024, step, batch).await;
                    assert_eq!(ended, None, "{rate} KiB/s by {step}, {batch}");
                }
                for rate in [2, 8, 10, 12] {
                    let ended = sends(rate * 1024, step, batch).await;
                    assert!(ended.is_some(), "{rate} KiB/s by {step}, {batch}");
                }
                assert_eq!(sends(0, step, batch).await, Some(5));
            }
        }
    }

    /// After a minute without waiting output, the time limit starts again. Then only newly
    /// accepted bytes give the peer more time.
    #[tokio::test(start_paused = true)]
    async fn a_peer_that_read_long_ago_has_no_credit() {
        let mut limit = Output::default();
        limit.waits(0, LIMIT);
        tokio::time::advance(Duration::from_secs(4)).await;
        limit.waits(PROGRESS, LIMIT);
        limit.ended();
        assert_eq!(limit.until(), None);
        tokio::time::advance(Duration::from_secs(60)).await;
        limit.waits(PROGRESS + 1, LIMIT);
        assert_eq!(limit.until(), Some(Instant::now() + LIMIT));
        limit.waits(1000 * PROGRESS, LIMIT);
        assert_eq!(limit.until(), Some(Instant::now() + 4 * LIMIT));
    }
}
