//! The metrics of a server, and their text for Prometheus.

// From the bottom up; blank lines keep rustfmt from sorting.
pub(crate) mod counters;
pub(crate) mod figure;

pub(crate) mod prometheus;
