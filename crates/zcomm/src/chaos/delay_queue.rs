//! What is on its way in one direction, and when it may arrive.
//!
//! Latency is a queue: each piece has a time, and nothing overtakes, as TCP promises; so a
//! piece that is delayed longer delays all behind it, which is called head-of-line blocking.
//! Bandwidth is a pause behind each piece, as long as it would take to pass.
//!
//! The queue is bounded, and then nothing more is read, so that the sender has to wait
//! (backpressure). A router in its place throws away what finds no room, and TCP sends it
//! again; for whoever looks from above the two are the same: it gets slower.
//!
//! Production has one such queue in every box on the way, and mostly too long a one.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::units::Rate;

/// What may be on its way in one direction (bytes).
const ROOM: usize = 1024 * 1024;
/// So long is what passes at once, where there is a bandwidth.
const SLICE: Duration = Duration::from_millis(20);

/// How it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// As the sender ended it.
    Fin,
    /// Without what was to come.
    Cut,
    Reset,
}

/// One direction.
pub(super) struct Line {
    pieces: VecDeque<(Instant, Vec<u8>)>,
    end: Option<(Instant, Ending)>,
    /// Of the first piece so much has passed.
    passed: usize,
    bytes: usize,
    /// When the last piece is due: none behind it is earlier.
    latest: Instant,
    /// When the bandwidth lets something pass again.
    free: Instant,
}

impl Line {
    pub(super) fn new() -> Line {
        let now = Instant::now();
        Line {
            pieces: VecDeque::new(),
            end: None,
            passed: 0,
            bytes: 0,
            latest: now,
            free: now,
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.bytes < ROOM && self.end.is_none()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// These bytes arrive then, or when all before them have.
    pub(super) fn push(&mut self, due: Instant, mut bytes: Vec<u8>) {
        self.latest = self.latest.max(due);
        self.bytes += bytes.len();
        match self.pieces.back_mut() {
            // Many small frames that came together leave together.
            Some((time, last)) if *time == self.latest => last.append(&mut bytes),
            _ => self.pieces.push_back((self.latest, bytes)),
        }
    }

    /// The end comes behind all of it.
    pub(super) fn finish(&mut self, due: Instant, ending: Ending) {
        self.latest = self.latest.max(due);
        self.end.get_or_insert((self.latest, ending));
    }

    /// When something can be done next; `None` when nothing is on its way.
    pub(super) fn due(&self) -> Option<Instant> {
        match (self.pieces.front(), self.end) {
            (Some((due, _)), _) => Some((*due).max(self.free)),
            (None, Some((due, _))) => Some(due),
            (None, None) => None,
        }
    }

    /// What may pass at once, when it is due.
    pub(super) fn front(&self, bandwidth: Option<Rate>) -> &[u8] {
        let Some((_, piece)) = self.pieces.front() else {
            return &[];
        };
        let rest = &piece[self.passed..];
        let most = bandwidth.map_or(rest.len(), |rate| rate.bytes_in(SLICE));
        &rest[..most.min(rest.len())]
    }

    /// So many bytes have passed.
    pub(super) fn advance(&mut self, bytes: usize, bandwidth: Option<Rate>) {
        self.bytes -= bytes;
        self.passed += bytes;
        if self
            .pieces
            .front()
            .is_some_and(|(_, piece)| piece.len() == self.passed)
        {
            self.pieces.pop_front();
            self.passed = 0;
        }
        if let Some(rate) = bandwidth {
            self.free = self.free.max(Instant::now()) + rate.takes(bytes);
        }
    }

    /// The end, when nothing is before it any more.
    pub(super) fn ending(&self) -> Option<Ending> {
        let (_, ending) = self.end.filter(|_| self.pieces.is_empty())?;
        Some(ending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::sleep_until;

    /// Everything, and how long it took.
    async fn drain(line: &mut Line, bandwidth: Option<Rate>) -> (Vec<u8>, Duration) {
        let (start, mut all) = (Instant::now(), Vec::new());
        while let Some(due) = line.due() {
            sleep_until(due).await;
            if line.ending().is_some() {
                break;
            }
            let piece = line.front(bandwidth).to_vec();
            line.advance(piece.len(), bandwidth);
            all.extend(piece);
        }
        (all, start.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_overtakes_what_was_before_it() {
        let (mut line, now) = (Line::new(), Instant::now());
        let ms = Duration::from_millis;
        for (delay, bytes) in [(300, b"one "), (100, b"two "), (200, b"thr ")] {
            line.push(now + ms(delay), bytes.to_vec());
        }
        line.finish(now, Ending::Fin);
        assert_eq!(line.ending(), None);
        let (all, took) = drain(&mut line, None).await;
        assert_eq!(all, b"one two thr ");
        assert!(took >= ms(300) && took < ms(310), "{took:?}");
        assert_eq!(line.ending(), Some(Ending::Fin));
    }

    #[tokio::test(start_paused = true)]
    async fn a_bandwidth_is_the_time_that_bytes_take() {
        let mut line = Line::new();
        line.push(Instant::now(), vec![7; 64_000]);
        let (all, took) = drain(&mut line, Some(Rate::parse("64kB/s").unwrap())).await;
        assert_eq!(all.len(), 64_000);
        // The last slice does not wait.
        assert!((0.97..1.01).contains(&took.as_secs_f64()), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn when_it_is_full_nothing_more_is_read() {
        let mut line = Line::new();
        assert!(line.has_room());
        line.push(Instant::now(), vec![7; ROOM]);
        assert!(!line.has_room());
        line.advance(1, None);
        assert!(line.has_room());
        line.finish(Instant::now(), Ending::Cut);
        assert!(!line.has_room(), "behind the end nothing comes");
    }
}
