//! The server of the chat. A room is two logs, a person is a session, and a connection reads
//! logs with cursors.

// Each module uses only modules above it. Blank lines stop rustfmt from sorting the list.
pub(crate) mod resume;

pub(crate) mod heartbeat;
pub(crate) mod session;

pub(crate) mod room;

pub(crate) mod rooms;
pub(crate) mod sessions;

pub(crate) mod state;

pub(crate) mod person;

pub(crate) mod chat;
