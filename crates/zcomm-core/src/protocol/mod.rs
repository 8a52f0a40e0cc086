//! The types that every layer shares: messages, close reasons, rates.

pub(crate) mod close_reason;
pub(crate) mod message;
pub(crate) mod progress;
pub(crate) mod rate;
