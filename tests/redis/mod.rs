//! Several servers as one service, over a real Redis.

mod broadcast;
mod chat;
mod log;
mod lost_tail;
mod proxy;
pub(crate) mod server;
mod troubles;
