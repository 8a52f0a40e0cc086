//! What every program needs: an exit code, logs, and the signal to stop.

// From the bottom up; blank lines keep rustfmt from sorting.
pub(crate) mod logging;
pub(crate) mod shutdown;

pub(crate) mod exit;
