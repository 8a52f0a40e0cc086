//! The X-ray: every byte of a connection, explained as it flows.
//!
//! A WebSocket is a few bytes of header around what was said, after one HTTP request; and
//! hardly anybody has seen them. An X-ray shows them: the handshake line by line with the sum
//! that proves it, each frame bit by bit, each broken rule with its section of RFC 6455.
//!
//! ```text
//! bytes of one connection ──▶ Decoder ──▶ Event ──▶ text, JSON, a page, a test
//! ```
//!
//! [`Decoder`] is the decoder, pure and bounded; [`Event`] is what it sees, as data. An [`Xray`]
//! is all of it running: each connection has a [`Tap`], and a thread writes.
//!
//! Secrets of the handshake are replaced before there is an event: the values of headers such
//! as `Authorization` and `Cookie`, and in an address those of names such as `token` and
//! `session`. What stands in messages is shown, secrets, too: whoever can see an X-ray can read
//! along.
//!
//! Production looks at its traffic with Wireshark, which names things the same way.

pub(crate) mod printer;

pub(crate) mod tap;

pub use printer::{Form, Xray};
pub use tap::Tap;
pub use zcomm_xray::*;
