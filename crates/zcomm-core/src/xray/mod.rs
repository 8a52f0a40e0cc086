//! The X-ray: shows and explains every byte of a connection while the connection is open.
//!
//! The X-ray shows the handshake line by line, each frame bit by bit, and each broken rule
//! with its section of RFC 6455.
//!
//! ```text
//! bytes of one connection ──▶ Decoder ──▶ Event ──▶ text, JSON, a page, a test
//! ```
//!
//! The [`Decoder`] and its [`Event`] are in their own crate, `zcomm-xray`. An [`Xray`] runs the
//! decoders: each connection has a [`Tap`] with a decoder, and a thread writes the events.
//!
//! The decoder replaces the secrets of the handshake: the values of headers such as
//! `Authorization` and `Cookie`, query values such as `token` and `session`, passwords of
//! addresses, and words that look like tokens.
//!
//! The decoder does not hide secrets in messages: every person who sees the X-ray can read
//! these secrets.
//!
//! In production, Wireshark shows the same frames, and uses the same names for the parts of a
//! frame.

pub(crate) mod printer;

pub(crate) mod tap;

pub use printer::{Form, Xray};
pub use tap::Tap;
pub use zcomm_xray::{
    Accept, BrokenRule, CLOSE_CODES, Close, CloseCode, Decoder, Direction, Event, EventKind, Frame,
    FrameHeader, Head, HeadEnd, Header, Joined, Piece, Splitter, accept_key, gap, is_visible,
    pictured, status_code,
};
