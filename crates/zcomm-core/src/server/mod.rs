//! The server: it listens, accepts, and runs one task per client.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
pub(crate) mod client_task;
pub(crate) mod descriptors;
pub(crate) mod memory;

pub(crate) mod announce;
pub(crate) mod listener;

pub(crate) mod accept;

pub(crate) mod application;
