//! The chat of the course: its messages, its server and its client.
//!
//! - `envelope` has all messages in both directions, as JSON. `parse` reads a client's message and
//!   names the wrong field. `fault` is the answer to a wrong message.
//! - `server` has the rooms, the people and their sessions; `chat_app` runs it. Start with `chat`,
//!   which names the order of the others.
//! - `client` is [`ChatClient`]: it reconnects, resumes, and sends messages without an ack again.
//!   Start with `outbox` and `conversation`.
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
