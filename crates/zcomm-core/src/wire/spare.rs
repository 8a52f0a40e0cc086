//! Codecs that wait for a connection.
//!
//! A codec has buffers, which need memory. Most connections are idle most of the time. An idle
//! connection needs no codec: the buffers are empty, and no frame has begun.
//!
//! So an idle connection gives its codec to the thread. The next connection of this thread that
//! needs a codec takes this codec.

use std::cell::Cell;

use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};

use crate::wire::fragments::FRAGMENT;

/// The size of the codec's own read buffer (bytes). The codec fills this buffer with zeros
/// before every read, so a small buffer is faster.
const READ_BUFFER: usize = 1024;
/// When more than this number of bytes waits, a connection writes the bytes at once, and does not
/// wait for the next flush.
pub(crate) const WRITE_BUFFER: usize = 64 * 1024;
/// The space in a client's write buffer for everything but the next message (bytes).
pub(crate) const CLIENT_BUFFER: usize = 4 * 1024 * 1024;

/// What a codec is made for. Only connections of the same kind share codecs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) role: Role,
    /// The size of the longest message (bytes).
    pub(crate) max_message: usize,
}

thread_local! {
    /// The spare codec of this thread. A thread does not need a list of codecs: it runs one
    /// task at a time, and most tasks give their codec back before they wait.
    static SPARE: Cell<Option<(Kind, Box<WebSocketContext>)>> = const { Cell::new(None) };
}

impl Kind {
    /// Returns the spare codec of this thread, or a new codec.
    pub(crate) fn take_codec(self) -> Box<WebSocketContext> {
        match SPARE.take() {
            Some((kind, codec)) if kind == self => codec,
            _ => Box::new(self.new_codec()),
        }
    }

    /// Keeps a codec for the next connection of this thread. The codec must be equal to a new
    /// codec: a byte that stayed in the codec would go to another client.
    pub(crate) fn keep_codec(self, codec: Box<WebSocketContext>) {
        debug_assert_eq!(format!("{codec:?}"), format!("{:?}", self.new_codec()));
        SPARE.set(Some((self, codec)));
    }

    fn new_codec(self) -> WebSocketContext {
        // This limit must be larger than the write buffer: otherwise the codec panics. A
        // server has space for the write buffer and two of the largest messages that it sends:
        // 512 KiB by default.
        let max_write_buffer = match self.role {
            Role::Server => 256 * 1024 + 4 * self.max_message,
            Role::Client => CLIENT_BUFFER,
        };
        // A control frame has up to 125 bytes, also where a message may have only one byte.
        let max_frame = self.max_message.clamp(READ_BUFFER, FRAGMENT as usize);
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            .max_write_buffer_size(max_write_buffer)
            .max_message_size(Some(self.max_message))
            .max_frame_size(Some(max_frame));
        WebSocketContext::new(self.role, Some(config))
    }
}
