//! Who may connect: origin, host, token and limits, and how other clients are refused.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
pub(crate) mod origin;
pub(crate) mod query;
pub(crate) mod token;

pub(crate) mod refusal;

pub(crate) mod request;
pub(crate) mod slots;
pub(crate) mod why;

pub(crate) mod offers;

pub(crate) mod handshake;
