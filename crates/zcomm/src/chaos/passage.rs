//! What comes in one direction, from the socket to the line: shown, disturbed, delayed.
//!
//! Latency is the same for every byte. Jitter is drawn once for each frame, from numbers that
//! a seed makes: the first frame from a server waits as long in every run, however busy the
//! machine is.
//!
//! Production has jitter without a seed, and finds its races by chance.

use std::io;

use tokio::time::Instant;
use zcomm_core::xray::Direction;

use super::{
    connection::Connection,
    disturb::{Disturbed, Out},
    faults::{Fault, Faults},
    line::{Ending, Line},
    units::Rate,
};

/// What comes in one direction, on its way to the line.
pub(super) struct Passage<'a> {
    connection: &'a Connection<'a>,
    way: Direction,
    pub(super) disturbed: Disturbed,
    pub(super) line: Line,
    random: fastrand::Rng,
    /// Of the frame that is under way, as a part of what it may be at most.
    jitter: f64,
}

impl<'a> Passage<'a> {
    pub(super) fn new(connection: &'a Connection<'a>, way: Direction) -> Passage<'a> {
        let odd = u64::from(way == Direction::ServerToClient);
        // Each direction has numbers of its own: they do not depend on who is faster.
        let seed = connection
            .board
            .seed
            .wrapping_add(2 * connection.number + odd);
        Passage {
            connection,
            way,
            disturbed: Disturbed::new(way),
            line: Line::new(),
            random: fastrand::Rng::with_seed(seed),
            jitter: 0.0,
        }
    }

    pub(super) fn came(&mut self, bytes: &[u8], faults: &Faults) {
        let connection = self.connection;
        // One time for all of them: frames that came together leave together, in one write.
        let now = Instant::now();
        connection.shared().last = now;
        connection.see(0, self.way, bytes);
        let mut out = Vec::new();
        let may_strike = &mut || connection.board.may_strike();
        self.disturbed
            .take(bytes, &connection.upgraded, faults, may_strike, &mut out);
        for out in out {
            match out {
                Out::Tell(words) => connection.tell(words),
                Out::Send { bytes, begins } => {
                    if begins {
                        self.jitter = self.random.f64();
                    }
                    self.line.push(self.due(now, faults), bytes);
                }
                Out::Cut => self.line.finish(self.due(now, faults), Ending::Cut),
                Out::Reset => self.line.finish(self.due(now, faults), Ending::Reset),
            }
        }
    }

    /// Takes what a read has brought, and says how many bytes that were.
    pub(super) fn read(&mut self, read: io::Result<usize>, piece: &[u8], faults: &Faults) -> usize {
        let ending = match read {
            Ok(0) => Ending::Fin,
            Ok(bytes) => {
                self.came(&piece[..bytes], faults);
                return bytes;
            }
            // TLS calls an end without its goodbye so; it is one.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ending::Fin,
            Err(_) => Ending::Reset,
        };
        self.connection.shared().ended += 1;
        self.line.finish(self.due(Instant::now(), faults), ending);
        0
    }

    /// So many bytes of the line have gone on.
    pub(super) fn went(&mut self, bytes: usize, bandwidth: Option<Rate>) {
        if bytes > 0 {
            let passed = &self.line.front(None)[..bytes];
            self.connection.see(1, self.way, passed);
            self.line.advance(bytes, bandwidth);
        }
    }

    /// When what comes now arrives.
    fn due(&self, now: Instant, faults: &Faults) -> Instant {
        let time = |fault| faults.time(fault, self.way).unwrap_or_default();
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

    /// When each of these frames arrives, after the first byte of the handshake.
    fn arrivals(seed: u64, number: u64) -> Vec<Duration> {
        let board = Board::new(Faults::default(), Scope::default(), seed, false);
        let (_, states) = board.open();
        let connection = Connection::new(&board, number, states);
        let mut faults = Faults::default();
        for line in ["latency 100ms", "jitter 50ms"] {
            match Command::parse(line) {
                Ok(Command::On(active)) => faults.put(active),
                other => panic!("{other:?}"),
            }
        }
        let mut passage = Passage::new(&connection, Direction::ServerToClient);
        let start = Instant::now();
        passage.came(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", &faults);
        passage.came(&b"\x81\x01a".repeat(20), &faults);
        let mut times = Vec::new();
        while let Some(due) = passage.line.due() {
            times.push(due - start);
            let bytes = passage.line.front(None).len();
            passage.went(bytes, None);
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

    /// Time passes between them here: it must not tell them apart.
    #[tokio::test]
    async fn frames_that_came_together_leave_together() {
        let board = Board::new(Faults::default(), Scope::default(), 1, false);
        let (_, states) = board.open();
        let connection = Connection::new(&board, 1, states);
        let faults = Faults::default();
        let mut passage = Passage::new(&connection, Direction::ServerToClient);
        let head = b"HTTP/1.1 101 Switching Protocols\r\n\r\n";
        passage.came(head, &faults);
        passage.went(head.len(), None);
        let frames = b"\x81\x01a".repeat(200);
        passage.came(&frames, &faults);
        assert_eq!(passage.line.front(None), frames);
    }
}
