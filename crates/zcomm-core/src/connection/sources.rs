//! The sources of what one connection sends: the logs that it reads, and the stop of the server.
//!
//! When the server stops, no client may miss a message that a handler has acknowledged. So a
//! connection that learns of the stop first closes the logs that it reads. From then on, no handler
//! can append a message to them. What the logs have is all that was acknowledged, and the
//! connection sends it before the Close frame.

use std::task::Waker;

use crate::{
    clients::registry::Membership,
    hub::{cursor::Cursor, subscriptions::Subscriptions},
    protocol::close_reason::CloseReason,
};

/// A client's place in the registry, and its cursors.
pub(crate) struct Sources {
    pub(crate) membership: Membership,
    pub(crate) logs: Subscriptions,
}

impl Sources {
    pub(crate) fn new(membership: Membership, cursor: Cursor) -> Sources {
        Sources {
            membership,
            logs: Subscriptions::new(cursor),
        }
    }

    /// Sets the waker that each new message calls.
    pub(crate) fn set_waker(&mut self, waker: &Waker) {
        self.membership.client.set_waker(waker);
        self.logs.forget_waker();
    }

    /// Returns the reason to close once the server stops, and closes the logs. A handler may have
    /// subscribed to a new log, so each call closes the logs.
    pub(crate) fn stopping(&mut self) -> Option<CloseReason> {
        let why = self.membership.stopping()?.clone();
        self.logs.close();
        Some(why)
    }
}
