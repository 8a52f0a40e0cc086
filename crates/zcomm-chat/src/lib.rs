//! The chat of the course: its messages, its server and its client.
//!
//! - `envelope` defines all messages of both directions, as JSON. `parse` reads a client's
//!   message. `fault` is the answer to a wrong message, and names the wrong field.
//! - `server` has the rooms, the people and their sessions. The program `chat_app` runs the
//!   server. Start with `chat`, which lists the other files in reading order.
//! - `client` is [`ChatClient`]. It reconnects, resumes its session, and sends a message again
//!   if no ack arrives. Start with `outbox` and `conversation`.
//!
//! The server and the client share only the messages.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
mod fault;
mod position;

pub mod envelope;

mod parse;

mod server;

mod client;

pub use client::{chat_client::ChatClient, event::ChatEvent};
pub use server::{chat::Chat, person::Person};
