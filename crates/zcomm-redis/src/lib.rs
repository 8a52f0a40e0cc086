//! Several servers as one service, over Redis.
//!
//! ```text
//!  client ─▶ server A ──append──▶ ┌───────────────┐ ──read──▶ server A ─▶ its clients
//!                                 │ a log in Redis │ ──read──▶ server B ─▶ its clients
//!  client ─▶ server B ──append──▶ └───────────────┘ ──read──▶ server C ─▶ its clients
//! ```
//!
//! **Every server applies the same entries in the same order.** A server does not act on a
//! message of its client at once. It appends the message to a log in Redis. Every server, also
//! this one, reads the log and acts on each entry. Redis puts the entries in order, so all servers
//! come to the same state. (This is state machine replication. Raft does the same, and also elects
//! the computer that orders.)
//!
//! **A loss is never silent.** A Redis that comes back without its data, or a replica that becomes
//! the master before it has everything, would continue with entries that have the same numbers as
//! lost ones. So each entry contains a digest of the entries before it, and a reader compares. If
//! the digests differ, the state of this server contains entries that are lost for the others, and
//! every client is told.
//!
//! **A message that was not taken never looks sent.** The sender gets its answer when its own
//! entry has come back from Redis, or `Unavailable` within two seconds.
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
