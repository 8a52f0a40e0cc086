//! What the lessons share: their pages, and the gallery of lesson 3.

mod pages;

pub mod secure;

pub use pages::{BROADCAST_PAGE, CHAT_PAGE, ECHO_PAGE, SECURE_PAGE, SERVER_PAGE, XRAY_PAGE};
