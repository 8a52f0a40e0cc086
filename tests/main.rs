//! The end-to-end tests: real sockets, real processes. Read in order, the names are the
//! specification.

#![allow(unreachable_pub, reason = "a test crate has no outside")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed expectation should panic"
)]

mod children;
mod harness;
mod vacant;

#[path = "lessons.rs"]
mod ws;
#[allow(clippy::duplicate_mod, reason = "every lesson over both transports")]
#[path = "lessons.rs"]
mod wss;

#[path = "3_websocket_secure.rs"]
mod _3_websocket_secure;

// The folders are named like those of the crates.
mod chat;
mod client;
mod course;
mod metrics;
mod program;
#[cfg(unix)]
mod redis;
mod server;
mod xray;

mod bad_inputs;
mod house;
