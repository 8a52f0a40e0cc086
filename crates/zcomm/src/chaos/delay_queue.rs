//! The bytes of one direction that wait to be written, and when each may go.
//!
//! Latency: each piece has a time, and none overtakes another, as TCP promises. So a piece with a
//! longer delay delays all pieces after it (head-of-line blocking). Bandwidth: a pause after each
//! piece, as long as its bytes take to pass.
//!
//! The queue is bounded. When it is full, the proxy stops reading, and the sender has to wait
//! (backpressure). A router would drop packets instead and TCP would resend them; to an
//! application both look the same: it gets slower.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::units::Rate;

/// The most that waits in one direction (bytes).
const MAX_BYTES: usize = 1024 * 1024;
/// With a bandwidth, one write sends as many bytes as the rate allows in this time.
const SLICE: Duration = Duration::from_millis(20);

/// How a direction ends: as its sender has ended it, or broken by a fault.
pub(super) type Ending = Result<(), Abort>;

/// How a fault ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Abort {
    /// TCP ends as usual; the rest of a frame, or the Close frame, is missing.
    Cut,
    /// TCP resets.
    Reset,
}

/// The queue of one direction.
pub(super) struct DelayQueue {
    pieces: VecDeque<(Instant, VecDeque<u8>)>,
    end: Option<(Instant, Ending)>,
    /// The number of bytes that wait.
    pub(super) bytes: usize,
    /// When the last piece is due: no later piece is due before it.
    latest: Instant,
    /// When the bandwidth allows the next write.
    free: Instant,
}

impl DelayQueue {
    pub(super) fn new() -> DelayQueue {
        let now = Instant::now();
        DelayQueue {
            pieces: VecDeque::new(),
            end: None,
            bytes: 0,
            latest: now,
            free: now,
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.bytes < MAX_BYTES && self.end.is_none()
    }

    /// Adds bytes that are due at this time, or once all bytes before them are.
    pub(super) fn push(&mut self, due: Instant, bytes: Vec<u8>) {
        self.latest = self.latest.max(due);
        self.bytes += bytes.len();
        match self.pieces.back_mut() {
            // Small frames that were read together are written together.
            Some((time, last)) if *time == self.latest => last.extend(bytes),
            _ => self.pieces.push_back((self.latest, bytes.into())),
        }
    }

    /// Adds the end, after all bytes.
    pub(super) fn finish(&mut self, due: Instant, ending: Ending) {
        self.latest = self.latest.max(due);
        self.end.get_or_insert((self.latest, ending));
    }

    /// Returns when the next piece or the end is due; `None` if the queue is empty.
    pub(super) fn due(&self) -> Option<Instant> {
        match (self.pieces.front(), self.end) {
            (Some((due, _)), _) => Some((*due).max(self.free)),
            (None, Some((due, _))) => Some(due),
            (None, None) => None,
        }
    }

    /// Returns the bytes that one write may send once they are due.
    pub(super) fn front(&self, bandwidth: Option<Rate>) -> &[u8] {
        let Some((_, piece)) = self.pieces.front() else {
            return &[];
        };
        let (first, _) = piece.as_slices();
        let most = bandwidth.map_or(first.len(), |rate| rate.bytes_in(SLICE));
        &first[..most.min(first.len())]
    }

    /// Removes bytes that are written.
    pub(super) fn advance(&mut self, bytes: usize, bandwidth: Option<Rate>) {
        self.bytes -= bytes;
        if let Some((_, piece)) = self.pieces.front_mut() {
            piece.drain(..bytes);
            if piece.is_empty() {
                self.pieces.pop_front();
            }
        }
        if let Some(rate) = bandwidth {
            self.free = self.free.max(Instant::now()) + rate.takes(bytes);
        }
    }

    /// Returns the end once no bytes are left before it.
    pub(super) fn ending(&self) -> Option<Ending> {
        let (_, ending) = self.end.filter(|_| self.pieces.is_empty())?;
        Some(ending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::sleep_until;

    /// Returns all bytes, and how long they took.
    async fn drain(queue: &mut DelayQueue, bandwidth: Option<Rate>) -> (Vec<u8>, Duration) {
        let (start, mut all) = (Instant::now(), Vec::new());
        while let Some(due) = queue.due() {
            sleep_until(due).await;
            if queue.ending().is_some() {
                break;
            }
            let piece = queue.front(bandwidth).to_vec();
            queue.advance(piece.len(), bandwidth);
            all.extend(piece);
        }
        (all, start.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn no_piece_overtakes_another() {
        let (mut queue, now) = (DelayQueue::new(), Instant::now());
        let ms = Duration::from_millis;
        for (delay, bytes) in [(300, b"one "), (100, b"two "), (200, b"thr ")] {
            queue.push(now + ms(delay), bytes.to_vec());
        }
        queue.finish(now, Ok(()));
        assert_eq!(queue.ending(), None);
        let (all, took) = drain(&mut queue, None).await;
        assert_eq!(all, b"one two thr ");
        assert!(took >= ms(300) && took < ms(310), "{took:?}");
        assert_eq!(queue.ending(), Some(Ok(())));
    }

    #[tokio::test(start_paused = true)]
    async fn a_bandwidth_delays_bytes_as_long_as_they_take() {
        let mut queue = DelayQueue::new();
        queue.push(Instant::now(), vec![7; 64_000]);
        let (all, took) = drain(&mut queue, Some(Rate::parse("64kB/s").unwrap())).await;
        assert_eq!(all.len(), 64_000);
        // The last slice does not wait.
        assert!((0.97..1.01).contains(&took.as_secs_f64()), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_has_no_room() {
        let mut queue = DelayQueue::new();
        assert!(queue.has_room());
        queue.push(Instant::now(), vec![7; MAX_BYTES]);
        assert!(!queue.has_room());
        queue.advance(1, None);
        assert!(queue.has_room());
        queue.finish(Instant::now(), Err(Abort::Cut));
        assert!(!queue.has_room(), "no byte follows the end");
    }
}
