//! The end-to-end tests: real sockets, real processes. Read in order, the names are the
//! specification.

#![allow(unreachable_pub, reason = "a test crate has no outside")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed expectation should panic"
)]

mod harness;

#[path = "1_websocket_server.rs"]
mod _1_websocket_server;
#[path = "2_websocket_echo.rs"]
mod _2_websocket_echo;
#[path = "4_websocket_broadcast.rs"]
mod _4_websocket_broadcast;
mod open_broadcast;

mod bad_inputs;
mod secrets;
mod storms;
mod tidy;
