//! A decoder for WebSocket connections: bytes in, explained events out.
//!
//! ```text
//! bytes of one connection ──▶ Decoder ──▶ Event ──▶ text, JSON, a page, a test
//! ```
//!
//! A [`Decoder`] takes the bytes of both directions, in any pieces. It returns an [`Event`] for
//! the request, the response and each frame, with the rules of RFC 6455 that it breaks.
//! It has no clock, no socket and no task, and its memory is bounded.
//!
//! Secrets of the handshake never reach an event: the values of headers such as
//! `Authorization` and `Cookie`, and query values such as `token` and `session`, are replaced.
//! The content of messages is shown.
//!
//! # Reading order
//!
//! `splitter` (where frames end), `event` (the output), `decoder` and `side` (both directions,
//! then one), `frames` and `message`, `head` and `secrets`; then `show` (events as text).

// The modules from the bottom up; each uses only modules above it. Blank lines keep
// rustfmt from sorting this list.
mod close_codes;
mod secrets;
mod splitter;
mod utf8;
mod visible;

mod rules;

mod event;

mod head;
mod message;

mod frames;

mod sink;

mod side;

mod decoder;

mod show;

pub use close_codes::{CLOSE_CODES, CloseCode};
pub use decoder::Decoder;
pub use event::{Accept, Close, Event, EventKind, Frame, Head, Header, Joined, gap};
pub use rules::{BrokenRule, Direction};
pub use splitter::{FrameHeader, HeadEnd, Piece, Splitter};
pub use visible::{is_visible, pictured};
