//! The client of the chat. It keeps its messages until the server acknowledges them, and resumes
//! after a broken connection.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
pub(crate) mod me;
pub(crate) mod outbox;
pub(crate) mod positions;

pub(crate) mod link;

pub(crate) mod event;

pub(crate) mod conversation;

pub(crate) mod chat_client;
