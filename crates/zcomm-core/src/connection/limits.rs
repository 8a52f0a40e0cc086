//! How fast a client may send messages and control frames.

use std::time::Duration;

use crate::{
    protocol::{close_reason::CloseReason, rate::Budget},
    settings::config::Config,
    wire::codec::End,
};

/// The budgets of one client. A client that exceeds one is closed with 1008.
pub(crate) struct Limits {
    messages: Budget,
    controls: Budget,
}

impl Limits {
    pub(crate) fn new(config: &Config) -> Limits {
        Limits {
            messages: Budget::new(config.message_rate()),
            controls: Budget::new(config.control_rate()),
        }
    }

    /// Charges one message.
    pub(crate) fn message(&mut self) -> Result<(), End> {
        spend(&mut self.messages)
    }

    /// Charges one ping or pong.
    pub(crate) fn control(&mut self) -> Result<(), End> {
        spend(&mut self.controls)
    }

    /// See [`Budget::until_half`], for messages.
    pub(crate) fn until_half(&self) -> Option<Duration> {
        self.messages.until_half()
    }
}

fn spend(budget: &mut Budget) -> Result<(), End> {
    let spent = budget.spend(1.0);
    spent.map_err(|_| End::policy(CloseReason::TOO_FAST))
}
