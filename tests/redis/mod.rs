//! Several servers as one service, over a real Redis.

mod broadcast;
mod chat;
mod log;
mod lost_tail;
mod owner;
mod proxy;
mod seen;
pub(crate) mod server;
mod storm;
mod tls;
mod troubles;
mod unknown;
