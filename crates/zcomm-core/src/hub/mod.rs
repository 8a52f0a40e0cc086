//! Broadcast: a log stores a message once, and each reader has a cursor.

// From the bottom up; blank lines keep rustfmt from sorting.
pub(crate) mod log;

pub(crate) mod cursor;

pub(crate) mod subscriptions;
