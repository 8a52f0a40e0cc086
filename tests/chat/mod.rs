//! The chat beyond one lesson: its client, broken connections, a storm.

pub mod client;
mod returns;
pub mod storm;
