//! Text: the names that users choose, what may be shown, and a thread that writes it.

// From the bottom up; blank lines keep rustfmt from sorting.
pub(crate) mod shown;

pub(crate) mod names;

pub(crate) mod writer;
