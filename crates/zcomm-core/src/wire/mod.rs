//! Turns bytes into messages: TCP or TLS, the byte budget, frame boundaries, and the codec.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
pub(crate) mod counted_tcp;
pub(crate) mod end;
pub(crate) mod fragments;
pub(crate) mod readable;

pub(crate) mod boundaries;
pub(crate) mod spare;

pub(crate) mod buffers;
pub(crate) mod whole;

pub(crate) mod transport;

pub(crate) mod linger;

pub(crate) mod meter;

pub(crate) mod codec;
