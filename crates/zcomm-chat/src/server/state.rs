//! The state that all connections of a chat share.

use std::sync::atomic::AtomicU64;

use tokio::time::Instant;

use crate::server::{heartbeat::Heartbeat, rooms::Rooms, sessions::Sessions};

/// The state of a chat. It exists as long as the process runs.
pub(crate) struct ChatState {
    /// The random name of this server run. Positions from another run are not valid in this
    /// run.
    pub(crate) epoch: String,
    pub(crate) rooms: Rooms,
    pub(crate) sessions: Sessions,
    /// The number of messages stored since the start.
    pub(crate) messages: AtomicU64,
    pub(crate) started: Instant,
    pub(crate) heartbeat: Heartbeat,
}
