//! The sources of the messages that one connection sends: the client's mailbox, and logs.
//!
//! When the server stops, no client may miss a message that a handler has acknowledged. So each
//! connection first closes the logs that it reads. After that, no handler can append a message to
//! these logs. Then the connection sends all messages of these logs, and the Close frame last.

use std::task::Waker;

use crate::{
    clients::registry::{Membership, Stop},
    hub::{cursor::Cursor, subscriptions::Subscriptions},
};

/// A client's place in the registry, and the client's cursors in the logs.
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

    /// Once the server stops, closes the logs and returns the stop. Each call closes the logs
    /// again, because the handler may have subscribed to a new log.
    pub(crate) fn stopping(&mut self) -> Option<Stop> {
        let stop = self.membership.stopping()?.clone();
        self.logs.close();
        Some(stop)
    }
}
