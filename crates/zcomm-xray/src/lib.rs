//! A decoder for WebSocket connections. It reads bytes and makes events that explain them.
//!
//! ```text
//! bytes of one connection ──▶ Decoder ──▶ Event ──▶ text, JSON, a page, a test
//! ```
//!
//! A [`Decoder`] reads the bytes of both directions, in pieces of any size. It makes an
//! [`Event`] for the request, the response and each frame. Each event lists the broken rules of
//! RFC 6455. A decoder has no clock, no socket and no task, and its memory has a limit.
//!
//! An event shows the content of messages, but no secret of the handshake. Stars replace:
//!
//! - the values of headers such as `Authorization` and `Cookie`;
//! - the values of query parameters such as `token` and `session`;
//! - the user and the password in an address;
//! - words that look like tokens.
//!
//! # Reading order
//!
//! `splitter` finds where frames end, and `whole` finds a frame that has arrived completely.
//! `event` defines the output. `decoder` reads both directions, and `side` reads one direction.
//! `frames` and `message` read frames. `head` reads the handshake, `finder` finds secrets in it,
//! and `secrets` hides them. `show` writes events as text.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
mod close_codes;
mod finder;
mod splitter;
mod utf8;
mod visible;
mod whole;

mod rules;
mod secrets;

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
pub use head::{accept_key, status_code};
pub use rules::{BrokenRule, Direction};
pub use splitter::{FrameHeader, HeadEnd, Piece, Splitter};
pub use visible::{is_visible, pictured};
pub use whole::WholeFrame;
