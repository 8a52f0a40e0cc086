//! The client of the chat: it keeps what it sent until the server acknowledges it, and
//! resumes after a broken connection.

// From the bottom up; blank lines keep rustfmt from sorting.
pub(crate) mod outbox;
pub(crate) mod positions;

pub(crate) mod link;

pub(crate) mod event;

pub(crate) mod conversation;

pub(crate) mod chat_client;
