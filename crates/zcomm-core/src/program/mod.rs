//! What every program needs: an exit code, logs, and the signals to stop.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
pub(crate) mod help;
pub(crate) mod logging;
pub(crate) mod signals;

pub(crate) mod exit;
pub(crate) mod shutdown;
