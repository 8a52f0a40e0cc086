//! Both directions of one connection, from the first byte to the last.
//!
//! The two directions belong together: a response can be checked only against its request,
//! and the server's status code decides whether the client's bytes are frames. So one
//! [`Decoder`] reads both, in any pieces, in the order in which they arrived:
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
//! It has no clock, no socket and no thread, so a recording gives the same events as the
//! network did. It keeps at most a head of 16 KiB, and the first 4 KiB of a frame and of a
//! message, for each direction.

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
    /// A decoder for a connection before its first byte. `conn` is the connection's number in
    /// the events.
    #[must_use]
    pub fn new(conn: u64) -> Decoder {
        Decoder {
            conn,
            client: Side::new(Direction::ClientToServer),
            server: Side::new(Direction::ServerToClient),
            request: None,
        }
    }

    /// Sets how many bytes of each payload an event holds, instead of 4 KiB. Call it first.
    #[must_use]
    pub fn keeping(mut self, bytes: usize) -> Decoder {
        self.client.keep = bytes;
        self.server.keep = bytes;
        self
    }

    /// Skips the handshake: both directions start with frames. Call it first.
    #[must_use]
    pub fn after_handshake(mut self) -> Decoder {
        self.client.expect_frames(false);
        self.server.expect_frames(false);
        self
    }

    /// Makes the event for the connection's beginning.
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

    /// Reads bytes, and makes an event for each thing that is complete with them. Returns the
    /// number of frames that were not shown: at most one, which began in
    /// [`follow`](Decoder::follow).
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

    /// Reads bytes without making events, which is much cheaper; later bytes can be shown
    /// again. Returns the number of frames and heads that were not shown, for the caller to
    /// report.
    pub fn follow(&mut self, from: Direction, bytes: &[u8]) -> u64 {
        let mut sink = self.sink(Duration::ZERO, None);
        self.take(from, bytes, &mut sink);
        sink.hidden
    }

    /// Reads bytes without making events, and calls `keep` with the bytes that may be recorded
    /// and the number of bytes after them that may not. Secrets of a head are replaced by
    /// stars; of HTTP bodies, and of bytes that are neither HTTP nor frames, only the number
    /// is passed on.
    ///
    /// Another decoder that reads these bytes, and any bytes in place of the missing ones,
    /// makes the same events as this one would.
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

    /// The connection has ended: passes on what is not complete, as [`keep`](Decoder::keep)
    /// does.
    pub fn keep_rest(&mut self, keep: &mut dyn FnMut(Direction, &[u8], u64)) {
        let mut sink = self.sink(Duration::ZERO, None);
        sink.recorder = Some(keep);
        self.client.finish(&mut sink);
        self.server.finish(&mut sink);
    }

    /// The connection has ended: makes events for what is not complete, and for the end.
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

    /// Shows a request, and decides what follows it.
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

    /// Shows a response, and decides what follows it in both directions.
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
            // RFC 9110 section 15.2: the final response is still to come.
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
