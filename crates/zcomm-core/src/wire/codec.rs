//! The codec: turns frames into messages, and messages into frames, on one socket.
//!
//! tungstenite turns frames into messages and checks the rules of RFC 6455. This file adds
//! limits for the memory of the codec. This file also turns `WouldBlock` into "not yet",
//! because `WouldBlock` is not an error. The file `end` chooses the close code for each
//! mistake.
//!
//! tungstenite itself sends nothing after a protocol error, so this file sends a Close frame.
//! Without a close code, a client could not distinguish its own mistake from a broken network.
//!
//! This file does not use the stream adapter of tokio-tungstenite. Two tasks can share that
//! adapter, so the adapter has four wakers. (A waker runs a task again.) Here one task owns the
//! socket, so this file needs only one waker.
//!
//! The codec does not use compression (permessage-deflate).

use std::{
    future::poll_fn,
    io::Write,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::{
    self, Error as WireError, Message as WireMessage,
    error::{CapacityError, ProtocolError},
    protocol::{CloseFrame, Role, WebSocketContext},
};

use crate::{
    protocol::{
        close_reason::CloseReason,
        message::{Message, Text},
        rate::Rate,
    },
    wire::{
        end::End,
        linger::{LINGER, linger, read_to_end},
        meter::{Meter, is_blocked},
        spare::{CLIENT_BUFFER, Kind},
        transport::Transport,
    },
};

/// The time limit for writing the last bytes and the Close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The close reason after a compressed frame.
const COMPRESSED: &str = "Compressed frame: no compression was agreed";

/// What the other side can send. A Close frame is not in this list, because it is an [`End`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A text or binary message.
    Message(Message),
    /// A ping with at most 125 bytes (RFC 6455 section 5.5). Its pong is sent automatically.
    Ping(Bytes),
    /// A pong: the answer to a ping, or a pong that the other side sends without a ping.
    Pong(Bytes),
}

/// A socket that reads and writes WebSocket messages. `repr(C)` keeps the order of the fields:
/// the fields that each delivery uses come first.
#[repr(C)]
pub(crate) struct Wire {
    /// `None` while nothing is in the buffers of the codec, see `spare`.
    codec: Option<Box<WebSocketContext>>,
    /// Whether the last read ended because more input is needed.
    drained: bool,
    /// The bytes below the codec.
    pub(crate) meter: Meter,
    kind: Kind,
}

impl Wire {
    /// Makes the server's side of a WebSocket, after the 101 response. `early` contains the
    /// bytes that the client sent directly after its request. `max_message` is in bytes.
    pub(crate) fn new(
        stream: Transport,
        early: Vec<u8>,
        max_message: usize,
        byte_rate: Option<Rate>,
    ) -> Wire {
        let meter = Meter::new(stream, early, max_message, byte_rate);
        Wire::on(meter, Role::Server, max_message)
    }

    /// Makes the client's side of a WebSocket, after the 101 response. `early` contains the
    /// bytes that the server sent directly after its response. `max_message` is in bytes.
    pub(crate) fn client(stream: Transport, early: Vec<u8>, max_message: usize) -> Wire {
        let meter = Meter::new(stream, early, max_message, None);
        Wire::on(meter, Role::Client, max_message)
    }

    fn on(meter: Meter, role: Role, max_message: usize) -> Wire {
        Wire {
            codec: None,
            drained: false,
            meter,
            kind: Kind { role, max_message },
        }
    }

    /// The codec, and the meter below the codec. Takes a codec if this connection has none.
    fn codec(&mut self) -> (&mut WebSocketContext, &mut Meter) {
        let codec = &mut self.codec;
        let codec = codec.get_or_insert_with(|| self.kind.take_codec());
        (codec, &mut self.meter)
    }

    /// Gives the codec and the buffers to the thread, if they are empty. Call this function before
    /// the task waits.
    pub(crate) fn rest(&mut self) {
        self.meter.rest();
        if self.codec.is_none() || !self.drained || self.meter.input.in_message() {
            return;
        }
        // If a flush wrote a full buffer, a pong may still wait in the codec. So flush once
        // more.
        let meter = &mut self.meter;
        let is_empty =
            |codec: &mut Box<WebSocketContext>| codec.can_write() && codec.flush(meter).is_ok();
        if let Some(codec) = self.codec.take_if(is_empty) {
            self.kind.keep_codec(codec);
        }
    }

    /// Sets the waker to call when the network is ready. Returns whether the waker has changed.
    pub(crate) fn set_waker(&mut self, waker: &Waker) -> bool {
        self.meter.set_waker(waker)
    }

    /// Whether a read may find something. This check is much cheaper than a read.
    pub(crate) fn is_readable(&mut self) -> bool {
        !self.drained || self.meter.is_readable()
    }

    /// Whether bytes have arrived since the last call of this function, or since the last ping.
    pub(crate) fn take_arrived(&mut self) -> bool {
        std::mem::take(&mut self.meter.arrived)
    }

    /// The number of bytes that the network has accepted, and whether bytes have arrived (see
    /// [`take_arrived`](Wire::take_arrived)).
    pub(crate) fn progress(&mut self) -> (u64, bool) {
        (self.sent(), self.take_arrived())
    }

    /// If a message has begun and not ended, returns the number of payload bytes of all messages
    /// that have arrived on this connection. Otherwise `None`.
    pub(crate) fn unfinished_message(&self) -> Option<u64> {
        let input = &self.meter.input;
        input.in_message().then_some(input.payload)
    }

    /// The number of bytes that the network has accepted.
    pub(crate) fn sent(&self) -> u64 {
        self.meter.stream.sent()
    }

    /// Returns the next message, if it is in the read buffer as one whole frame.
    pub(crate) fn buffered(&mut self) -> Option<Message> {
        // A connection without a buffer reads nothing else here: each delivery calls this.
        let has_unread = !self.meter.unread().is_empty();
        has_unread.then(|| self.meter.buffered(self.kind))?
    }

    /// Reads the next message, ping or pong; `None` when the codec needs more input.
    pub(crate) fn read(&mut self) -> Result<Option<Received>, End> {
        self.drained = false;
        loop {
            return match self.next() {
                Ok(WireMessage::Text(text)) => {
                    Ok(Some(Received::Message(Message::Text(Text(text)))))
                }
                Ok(WireMessage::Binary(bytes)) => {
                    Ok(Some(Received::Message(Message::Binary(bytes))))
                }
                Ok(WireMessage::Ping(payload)) => Ok(Some(Received::Ping(payload))),
                Ok(WireMessage::Pong(payload)) => Ok(Some(Received::Pong(payload))),
                // `tungstenite` replaces a close code that it does not know. So the close code comes
                // from the bytes that have arrived.
                Ok(WireMessage::Close(_)) => Err(End::ByPeer(self.meter.input.close_reason())),
                // The codec never returns a raw frame from a read.
                Ok(WireMessage::Frame(_)) => continue,
                Err(error) if would_block(&error) && self.meter.overdrawn => {
                    Err(End::policy(CloseReason::TOO_FAST))
                }
                Err(error) if would_block(&error) => {
                    self.drained = true;
                    Ok(None)
                }
                Err(error) => Err(self.ended_by(error)),
            };
        }
    }

    /// Reads the next message. If the message has arrived as one whole frame, this needs no
    /// codec. The codec reads everything else.
    fn next(&mut self) -> tungstenite::Result<WireMessage> {
        if let Some(message) = self.meter.whole_message(self.kind)? {
            return Ok(message.into());
        }
        let (codec, meter) = self.codec();
        codec.read(meter)
    }

    /// Raises the limit of a client's write buffer for a message of this size. The limit
    /// protects the memory from a server that sends pings, but does not read the pongs.
    pub(crate) fn make_room(&mut self, message: usize) {
        let limit = CLIENT_BUFFER + message;
        let (codec, _) = self.codec();
        codec.set_config(|config| config.max_write_buffer_size = limit);
    }

    /// Returns how the connection ends after this error of a read.
    fn ended_by(&self, error: WireError) -> End {
        match error {
            WireError::Protocol(ProtocolError::NonZeroReservedBits)
                if self.meter.input.compressed =>
            {
                End::ByUs(CloseReason::new(CloseReason::PROTOCOL, COMPRESSED))
            }
            // The limit in the error may be the limit of one fragment, so show `max_message`
            // instead.
            WireError::Capacity(CapacityError::MessageTooLong { .. }) => {
                let reason = format!("Message larger than {} bytes", self.kind.max_message);
                End::ByUs(CloseReason::new(CloseReason::TOO_BIG, reason))
            }
            // With TLS, the read ends at a close_notify. After it, TCP may stay open.
            WireError::ConnectionClosed
            | WireError::Protocol(ProtocolError::ResetWithoutClosingHandshake)
                if self.meter.stream.is_tls() =>
            {
                End::Broken("the other side ended TLS with a close_notify".to_owned())
            }
            error => error.into(),
        }
    }

    /// Puts a message behind all other output. Returns false when the network accepts no more
    /// bytes now; the message is kept in this case too.
    pub(crate) fn write(&mut self, message: Message) -> Result<bool, End> {
        // A server's frame needs no codec. But if there is a codec, a part of another frame
        // may wait in it.
        if self.codec.is_none() && self.kind.role == Role::Server {
            return accepted(self.meter.put(&message).map_err(WireError::Io));
        }
        let (codec, meter) = self.codec();
        accepted(codec.write(meter, message.into()))
    }

    /// Puts a ping into the codec. Returns false when the network accepts no more bytes now;
    /// the codec keeps the ping in this case too.
    pub(crate) fn ping(&mut self, payload: &[u8]) -> Result<bool, End> {
        self.take_arrived();
        let payload = Bytes::copy_from_slice(payload);
        let ping = WireMessage::Ping(payload);
        let (codec, meter) = self.codec();
        accepted(codec.write(meter, ping))
    }

    /// The next flush sends these frames first. The codec does not see them. Call this
    /// function only after a flush that returned true.
    pub(crate) fn send_first(&mut self, frames: Bytes) {
        self.meter.output = frames;
    }

    /// Writes all bytes that wait. Returns true when the network has accepted all of them.
    pub(crate) fn flush(&mut self) -> Result<bool, End> {
        accepted(self.flush_buffers())
    }

    fn flush_buffers(&mut self) -> tungstenite::Result<()> {
        match &mut self.codec {
            Some(codec) => {
                // Send the frames of the meter here, because the codec writes nothing after
                // the end of the input.
                self.meter.send_frames()?;
                codec.flush(&mut self.meter)
            }
            None => Ok(self.meter.flush()?),
        }
    }

    /// Puts a Close frame after all other bytes, and writes as much as the network accepts.
    pub(crate) fn close(&mut self, why: &CloseReason) {
        let frame = CloseFrame {
            code: why.code().into(),
            reason: why.reason().into(),
        };
        // Ignore the results: `finish` writes the remaining bytes, or drops them after a time
        // limit.
        let (codec, meter) = self.codec();
        // The codec keeps a pong back until the next flush, and no frame may follow the Close.
        codec.flush(meter).ok();
        codec.close(meter, Some(frame)).ok();
    }

    /// Sends our Close frame if this side ends the connection. Otherwise sends the codec's
    /// answer to the other side's Close frame. Returns whether the network has accepted all
    /// bytes. Does not wait for the network: [`finish`](Wire::finish) waits.
    pub(crate) fn end(&mut self, end: &End) -> bool {
        if let End::ByUs(why) = end {
            self.close(why);
        }
        // Flush even if the other side has ended its side of the TCP connection: the other
        // side may still read. If the flush fails, the connection is broken anyway.
        self.flush().unwrap_or(false)
    }

    /// Writes the remaining bytes, with the Close frame last, and ends the TCP connection. The
    /// server sends its FIN first (RFC 6455 section 7.1.1). Takes at most 3 s on a server, and 4 s
    /// on a client.
    pub(crate) async fn finish(&mut self) {
        if self.write_last(None).await {
            self.leave().await;
        }
    }

    /// Writes the remaining bytes, with the Close frame last. Takes at most 2 s, and ends at
    /// `until`. Returns whether the network has accepted all bytes.
    pub(crate) async fn write_last(&mut self, until: Option<Instant>) -> bool {
        let limit = Instant::now() + CLOSE_TIMEOUT;
        let until = until.map_or(limit, |until| until.min(limit));
        let written = timeout_at(until, poll_fn(|context| self.poll_close(context)));
        written.await.unwrap_or(false)
    }

    /// Ends the TCP connection, after all bytes are written.
    pub(crate) async fn leave(&mut self) {
        // The buffers are not needed any more, so free them before the wait.
        self.codec = None;
        self.meter.rest();
        let stream = &mut self.meter.stream;
        if self.kind.role == Role::Client {
            timeout(LINGER, read_to_end(stream)).await.ok();
        }
        linger(stream).await;
    }

    /// Returns whether all bytes are written, or the connection is broken.
    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        self.set_waker(context.waker());
        // After a Close frame from the other side, the codec's flush only passes all bytes to
        // TLS. The stream's flush then passes them to the network.
        let written = match self.flush_buffers() {
            Err(error) if would_block(&error) => return Poll::Pending,
            _ => self.meter.flush(),
        };
        match written {
            Err(error) if is_blocked(&error) => Poll::Pending,
            written => Poll::Ready(written.is_ok()),
        }
    }
}

fn would_block(error: &WireError) -> bool {
    matches!(error, WireError::Io(error) if is_blocked(error))
}

fn accepted(result: tungstenite::Result<()>) -> Result<bool, End> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if would_block(&error) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::counted_tcp::CountedTcp;
    use proptest::prelude::*;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };

    const MASK: [u8; 4] = [1, 2, 3, 4];

    async fn connect() -> (Wire, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let (server, client) = tokio::join!(listener.accept(), client);
        let stream = Transport::Plain(CountedTcp::new(server.unwrap().0));
        (
            Wire::new(stream, Vec::new(), 1 << 20, None),
            client.unwrap(),
        )
    }

    /// A masked frame with a short payload.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let masked = payload.iter().zip(MASK.iter().cycle()).map(|(a, b)| a ^ b);
        let head = [first, 0x80 | payload.len() as u8];
        head.into_iter().chain(MASK).chain(masked).collect()
    }

    /// Reads what has arrived, answers pings, and rests.
    async fn take_messages(wire: &mut Wire) -> Vec<Message> {
        let mut messages = Vec::new();
        while !wire.take_arrived() {
            wire.meter.stream.tcp().readable().await.unwrap();
            while let Some(received) = wire.read().unwrap() {
                if let Received::Message(message) = received {
                    messages.push(message);
                }
            }
        }
        assert!(wire.flush().unwrap());
        wire.rest();
        let in_message = wire.unfinished_message().is_some();
        assert_eq!(wire.codec.is_some(), in_message, "an idle one has no codec");
        messages
    }

    /// Each client sends its messages in pieces. The pieces of the two clients alternate.
    async fn two_clients_in_turn(sizes: &[usize]) {
        let mut connections = [connect().await, connect().await];
        let mut messages = [vec![], vec![]];
        let streams = [b"a", b"b"].map(|name| {
            let first_bytes = [0x81, 0x89, 0x01, 0x89, 0x80];
            let frames = first_bytes.map(|first| frame(first, name));
            [frames.concat(), frame(0x82, &[])].concat()
        });
        let (mut start, mut sizes) = (0, sizes.iter().cycle());
        while start < streams[0].len() {
            let end = streams[0].len().min(start + sizes.next().unwrap());
            for (n, (wire, client)) in connections.iter_mut().enumerate() {
                client.write_all(&streams[n][start..end]).await.unwrap();
                messages[n].extend(take_messages(wire).await);
            }
            start = end;
        }
        for (n, (_, mut client)) in connections.into_iter().enumerate() {
            let name = ["a", "b"][n];
            let twice = Message::from(name.repeat(2));
            let empty = Message::Binary(Bytes::new());
            assert_eq!(messages[n], [name.into(), twice, empty]);
            let mut pongs = [0; 6];
            client.read_exact(&mut pongs).await.unwrap();
            let pong = [0x8a, 1, name.as_bytes()[0]];
            assert_eq!(pongs, *[pong, pong].as_flattened());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn connections_share_a_codec_but_no_byte(sizes in proptest::collection::vec(1..20_usize, 1..10)) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(two_clients_in_turn(&sizes));
        }
    }
}
