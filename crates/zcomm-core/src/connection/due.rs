//! What the task of a connection does at a deadline.

use crate::{
    connection::{deadlines::Due, socket::Socket},
    wire::end::End,
};

impl Socket {
    /// Sends a ping, or returns how the connection ends.
    pub(super) fn on_due(&mut self, due: Due) -> Result<(), End> {
        match due {
            Due::Ping => match self.deadlines.ping(self.wire.sent()) {
                Some(payload) => self.put_frame(|wire| wire.ping(&payload)),
                None => Ok(()),
            },
            Due::PongMissing if self.deadlines.pong_may_be_late(self.wire.progress()) => Ok(()),
            Due::PongMissing => Err(self.recorder.pong_missing()),
            Due::FlushStuck => Err(self.recorder.flush_stuck()),
            Due::MessageSlow => Err(End::policy("Message too slow")),
            Due::Stop => self.stopping().map_or(Ok(()), |why| Err(End::ByUs(why))),
        }
    }
}
