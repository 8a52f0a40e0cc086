//! The server: it listens, accepts, and runs one task per client.

// From the bottom up; blank lines keep rustfmt from sorting.
pub(crate) mod announce;
pub(crate) mod client_task;
pub(crate) mod descriptors;

pub(crate) mod listener;

pub(crate) mod accept;
