//! Broadcast: a log stores a message once, and each reader has a cursor.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
pub(crate) mod log;

pub(crate) mod cursor;
pub(crate) mod image;
pub(crate) mod publish;

pub(crate) mod subscriptions;
