//! The state of one connection, which its two directions share.

use std::sync::{Mutex, MutexGuard, PoisonError, atomic::AtomicBool};

use tokio::{sync::watch, time::Instant};
use zcomm_core::xray::{Decoder, Direction};

use super::{
    board::{Board, Controls},
    teller::Line,
};

/// The index of the X-ray decoder for bytes that the proxy has read.
pub(super) const BEFORE_FAULTS: usize = 0;
/// The index of the X-ray decoder for bytes that the proxy has written.
pub(super) const AFTER_FAULTS: usize = 1;
/// The first word of each printed X-ray line, by the index of its decoder.
const LABELS: [&str; 2] = ["in: ", "out:"];

pub(super) struct ProxiedConnection<'a> {
    pub(super) board: &'a Board,
    pub(super) number: u64,
    pub(super) controls: watch::Receiver<Controls>,
    pub(super) opened: Instant,
    /// Whether the server has sent its 101 response, after which frames follow.
    pub(super) upgraded: AtomicBool,
    activity: Mutex<Activity>,
    /// The decoders at the indexes [`BEFORE_FAULTS`] and [`AFTER_FAULTS`]; `None` without
    /// `--xray`.
    xray: Option<Mutex<[Decoder; 2]>>,
}

/// What has happened on a connection so far.
pub(super) struct Activity {
    /// The time at which the proxy last read a byte, from the client or the server.
    pub(super) last_byte: Instant,
    /// The number of sides that have closed their stream: 0, 1 or 2.
    pub(super) ended: usize,
    /// Whether the blackhole has begun for this connection.
    pub(super) in_blackhole: bool,
}

impl<'a> ProxiedConnection<'a> {
    /// Counts a new connection on the board, and creates the connection's state. `first` begins with
    /// the head of the request.
    pub(super) fn open(board: &'a Board, first: &[u8]) -> ProxiedConnection<'a> {
        let (number, controls) = board.open(first);
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

    pub(super) fn report(&self, event: String) {
        self.board.report(self.number, event);
    }

    /// Prints what the decoder with the index `view` finds in these bytes.
    pub(super) fn show(&self, view: usize, direction: Direction, bytes: &[u8]) {
        let Some(xray) = &self.xray else { return };
        let mut decoders = xray.lock().unwrap_or_else(PoisonError::into_inner);
        let time = self.opened.elapsed();
        decoders[view].feed(time, direction, bytes, &mut |seen| {
            self.board.print(Line::Wire(LABELS[view], Box::new(seen)));
        });
    }

    /// Prints the frames that are incomplete because the connection has ended.
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
