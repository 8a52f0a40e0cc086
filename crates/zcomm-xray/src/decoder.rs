//! Both directions of one connection, from the first byte to the last.
//!
//! The two belong together: the answer to a handshake can be judged only by who knows the
//! question, and whether bytes are frames is decided by a status code that went the other
//! way. So one [`Decoder`] is fed with both, in any pieces, in the order in which they came:
//!
//! ```
//! use std::time::Duration;
//! use zcomm_xray::{Direction, Decoder};
//!
//! let mut session = Decoder::new(1);
//! let (bytes, time) = (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", Duration::ZERO);
//! session.feed(time, Direction::ClientToServer, bytes, &mut |seen| println!("{}", seen.to_json()));
//! ```
//!
//! It has no clock, no socket and no thread, so a recording gives the same events as the
//! wire did. What it remembers is bounded: a head of 16 KiB, and of a frame and of a message
//! their first 4 KiB, for each direction. Production feeds it from a capture file.

use std::time::Duration;

use crate::{
    event::{End, Event, EventKind, Open},
    head::Lines,
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
    request: Option<Lines>,
}

impl Decoder {
    /// A connection of which nothing has been seen; `conn` is its number in the events.
    #[must_use]
    pub fn new(conn: u64) -> Decoder {
        Decoder {
            conn,
            client: Side::new(Direction::ClientToServer),
            server: Side::new(Direction::ServerToClient),
            request: None,
        }
    }

    /// The same, with so many bytes of each payload in the events instead of 4 KiB; call it
    /// first.
    #[must_use]
    pub fn keeping(mut self, bytes: usize) -> Decoder {
        self.client.keep = bytes;
        self.server.keep = bytes;
        self
    }

    /// Skips the handshake: both directions start with frames. Call it first.
    #[must_use]
    pub fn after_handshake(mut self) -> Decoder {
        self.client.upgrade(false);
        self.server.upgrade(false);
        self
    }

    /// Says that the connection was opened.
    pub fn open(&mut self, time: Duration, open: Open, see: &mut dyn FnMut(Event)) {
        let mut sink = self.sink(time, Some(see));
        sink.see(None, EventKind::Open(open), Vec::new());
    }

    /// Takes in bytes, and shows what is complete with them. Returns how many frames have
    /// passed unseen: at most one, and only after [`follow`](Decoder::follow).
    pub fn feed(
        &mut self,
        time: Duration,
        from: Direction,
        bytes: &[u8],
        see: &mut dyn FnMut(Event),
    ) -> u64 {
        let mut sink = self.sink(time, Some(see));
        self.take(from, bytes, &mut sink);
        sink.hidden
    }

    /// Takes in bytes when there is no time to show them: much cheaper, and what follows can
    /// be shown again. Returns how many frames and heads have passed unseen; it is for the
    /// caller to say so.
    pub fn follow(&mut self, from: Direction, bytes: &[u8]) -> u64 {
        let mut sink = self.sink(Duration::ZERO, None);
        self.take(from, bytes, &mut sink);
        sink.hidden
    }

    /// Takes in bytes, shows nothing, and passes on what of them may be written down, with the
    /// number of bytes behind them that may not: secrets of a head are stars already, bodies
    /// of HTTP and what nobody understands are numbers. Another session that is fed with that,
    /// and with any bytes for those that are missing, shows what this one would have shown.
    pub fn keep(
        &mut self,
        from: Direction,
        bytes: &[u8],
        keep: &mut dyn FnMut(Direction, &[u8], u64),
    ) {
        let mut sink = self.sink(Duration::ZERO, None);
        sink.keep = Some(keep);
        self.take(from, bytes, &mut sink);
    }

    /// The connection has ended: passes on what was not finished.
    pub fn keep_rest(&mut self, keep: &mut dyn FnMut(Direction, &[u8], u64)) {
        let mut sink = self.sink(Duration::ZERO, None);
        sink.keep = Some(keep);
        self.client.finish(&mut sink);
        self.server.finish(&mut sink);
    }

    /// The connection has ended: shows what was not finished, and how much it was.
    pub fn finish(&mut self, time: Duration, see: &mut dyn FnMut(Event)) {
        let mut sink = self.sink(time, Some(see));
        self.client.finish(&mut sink);
        self.server.finish(&mut sink);
        let end = End {
            client_bytes: self.client.bytes,
            server_bytes: self.server.bytes,
        };
        sink.see(None, EventKind::End(end), Vec::new());
    }

    fn sink<'a>(&self, time: Duration, see: Option<&'a mut dyn FnMut(Event)>) -> Sink<'a> {
        Sink {
            time,
            conn: self.conn,
            see,
            hidden: 0,
            keep: None,
        }
    }

    fn take(&mut self, from: Direction, mut bytes: &[u8], sink: &mut Sink<'_>) {
        let side = match from {
            Direction::ClientToServer => &mut self.client,
            Direction::ServerToClient => &mut self.server,
        };
        side.bytes += bytes.len() as u64;
        while !bytes.is_empty() {
            let request = &mut self.request;
            bytes = match from {
                Direction::ClientToServer => self.client.take(bytes, None, sink, request),
                Direction::ServerToClient => {
                    let client = Some(&mut self.client);
                    self.server.take(bytes, client, sink, request)
                }
            };
        }
    }
}

#[cfg(test)]
mod tests;
