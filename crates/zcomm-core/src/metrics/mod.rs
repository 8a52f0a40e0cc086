//! What a server counts, and the same as text for Prometheus.

// From the bottom up; blank lines keep rustfmt from sorting.
pub(crate) mod counters;
pub(crate) mod figure;

pub(crate) mod prometheus;
