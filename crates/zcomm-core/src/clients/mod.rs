//! The clients that are connected: the registry, and the counters of each connection.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
pub(crate) mod id;

pub(crate) mod tally;

pub(crate) mod registry;
