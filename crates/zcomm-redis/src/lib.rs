//! Several servers as one service, over Redis.
//!
//! ```text
//!  client ─▶ server A ──append──▶ ┌───────────────┐ ──read──▶ server A ─▶ its clients
//!                                 │ a log in Redis │ ──read──▶ server B ─▶ its clients
//!  client ─▶ server B ──append──▶ └───────────────┘ ──read──▶ server C ─▶ its clients
//! ```
//!
//! **Every server applies the same entries in the same order.** A server does not act on a
//! client's message at once. It first appends the message as an entry to a log in Redis. Every
//! server, also this one, reads the log and acts on each entry. Redis puts the entries in order,
//! so all servers come to the same state. This is called state machine replication.
//!
//! **A loss is never silent.** Redis can restart without its newest entries. A replica can become
//! the master before it has received them. In both cases, Redis gives the numbers of the lost
//! entries to new entries. So each entry contains a digest of the entries before it, and each
//! server compares the digests. If they differ, Redis has lost entries that the server has
//! applied. The server tells every client.
//!
//! **A message that is not in the log never looks sent.** The sender gets its answer when this
//! server has read the message's entry from Redis. If this takes two seconds
//! (`WEBSOCKET_REDIS_TIMEOUT`), the sender gets `Unavailable`.
//!
//! # Reading order
//!
//! Read `append.lua` first: it is the whole log. Then `entry`, `reader`, `writer`, `shared_log`,
//! and last `broadcast`, which connects a server to the log.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
mod trouble;

mod backoff;
mod entry;
mod link;
mod machine;
mod neighbours;

mod status;

mod pending;

mod append;
mod examine;
mod snapshot;

mod reader;

mod writer;

mod shared_log;

mod broadcast;

pub use broadcast::one_service;
pub use entry::{Entry, Kind, Position};
pub use examine::{Facts, examine};
pub use link::Address;
pub use machine::{Machine, Start, Unknown};
pub use shared_log::{SharedLog, Unavailable, open, open_with};
pub use status::Status;
pub use trouble::Trouble;
