//! One connection: the task that owns the socket, its deadlines, and the handler's handle.

// From the bottom up; blank lines keep rustfmt from sorting.
pub(crate) mod deadlines;
pub(crate) mod recorder;

pub(crate) mod socket;

pub(crate) mod handle;
