//! The clients that are connected: the registry, and the counters of each connection.

// From the bottom up; blank lines keep rustfmt from sorting.
pub(crate) mod tally;

pub(crate) mod registry;
