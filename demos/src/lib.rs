//! The pages of all lessons, and the parts of lesson 3 that are not in `3_websocket_secure.rs`.

mod command_line;
mod pages;

pub mod secure;

pub use command_line::command_line;
pub use pages::{BROADCAST_PAGE, CHAT_PAGE, ECHO_PAGE, SECURE_PAGE, SERVER_PAGE, XRAY_PAGE};
