//! The end-to-end tests: real sockets, real processes. Read in order, the names are the
//! specification.

#![allow(unreachable_pub, reason = "a test crate has no outside")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed expectation should panic"
)]

mod harness;

mod chat_client;
mod chat_returns;
mod chat_storm;

#[path = "lessons.rs"]
mod ws;
#[allow(clippy::duplicate_mod, reason = "every lesson over both transports")]
#[path = "lessons.rs"]
mod wss;

#[path = "3_websocket_secure.rs"]
mod _3_websocket_secure;

mod bad_inputs;
mod callback_client;
mod client;
mod counter;
mod imports;
mod metrics;
mod peers;
#[cfg(unix)]
mod recipes;
mod secrets;
mod storms;
mod tidy;
mod wireshark;
mod xray;
mod xray_tshark;
mod xray_viewers;
