//! The facts about one connection that both of its directions share.

use std::sync::{Mutex, MutexGuard, PoisonError, atomic::AtomicBool};

use tokio::{sync::watch, time::Instant};
use zcomm_core::xray::{Decoder, Direction};

use super::{
    board::{Board, Controls},
    teller::Line,
};

/// The X-ray's view of the bytes as they were read.
pub(super) const BEFORE_FAULTS: usize = 0;
/// The X-ray's view of the bytes as they were written.
pub(super) const AFTER_FAULTS: usize = 1;
/// How the printed lines of each view begin.
const LABELS: [&str; 2] = ["in: ", "out:"];

/// One connection through the proxy.
pub(super) struct ProxiedConnection<'a> {
    pub(super) board: &'a Board,
    pub(super) number: u64,
    pub(super) controls: watch::Receiver<Controls>,
    pub(super) opened: Instant,
    /// Whether the server has answered 101, so that frames follow.
    pub(super) upgraded: AtomicBool,
    activity: Mutex<Activity>,
    /// A decoder for each view.
    xray: Option<Mutex<[Decoder; 2]>>,
}

/// What has happened on a connection so far.
pub(super) struct Activity {
    /// When the last byte was read, from either side.
    pub(super) last_byte: Instant,
    /// How many of the two sides have ended.
    pub(super) ended: usize,
    /// Whether the blackhole has begun for this connection.
    pub(super) in_blackhole: bool,
}

impl<'a> ProxiedConnection<'a> {
    /// Begins the next connection of this board.
    pub(super) fn open(board: &'a Board) -> ProxiedConnection<'a> {
        let (number, controls) = board.open();
        let opened = Instant::now();
        let decoders = || Mutex::new([Decoder::new(number), Decoder::new(number)]);
        ProxiedConnection {
            board,
            number,
            controls,
            opened,
            upgraded: AtomicBool::new(false),
            activity: Mutex::new(Activity {
                last_byte: opened,
                ended: 0,
                in_blackhole: false,
            }),
            xray: board.xray.then(decoders),
        }
    }

    pub(super) fn activity(&self) -> MutexGuard<'_, Activity> {
        self.activity.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Prints what has happened.
    pub(super) fn report(&self, event: String) {
        self.board.report(self.number, event);
    }

    /// Shows bytes in one of the X-ray's views.
    pub(super) fn show(&self, view: usize, direction: Direction, bytes: &[u8]) {
        let Some(xray) = &self.xray else { return };
        let mut decoders = xray.lock().unwrap_or_else(PoisonError::into_inner);
        let time = self.opened.elapsed();
        decoders[view].feed(time, direction, bytes, &mut |seen| {
            self.board.print(Line::Wire(LABELS[view], Box::new(seen)));
        });
    }

    /// Shows the frames that the end has cut off.
    pub(super) fn show_end(&self) {
        let Some(xray) = &self.xray else { return };
        let mut decoders = xray.lock().unwrap_or_else(PoisonError::into_inner);
        let time = self.opened.elapsed();
        for (decoder, label) in decoders.iter_mut().zip(LABELS) {
            decoder.finish(time, &mut |seen| {
                self.board.print(Line::Wire(label, Box::new(seen)));
            });
        }
    }
}
