//! Who may connect: origin, host, token, limits, and the answer to a client that may not.

// From the bottom up; blank lines keep rustfmt from sorting.
pub(crate) mod origin;
pub(crate) mod query;
pub(crate) mod refusal;
pub(crate) mod token;

pub(crate) mod request;
pub(crate) mod slots;
pub(crate) mod why;

pub(crate) mod handshake;
