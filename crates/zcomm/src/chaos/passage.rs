//! The steps between reading bytes and queueing them: X-ray, faults, delay.
//!
//! Latency is the same for every byte. Jitter is an extra random delay for each frame. With the
//! same seed, a frame gets the same delay in every run, even if the machine is busy.

use std::io;

use tokio::time::Instant;
use zcomm_core::xray::Direction;

use super::{
    connection::{AFTER_FAULTS, BEFORE_FAULTS, ProxiedConnection},
    delay_queue::{Abort, DelayQueue},
    disturb::{Disturber, Effect},
    faults::{Fault, Faults},
    units::Rate,
};
use crate::proxy::end_without_close_notify;

/// The steps between the reader and the writer of one direction.
pub(super) struct Passage<'a> {
    connection: &'a ProxiedConnection<'a>,
    direction: Direction,
    pub(super) disturber: Disturber,
    pub(super) queue: DelayQueue,
    random: fastrand::Rng,
    /// The jitter of the current frame, as a share of the largest jitter (0 to 1).
    jitter: f64,
}

impl<'a> Passage<'a> {
    pub(super) fn new(connection: &'a ProxiedConnection<'a>, direction: Direction) -> Passage<'a> {
        let odd = u64::from(direction == Direction::ServerToClient);
        // Each direction has its own random numbers. If both directions shared one generator,
        // the order of the reads would change the delays.
        let number = connection.number;
        let seed = connection.board.seed.wrapping_add(2 * number + odd);
        Passage {
            connection,
            direction,
            disturber: Disturber::new(direction),
            queue: DelayQueue::new(),
            random: fastrand::Rng::with_seed(seed),
            jitter: 0.0,
        }
    }

    /// Applies the faults to bytes that were read, and queues the result.
    pub(super) fn receive(&mut self, bytes: &[u8], faults: &Faults) {
        let connection = self.connection;
        // All frames of one read get the same time, so that they are written together.
        let now = Instant::now();
        connection.activity().last_byte = now;
        connection.show(BEFORE_FAULTS, self.direction, bytes);
        let may_break = &mut || connection.board.may_break();
        let upgraded = &connection.upgraded;
        let effects = self.disturber.feed(bytes, upgraded, faults, may_break);
        for effect in effects {
            match effect {
                Effect::Report(event) => connection.report(event),
                Effect::Send { bytes, begins } => {
                    if begins {
                        self.jitter = self.random.f64();
                    }
                    self.queue.push(self.due(now, faults), bytes);
                }
                Effect::Abort(abort) => self.queue.finish(self.due(now, faults), Err(abort)),
            }
        }
    }

    /// Handles the result of a read: bytes, an end or an error. Returns the number of bytes.
    pub(super) fn handle_read(
        &mut self,
        read: io::Result<usize>,
        buffer: &[u8],
        faults: &Faults,
    ) -> usize {
        let ending = match end_without_close_notify(read) {
            Ok(0) => Ok(()),
            Ok(bytes) => {
                self.receive(&buffer[..bytes], faults);
                return bytes;
            }
            Err(_) => Err(Abort::Reset),
        };
        self.connection.activity().ended += 1;
        self.queue.finish(self.due(Instant::now(), faults), ending);
        0
    }

    /// Removes bytes from the queue after they were written.
    pub(super) fn sent(&mut self, bytes: usize, bandwidth: Option<Rate>) {
        if bytes > 0 {
            let written = &self.queue.front(None)[..bytes];
            self.connection.show(AFTER_FAULTS, self.direction, written);
            self.queue.advance(bytes, bandwidth);
        }
    }

    /// Returns the time at which bytes that are read now may be written.
    fn due(&self, now: Instant, faults: &Faults) -> Instant {
        let time = |fault| faults.time(fault, self.direction).unwrap_or_default();
        now + time(Fault::Latency) + time(Fault::Jitter).mul_f64(self.jitter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::{
        board::{Board, Scope},
        commands::Command,
    };
    use std::time::Duration;

    /// Returns the times at which a handshake and 20 frames are due, counted from the start.
    fn arrivals(seed: u64, number: u64) -> Vec<Duration> {
        let board = Board::new(Faults::default(), Scope::default(), seed, false);
        let connections = (0..number).map(|_| ProxiedConnection::open(&board, b""));
        let connection = connections.last().unwrap();
        let mut faults = Faults::default();
        for line in ["latency 100ms", "jitter 50ms"] {
            match Command::parse(line) {
                Ok(Command::On(active)) => faults.put(active),
                other => panic!("{other:?}"),
            }
        }
        let mut passage = Passage::new(&connection, Direction::ServerToClient);
        let start = Instant::now();
        passage.receive(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", &faults);
        passage.receive(&b"\x81\x01a".repeat(20), &faults);
        let mut times = Vec::new();
        while let Some(due) = passage.queue.due() {
            times.push(due - start);
            let bytes = passage.queue.front(None).len();
            passage.sent(bytes, None);
        }
        times
    }

    #[tokio::test(start_paused = true)]
    async fn jitter_is_more_than_the_latency_and_can_be_repeated() {
        let times = arrivals(7, 1);
        let ms = Duration::from_millis;
        assert!(times.len() > 1, "all the same: {times:?}");
        assert!(times.is_sorted());
        assert!(
            times.iter().all(|time| (ms(100)..ms(150)).contains(time)),
            "{times:?}"
        );
        assert_eq!(arrivals(7, 1), times);
        assert_ne!(arrivals(8, 1), times);
        assert_ne!(arrivals(7, 2), times);
    }

    /// The proxy handles the frames of one read one by one, but must write them together.
    #[tokio::test]
    async fn frames_that_came_together_leave_together() {
        let board = Board::new(Faults::default(), Scope::default(), 1, false);
        let connection = ProxiedConnection::open(&board, b"");
        let faults = Faults::default();
        let mut passage = Passage::new(&connection, Direction::ServerToClient);
        let head = b"HTTP/1.1 101 Switching Protocols\r\n\r\n";
        passage.receive(head, &faults);
        passage.sent(head.len(), None);
        let frames = b"\x81\x01a".repeat(200);
        passage.receive(&frames, &faults);
        assert_eq!(passage.queue.front(None), frames);
    }
}
