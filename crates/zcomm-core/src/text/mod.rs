//! Text: names that users choose, text that is safe to show, and a thread that writes.

// From the bottom up; blank lines keep rustfmt from sorting.
pub(crate) mod shown;

pub(crate) mod names;

pub(crate) mod writer;
