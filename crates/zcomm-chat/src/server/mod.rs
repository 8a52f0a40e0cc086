//! The server of the chat. A room is a log, a person is a session, and a connection is a set of
//! cursors.

// From the bottom up; blank lines keep rustfmt from sorting.
pub(crate) mod resume;

pub(crate) mod heartbeat;
pub(crate) mod session;

pub(crate) mod room;

pub(crate) mod rooms;
pub(crate) mod sessions;

pub(crate) mod state;

pub(crate) mod person;

pub(crate) mod chat;
