//! Where the events of a decoder go: to the caller, or into a counter when nothing is shown.

use std::time::Duration;

use crate::{
    event::{Event, EventKind},
    frames::CheckedFrame,
    rules::{BrokenRule, Direction},
};

/// Where events go, and with what on them.
pub(crate) struct Sink<'a> {
    pub(crate) time: Duration,
    pub(crate) conn: u64,
    /// `None`: nothing is shown.
    pub(crate) see: Option<&'a mut dyn FnMut(Event)>,
    /// Frames and heads that passed unseen.
    pub(crate) hidden: u64,
    /// Takes what may be written down: bytes, and how many behind them may not.
    pub(crate) keep: Option<&'a mut Keep<'a>>,
}

/// Gets who sent it, bytes, and a number of bytes that follow them and are not told.
pub(crate) type Keep<'a> = dyn FnMut(Direction, &[u8], u64) + 'a;

impl Sink<'_> {
    pub(crate) fn keep(&mut self, from: Direction, bytes: &[u8], untold: usize) {
        if let Some(keep) = &mut self.keep {
            keep(from, bytes, untold as u64);
        }
    }

    pub(crate) fn see(
        &mut self,
        from: Option<Direction>,
        what: EventKind,
        errors: Vec<BrokenRule>,
    ) {
        let (time, conn) = (self.time, self.conn);
        match &mut self.see {
            Some(see) => see(Event {
                time,
                conn,
                from,
                what,
                errors,
            }),
            None => self.hidden += 1,
        }
    }

    pub(crate) fn frame(&mut self, from: Direction, (frame, errors): CheckedFrame) {
        self.see(Some(from), EventKind::Frame(frame), errors);
    }
}
