//! One connection: the task that owns the socket, its deadlines, and what a handler holds.

// From the bottom up; blank lines keep rustfmt from sorting.
pub(crate) mod deadlines;

pub(crate) mod counted;

pub(crate) mod socket;

pub(crate) mod handle;
