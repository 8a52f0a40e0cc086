//! One connection: the task that owns the socket, the deadlines, and the handler's handle.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
pub(crate) mod budgets;
pub(crate) mod deadlines;
pub(crate) mod recorder;
pub(crate) mod sources;

pub(crate) mod socket;

mod closing;
mod due;

pub(crate) mod handle;
