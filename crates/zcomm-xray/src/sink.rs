//! Passes a decoder's events to the caller. If events are not shown, only counts them.

use std::time::Duration;

use crate::{
    event::{Event, EventKind},
    rules::{BrokenRule, Direction},
};

/// Receives the output of a decoder.
pub(crate) struct Sink<'a> {
    pub(crate) time: Duration,
    pub(crate) conn: u64,
    /// Called with each event; `None` while events are not shown.
    pub(crate) on_event: Option<&'a mut dyn FnMut(Event)>,
    /// The number of events that were not shown, such as frames and heads.
    pub(crate) hidden: u64,
    /// Called with the bytes that may be recorded; `None` if there is no recording.
    pub(crate) recorder: Option<&'a mut Recorder<'a>>,
}

/// A function that receives the sender, the bytes to record, and a number. This number says how
/// many of the next bytes must not be recorded.
pub(crate) type Recorder<'a> = dyn FnMut(Direction, &[u8], u64) + 'a;

impl Sink<'_> {
    pub(crate) fn record(&mut self, from: Direction, bytes: &[u8], omitted: usize) {
        if let Some(recorder) = &mut self.recorder {
            recorder(from, bytes, omitted as u64);
        }
    }

    pub(crate) fn event(
        &mut self,
        from: Option<Direction>,
        kind: EventKind,
        errors: Vec<BrokenRule>,
    ) {
        let (time, conn) = (self.time, self.conn);
        match &mut self.on_event {
            Some(on_event) => on_event(Event {
                time,
                conn,
                from,
                kind,
                errors,
            }),
            None => self.hidden += 1,
        }
    }
}
