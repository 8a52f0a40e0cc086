//! Text that people or peers wrote: names, and what may be shown.

// From the bottom up; blank lines keep rustfmt from sorting.
pub(crate) mod shown;

pub(crate) mod names;
