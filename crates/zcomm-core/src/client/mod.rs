//! The client: opens a WebSocket to an address, and reconnects when the connection breaks.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
pub(crate) mod options;

pub(crate) mod address;
pub(crate) mod answer;

pub(crate) mod opening;
pub(crate) mod request;

pub(crate) mod upgrade;

pub(crate) mod keepalive;
pub(crate) mod lookup;
mod proxy;

pub(crate) mod dial;
pub(crate) mod upstream;

pub(crate) mod socket;

pub(crate) mod backoff;

pub(crate) mod reconnect;
