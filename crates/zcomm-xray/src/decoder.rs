//! Decodes both directions of one connection, from the first byte to the last.
//!
//! One [`Decoder`] reads both directions, because each direction depends on the other. A response
//! can be checked only with its request. The server's status code decides whether the client's
//! bytes are frames.
//!
//! Pass the bytes in the order in which they arrived, in pieces of any size:
//!
//! ```
//! use std::time::Duration;
//! use zcomm_xray::{Direction, Decoder};
//!
//! let mut decoder = Decoder::new(1);
//! let (bytes, time) = (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", Duration::ZERO);
//! decoder.feed(time, Direction::ClientToServer, bytes, &mut |event| {
//!     println!("{}", event.to_json());
//! });
//! ```
//!
//! A decoder has no clock: the caller passes the time and the bytes. So a recording gives the
//! same events as the network. For each direction, the decoder stores at most a head of 16 KiB,
//! the first 4 KiB of a frame and the first 4 KiB of a message.

use std::{net::SocketAddr, time::Duration};

use crate::{
    event::{Event, EventKind},
    head::RawHead,
    rules::Direction,
    side::Side,
    sink::Sink,
};

/// The decoder of one connection.
pub struct Decoder {
    conn: u64,
    client: Side,
    server: Side,
    /// The request that the next response answers.
    request: Option<RawHead>,
}

impl Decoder {
    /// Makes a decoder for a new connection. `conn` is the connection's number in the events.
    #[must_use]
    pub fn new(conn: u64) -> Decoder {
        Decoder {
            conn,
            client: Side::new(Direction::ClientToServer),
            server: Side::new(Direction::ServerToClient),
            request: None,
        }
    }

    /// Sets the maximum number of payload bytes in an event. The default is 4 KiB. The payload
    /// of a valid control frame is never cut. Call this method before all other methods.
    #[must_use]
    pub fn keeping(mut self, bytes: usize) -> Decoder {
        self.client.keep = bytes;
        self.server.keep = bytes;
        self
    }

    /// Skips the handshake: both directions start with frames. Call this method before the first
    /// byte.
    #[must_use]
    pub fn after_handshake(mut self) -> Decoder {
        self.client.expect_frames(false);
        self.server.expect_frames(false);
        self
    }

    /// Makes the event [`EventKind::Open`]: the connection was opened.
    pub fn open(
        &mut self,
        time: Duration,
        peer: Option<SocketAddr>,
        tls: bool,
        on_event: &mut dyn FnMut(Event),
    ) {
        let mut sink = self.sink(time, Some(on_event));
        sink.event(None, EventKind::Open { peer, tls }, Vec::new());
    }

    /// Reads bytes, and makes an event for each head, body or frame that these bytes complete.
    /// Returns the number of frames that were not shown: 1 if the bytes complete a frame that
    /// began in [`follow`](Decoder::follow), otherwise 0.
    pub fn feed(
        &mut self,
        time: Duration,
        from: Direction,
        bytes: &[u8],
        on_event: &mut dyn FnMut(Event),
    ) -> u64 {
        let mut sink = self.sink(time, Some(on_event));
        self.take(from, bytes, &mut sink);
        sink.hidden
    }

    /// Reads bytes without making events, which is much faster. Returns the number of events that
    /// were not made. To make events again, call [`feed`](Decoder::feed) with the next bytes.
    pub fn follow(&mut self, from: Direction, bytes: &[u8]) -> u64 {
        let mut sink = self.sink(Duration::ZERO, None);
        self.take(from, bytes, &mut sink);
        sink.hidden
    }

    /// Reads bytes for a recording, without making events. Calls the function `keep` with the
    /// sender, the bytes to record, and a number. This number says how many of the next bytes
    /// must not be recorded.
    ///
    /// Stars replace the secrets of a head. HTTP bodies are not recorded. If data is neither
    /// HTTP nor frames, at most the first 8 bytes are recorded.
    ///
    /// To read the recording, [`feed`](Decoder::feed) its bytes to a new decoder. In place of
    /// the bytes that were not recorded, pass any bytes. The new decoder then makes the same
    /// events as `feed` makes on the connection itself.
    pub fn keep(
        &mut self,
        from: Direction,
        bytes: &[u8],
        keep: &mut dyn FnMut(Direction, &[u8], u64),
    ) {
        let mut sink = self.sink(Duration::ZERO, None);
        sink.recorder = Some(keep);
        self.take(from, bytes, &mut sink);
    }

    /// Records data that is still incomplete, such as the first lines of a head. Call this
    /// method when the connection has ended.
    pub fn keep_rest(&mut self, keep: &mut dyn FnMut(Direction, &[u8], u64)) {
        let mut sink = self.sink(Duration::ZERO, None);
        sink.recorder = Some(keep);
        self.client.finish(&mut sink);
        self.server.finish(&mut sink);
    }

    /// Makes events for incomplete data and for the end of the connection. Call this method
    /// when the connection has ended.
    pub fn finish(&mut self, time: Duration, on_event: &mut dyn FnMut(Event)) {
        let mut sink = self.sink(time, Some(on_event));
        self.client.finish(&mut sink);
        self.server.finish(&mut sink);
        let end = EventKind::End {
            client_bytes: self.client.bytes,
            server_bytes: self.server.bytes,
        };
        sink.event(None, end, Vec::new());
    }

    fn sink<'a>(&self, time: Duration, on_event: Option<&'a mut dyn FnMut(Event)>) -> Sink<'a> {
        Sink {
            time,
            conn: self.conn,
            on_event,
            hidden: 0,
            recorder: None,
        }
    }

    fn take(&mut self, from: Direction, bytes: &[u8], sink: &mut Sink<'_>) {
        self.side(from).bytes += bytes.len() as u64;
        self.read(from, bytes, sink);
    }

    fn read(&mut self, from: Direction, mut bytes: &[u8], sink: &mut Sink<'_>) {
        while !bytes.is_empty() {
            let (taken, head) = self.side(from).take(bytes, sink);
            match (head, from) {
                (Some(head), Direction::ClientToServer) => self.request(head, sink),
                (Some(head), Direction::ServerToClient) => self.response(&head, sink),
                (None, _) => {}
            }
            bytes = &bytes[taken..];
        }
    }

    fn side(&mut self, from: Direction) -> &mut Side {
        match from {
            Direction::ClientToServer => &mut self.client,
            Direction::ServerToClient => &mut self.server,
        }
    }

    /// Makes the event for a request, and decides what the client's next bytes are.
    fn request(&mut self, head: RawHead, sink: &mut Sink<'_>) {
        let (shown, errors) = head.request();
        let from = Some(Direction::ClientToServer);
        sink.event(from, EventKind::Request(shown), errors);
        match head.asks_to_upgrade() {
            true => self.client.wait(),
            false => self.client.expect_body(head.content_length().or(Some(0))),
        }
        self.request = Some(head);
    }

    /// Makes the event for a response, and decides what the next bytes of both directions are.
    fn response(&mut self, head: &RawHead, sink: &mut Sink<'_>) {
        let (shown, errors) = head.response(self.request.as_ref());
        let from = Some(Direction::ServerToClient);
        sink.event(from, EventKind::Response(shown), errors);
        let extended = head.value("sec-websocket-extensions").is_some();
        let upgraded = head.status() == Some(101);
        match head.status() {
            Some(101) => {
                self.server.expect_frames(extended);
                self.request = None;
            }
            // RFC 9110 section 15.2: after this response, the server sends another response.
            Some(100..200) => return self.server.expect_head(),
            status => {
                let request = self.request.as_ref();
                let bodiless = matches!(status, Some(204 | 304))
                    || request.is_some_and(|request| request.method() == b"HEAD");
                let length = head.content_length();
                let length = if bodiless { Some(0) } else { length };
                self.server.expect_body(length);
            }
        }
        let Some(waited) = self.client.end_wait() else {
            return;
        };
        match upgraded {
            true => self.client.expect_frames(extended),
            false => self.client.expect_head(),
        }
        self.read(Direction::ClientToServer, &waited, sink);
    }
}

#[cfg(test)]
mod tests;
