//! The lessons, each as a learner starts it.
//!
//! `main.rs` has this file twice, as `ws` and as `wss`: everything a lesson promises holds
//! over plain TCP and over TLS. [`demo!`](crate::demo) sees from the module's path which of
//! the two it is in.

#[path = "1_websocket_server.rs"]
mod _1_websocket_server;
#[path = "2_websocket_echo.rs"]
mod _2_websocket_echo;
#[path = "4_websocket_broadcast.rs"]
mod _4_websocket_broadcast;
#[path = "chat_app.rs"]
mod chat_app;
#[path = "open_broadcast.rs"]
mod open_broadcast;
