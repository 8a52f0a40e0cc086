//! Waits for the frames of a peer. When the time is over, describes what was seen.

use tokio::time::Instant;
use zcomm_core::xray::{Event, EventKind};

use super::{
    bytes::{Frames, PING},
    case::Setting,
    link::{End, Link, Next},
    verdict::{Seen, Verdict},
};

/// The payload of the ping that asks whether a connection is open.
pub(super) const ASK: &[u8] = b"still open?";

/// Waits for the reaction to the frames of a case.
pub(super) struct Waiter<'a> {
    pub(super) link: &'a mut Link,
    pub(super) frames: &'a Frames,
    pub(super) setting: &'a Setting,
    /// The last event of the peer, to show in the report.
    pub(super) last: Option<Box<Event>>,
}

/// What a judge must look at next.
pub(super) enum Step {
    Frame(Box<Event>),
    Ended(End),
    Late,
}

impl Waiter<'_> {
    pub(super) fn until(&self) -> Instant {
        Instant::now() + self.setting.limit
    }

    /// Returns the next complete frame.
    pub(super) async fn step(&mut self, until: Instant) -> Step {
        loop {
            match self.link.next(until).await {
                Next::Event(event) => match &event.kind {
                    EventKind::Frame(frame) if frame.missing == 0 => return Step::Frame(event),
                    _ => self.last = Some(event),
                },
                Next::Ended(end) => return Step::Ended(end),
                Next::Late => return Step::Late,
            }
        }
    }

    pub(super) async fn ask(&mut self) {
        let ping = self.frames.frame(PING, ASK);
        self.link.send(&[ping], self.setting.limit).await;
    }

    pub(super) fn seen(&self, what: impl Into<String>) -> Seen {
        Seen::new(what).with(self.last.as_deref(), None)
    }

    pub(super) fn late(&self, what: &str) -> Verdict {
        let limit = self.setting.limit.as_secs_f64();
        let seen = self.seen(format!("{what} within {limit:.1} s"));
        seen.late().failed()
    }

    /// The verdict when the peer did not send `what` in time. If the peer sent another pong or
    /// another message, `wrong` is the place of the first wrong byte.
    pub(super) fn missing(&self, what: &str, wrong: Option<usize>) -> Verdict {
        let (limit, last) = (self.setting.limit.as_secs_f64(), self.last.as_deref());
        let other = if wrong.is_some() { "another" } else { "no" };
        let seen = Seen::new(format!("{other} {what} within {limit:.1} s"));
        seen.with(last, wrong).late().failed()
    }

    pub(super) fn ended(&self, end: End) -> Verdict {
        self.seen(end.words()).failed()
    }
}
