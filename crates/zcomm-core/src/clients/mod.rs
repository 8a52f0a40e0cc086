//! Who is connected: the registry, and what each connection counted.

// From the bottom up; blank lines keep rustfmt from sorting.
pub(crate) mod tally;

pub(crate) mod registry;
