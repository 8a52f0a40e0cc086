//! How many messages one client may send.
//!
//! Messages use one budget. Pings and pongs use a second budget. They are not messages, but the
//! server must read them and answer each ping. A client that exceeds a budget is closed with 1008.

use std::time::Duration;

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

    pub(crate) fn spend_message(&mut self) -> Result<(), End> {
        self.messages.spend(1.0).map_err(End::too_fast)
    }

    /// Pays for a ping, or for a pong that the server did not ask for.
    pub(crate) fn spend_control(&mut self) -> Result<(), End> {
        self.controls.spend(1.0).map_err(End::too_fast)
    }

    /// Returns the delay until the budget for messages and the budget `bytes` are both half full.
    /// `None` if both are at least half full now.
    pub(crate) fn until_half(&self, bytes: &Budget) -> Option<Duration> {
        self.messages.until_half().max(bytes.until_half())
    }
}
