//! Text: names that users choose, times, text that is safe to show, and a thread that writes text.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
pub(crate) mod secrets;
pub(crate) mod time;

pub(crate) mod hidden;
pub(crate) mod names;

pub(crate) mod shown;

pub(crate) mod writer;
