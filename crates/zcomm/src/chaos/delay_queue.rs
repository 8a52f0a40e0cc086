//! A queue of bytes that wait to be written in one direction.
//!
//! For latency, each piece of data has a time at which the piece may be written. TCP keeps the
//! order of bytes, so no piece is written before an earlier piece. A piece with a longer delay
//! also delays all later pieces (head-of-line blocking).
//!
//! For a bandwidth limit, the queue pauses after each write. The pause is the time that the
//! written bytes take at the given rate.
//!
//! The queue has a size limit. When the queue is full, the proxy stops reading, and the sender
//! has to wait (backpressure). A real router would drop packets, and TCP would send them
//! again. For an application there is no difference: in both cases, the data arrives later.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::units::Rate;

/// The proxy stops reading when this many bytes wait in one direction.
const MAX_BYTES: usize = 1024 * 1024;
/// With a bandwidth limit, one write sends at most the bytes that the rate allows in this time.
const SLICE: Duration = Duration::from_millis(20);

/// How a direction ends: `Ok` if the sender ended it normally, `Err` if the connection was
/// broken.
pub(super) type Ending = Result<(), Abort>;

/// How a connection is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Abort {
    /// TCP ends normally, but a part of a frame or the Close frame is missing.
    Cut,
    /// TCP is reset.
    Reset,
}

pub(super) struct DelayQueue {
    pieces: VecDeque<(Instant, VecDeque<u8>)>,
    end: Option<(Instant, Ending)>,
    /// The number of bytes in the queue.
    pub(super) bytes: usize,
    /// The time at which the last piece may be written. A new piece may not be written earlier.
    latest: Instant,
    /// The bandwidth limit allows no write before this time.
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

    /// Adds bytes that may be written at the time `due`, but never before the earlier bytes.
    pub(super) fn push(&mut self, due: Instant, bytes: Vec<u8>) {
        self.latest = self.latest.max(due);
        self.bytes += bytes.len();
        match self.pieces.back_mut() {
            // Small frames that were read together are written together.
            Some((time, last)) if *time == self.latest => last.extend(bytes),
            _ => self.pieces.push_back((self.latest, bytes.into())),
        }
    }

    /// Adds the end of the direction, after all bytes.
    pub(super) fn finish(&mut self, due: Instant, ending: Ending) {
        self.latest = self.latest.max(due);
        self.end.get_or_insert((self.latest, ending));
    }

    /// Returns the time at which the next piece may be written. If no piece is left, returns the
    /// time at which the direction ends. Returns `None` if the queue is empty.
    pub(super) fn due(&self) -> Option<Instant> {
        match (self.pieces.front(), self.end) {
            (Some((due, _)), _) => Some((*due).max(self.free)),
            (None, Some((due, _))) => Some(due),
            (None, None) => None,
        }
    }

    /// Returns the bytes for the next write, without a check of the time. The caller must wait
    /// until the time that [`due`](Self::due) returns.
    pub(super) fn front(&self, bandwidth: Option<Rate>) -> &[u8] {
        let Some((_, piece)) = self.pieces.front() else {
            return &[];
        };
        let (first, _) = piece.as_slices();
        let most = bandwidth.map_or(first.len(), |rate| rate.bytes_in(SLICE));
        &first[..most.min(first.len())]
    }

    /// Removes bytes after they were written. With a bandwidth limit, delays the next write.
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

    /// Returns how the direction ends. Returns `None` if bytes are still in the queue, or if the
    /// direction has not ended.
    pub(super) fn ending(&self) -> Option<Ending> {
        let (_, ending) = self.end.filter(|_| self.pieces.is_empty())?;
        Some(ending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::sleep_until;

    /// Empties the queue. Returns all bytes, and the time that this took.
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
        // Less than 1 s is correct: the test does not wait for the pause after the last write.
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
