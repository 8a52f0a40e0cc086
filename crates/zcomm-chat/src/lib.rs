//! The chat of the course: its messages, its server and its client.
//!
//! - `envelope` holds every message in both directions, as JSON; `parse` reads those of a
//!   client and names the wrong field; `fault` is the answer to a wrong message.
//! - `server` is rooms, people and their sessions: what `chat_app` runs. Start with `room`,
//!   then `resume`, `session`, `sessions`, `rooms`, `heartbeat`, `person`.
//! - `client` is [`ChatClient`]: it reconnects, resumes, and resends what was not
//!   acknowledged. Start with `outbox` and `conversation`.
//!
//! Server and client share the messages and nothing else.

// The modules from the bottom up; each uses only modules above it. Blank lines keep
// rustfmt from sorting this list.
mod fault;

pub mod envelope;

mod parse;

mod server;

mod client;

pub use client::{chat_client::ChatClient, event::ChatEvent};
pub use server::{chat::Chat, person::Person};
