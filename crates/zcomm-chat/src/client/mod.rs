//! The client of the chat: it keeps its messages until the server acknowledges them, and resumes
//! after a broken connection.

// From the bottom up; blank lines keep rustfmt from sorting.
pub(crate) mod outbox;
pub(crate) mod positions;

pub(crate) mod link;

pub(crate) mod event;

pub(crate) mod conversation;

pub(crate) mod chat_client;
