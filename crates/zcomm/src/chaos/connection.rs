//! What the two directions of one connection share.

use std::sync::{Mutex, MutexGuard, PoisonError, atomic::AtomicBool};

use tokio::{sync::watch, time::Instant};
use zcomm_core::xray::{Direction, Session};

use super::{
    board::{Board, Controls},
    teller,
};

/// What the two directions share.
pub(super) struct Connection<'a> {
    pub(super) board: &'a Board,
    pub(super) number: u64,
    pub(super) states: watch::Receiver<Controls>,
    pub(super) opened: Instant,
    pub(super) upgraded: AtomicBool,
    shared: Mutex<Shared>,
    /// What came, and what went on.
    seen: Option<Mutex<[Session; 2]>>,
}

pub(super) struct Shared {
    /// When a byte came last, either way.
    pub(super) last: Instant,
    /// The sides that have ended.
    pub(super) ended: usize,
    /// The blackhole swallows this connection.
    pub(super) swallowed: bool,
}

impl<'a> Connection<'a> {
    pub(super) fn new(
        board: &'a Board,
        number: u64,
        states: watch::Receiver<Controls>,
    ) -> Connection<'a> {
        let opened = Instant::now();
        Connection {
            board,
            number,
            states,
            opened,
            upgraded: AtomicBool::new(false),
            shared: Mutex::new(Shared {
                last: opened,
                ended: 0,
                swallowed: false,
            }),
            seen: board
                .xray
                .then(|| Mutex::new([Session::new(number), Session::new(number)])),
        }
    }

    pub(super) fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tell(&self, words: String) {
        self.board.report(self.number, words);
    }

    /// Shows bytes: `side` 0 where they came, 1 where they go on.
    pub(super) fn see(&self, side: usize, way: Direction, bytes: &[u8]) {
        let Some(seen) = &self.seen else { return };
        let mut sessions = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let time = self.opened.elapsed();
        sessions[side].feed(time, way, bytes, &mut |seen| {
            self.board
                .tell(teller::Line::Seen(SIDES[side], Box::new(seen)));
        });
    }

    /// Shows what was not finished.
    pub(super) fn finish(&self) {
        let Some(seen) = &self.seen else { return };
        let mut sessions = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let time = self.opened.elapsed();
        for (session, side) in sessions.iter_mut().zip(SIDES) {
            session.finish(time, &mut |seen| {
                self.board.tell(teller::Line::Seen(side, Box::new(seen)));
            });
        }
    }
}

/// What is said of bytes on each side of the faults.
const SIDES: [&str; 2] = ["in: ", "out:"];
