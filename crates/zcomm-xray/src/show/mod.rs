//! Events as text for a terminal.
//!
//! `table` draws the bits of a frame; `text` writes an event in one line, or with all its
//! details.

mod table;

mod text;
