//! Measures the round trips of the pings of `--ping`.
//!
//! A pong has the payload of its ping (RFC 6455 section 5.5.3). So the payload of each ping is
//! a new number. The number in a pong shows which ping the pong answers.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// The client remembers at most this number of pings without a pong.
const WAITING: usize = 64;

/// The pings without a pong.
#[derive(Default)]
pub(super) struct Pings {
    number: u64,
    waiting: VecDeque<(u64, Instant)>,
}

impl Pings {
    /// Stores that a ping is sent now, and returns the payload of this ping.
    pub(super) fn next(&mut self) -> String {
        self.number += 1;
        if self.waiting.len() == WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back((self.number, Instant::now()));
        self.number.to_string()
    }

    /// Returns the time since the ping with this payload was sent. Returns `None` if no ping with
    /// this payload waits for a pong.
    pub(super) fn round_trip(&mut self, payload: &[u8]) -> Option<Duration> {
        let answers = |ping: &u64| ping.to_string().as_bytes() == payload;
        let at = self.waiting.iter().position(|(ping, _)| answers(ping))?;
        // The other side may answer only the latest ping, so forget the earlier pings too.
        let (_, sent) = self.waiting.drain(..=at).next_back()?;
        Some(sent.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pong_belongs_to_the_ping_with_its_payload() {
        let mut pings = Pings::default();
        assert_eq!(pings.next(), "1");
        tokio::time::advance(Duration::from_millis(30)).await;
        assert_eq!(pings.next(), "2");
        for other in [&b"x"[..], b"", b"+1", b"01", b" 1", b"3"] {
            assert_eq!(pings.round_trip(other), None);
        }
        assert_eq!(pings.round_trip(b"1"), Some(Duration::from_millis(30)));
        assert_eq!(pings.round_trip(b"1"), None);
        assert_eq!(pings.round_trip(b"2"), Some(Duration::ZERO));
    }
}
