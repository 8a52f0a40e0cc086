//! How many messages one client may send.
//!
//! Messages use one budget. Pings and pongs use a second budget. They are not messages, but the
//! server must read them and answer each ping. A client that exceeds a budget is closed with 1008.
//!
//! A handler can wait, for example until Redis has stored a message. Then the next messages of the
//! client also wait, and the server reads them all at once. The client has sent them one by one,
//! perhaps not faster than the limit. So messages that waited get the budget of this time.

use std::time::Duration;

use tokio::time::Instant;

use crate::{protocol::rate::Budget, settings::config::Config, wire::end::End};

pub(crate) struct Budgets {
    messages: Budget,
    controls: Budget,
}

impl Budgets {
    pub(crate) fn new(config: &Config) -> Budgets {
        Budgets {
            messages: Budget::new(config.message_rate()),
            controls: Budget::new(config.control_rate()),
        }
    }

    /// Pays for a message. `waited` says whether it may have arrived before the handler asked for
    /// it.
    pub(crate) fn spend_message(&mut self, waited: bool) -> Result<(), End> {
        // From now on, pings can wait for the handler, too.
        if !waited && self.controls.is_limited() {
            self.controls.settle(Instant::now());
        }
        self.messages.spend_as(waited, 1.0).map_err(End::too_fast)
    }

    /// Pays for a ping, or for a pong that the server did not ask for.
    pub(crate) fn spend_control(&mut self, waited: bool) -> Result<(), End> {
        self.controls.spend_as(waited, 1.0).map_err(End::too_fast)
    }

    /// Returns the delay until the budget for messages and the budget `bytes` are both half full.
    /// `None` if both are at least half full now.
    pub(crate) fn until_half(&self, bytes: &Budget) -> Option<Duration> {
        self.messages.until_half().max(bytes.until_half())
    }
}
