//! Broadcast: a log that stores a message once, and a cursor for each reader.

// From the bottom up; blank lines keep rustfmt from sorting.
pub(crate) mod log;

pub(crate) mod cursor;

pub(crate) mod subscriptions;
