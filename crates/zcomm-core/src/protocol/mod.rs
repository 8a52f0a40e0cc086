//! The types that every layer shares: messages, close reasons, rates.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
pub(crate) mod close_reason;
pub(crate) mod message;
pub(crate) mod progress;
pub(crate) mod rate;

pub(crate) mod framed;
