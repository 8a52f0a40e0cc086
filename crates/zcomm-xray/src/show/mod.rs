//! Writes events as text for a terminal.
//!
//! `table` draws the bits of a frame. `text` writes an event: one line, and then its details.

mod table;

mod text;
