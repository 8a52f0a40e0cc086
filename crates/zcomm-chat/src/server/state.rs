//! The state that all connections of a chat share.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;
use zcomm_core::Connection;

use crate::{
    envelope::ServerMessage,
    server::{heartbeat::Heartbeat, rooms::Rooms, sessions::Sessions},
};

/// The state of a chat. It lives as long as the process.
pub(crate) struct ChatState {
    /// Names this run of the server: positions of another run mean nothing here.
    pub(crate) epoch: String,
    pub(crate) rooms: Rooms,
    pub(crate) sessions: Sessions,
    /// Messages stored since the start.
    pub(crate) messages: AtomicU64,
    pub(crate) started: Instant,
    pub(crate) heartbeat: Heartbeat,
}

impl ChatState {
    /// Answers `custom{get_stats}`.
    pub(crate) fn stats(&self, connection: &Connection) -> ServerMessage {
        ServerMessage::Stats {
            clients: connection.clients().count(),
            sessions: self.sessions.count(),
            rooms: self.rooms.count(),
            messages: self.messages.load(Ordering::Relaxed),
            uptime_seconds: self.started.elapsed().as_secs(),
        }
    }
}
