//! The server of the chat. A room has two logs. A session keeps a person's name and inbox. A
//! `Person` handles one connection of a session.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
pub(crate) mod resume;

pub(crate) mod digest;
pub(crate) mod heartbeat;
pub(crate) mod log_image;
pub(crate) mod moment;
pub(crate) mod servers;
pub(crate) mod ticket;

pub(crate) mod session;

pub(crate) mod room;

pub(crate) mod rooms;
pub(crate) mod sessions;

pub(crate) mod sessions_image;

pub(crate) mod command;

pub(crate) mod state;

pub(crate) mod apply;

pub(crate) mod local;

pub(crate) mod replica;

pub(crate) mod person;

pub(crate) mod requests;

pub(crate) mod chat;
