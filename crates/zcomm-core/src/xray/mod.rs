//! The X-ray: every byte of a connection, explained as it passes.
//!
//! It shows the handshake line by line, each frame bit by bit, and each broken rule with its
//! section of RFC 6455.
//!
//! ```text
//! bytes of one connection ──▶ Decoder ──▶ Event ──▶ text, JSON, a page, a test
//! ```
//!
//! The [`Decoder`] and its [`Event`] are in a crate of their own, `zcomm-xray`. An [`Xray`]
//! runs it: each connection has a [`Tap`], and a thread writes the events.
//!
//! Secrets of the handshake are replaced before there is an event: the values of headers such
//! as `Authorization` and `Cookie`, and query values such as `token` and `session`. Messages
//! are shown, secrets included: anyone who sees the X-ray can read them.
//!
//! In production, Wireshark shows the same traffic with the same names.

pub(crate) mod printer;

pub(crate) mod tap;

pub use printer::{Form, Xray};
pub use tap::Tap;
pub use zcomm_xray::{
    Accept, BrokenRule, CLOSE_CODES, Close, CloseCode, Decoder, Direction, Event, EventKind, Frame,
    FrameHeader, Head, HeadEnd, Header, Joined, Piece, Splitter, gap, is_visible, pictured,
};
