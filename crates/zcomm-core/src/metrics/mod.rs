//! The metrics of a server, and their text for Prometheus.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
pub(crate) mod counters;
pub(crate) mod figure;

pub(crate) mod reports;

pub(crate) mod prometheus;
