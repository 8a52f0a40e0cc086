//! The codec: turns frames into messages, and messages into frames, on one socket.
//!
//! tungstenite turns frames into messages and checks the rules of RFC 6455. This file adds
//! limits for the memory of the codec. `end` has the close code for each mistake.
//! It also turns `WouldBlock` into "not yet", because `WouldBlock` is not an error.
//!
//! tungstenite itself sends nothing after a protocol error. Without a close code, a client
//! could not distinguish its own mistake from a broken network.
//!
//! This file does not use the stream adapter of tokio-tungstenite. Two tasks can share that
//! adapter, so it needs two wakers for each direction. Here one task owns the socket, so one
//! waker is enough.
//!
//! The codec does not use compression (permessage-deflate).

use std::{
    collections::VecDeque,
    future::poll_fn,
    io::{self, Write},
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};
use tokio_tungstenite::tungstenite::{
    self, Error as WireError,
    error::{CapacityError, ProtocolError},
    protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext},
};

use crate::{
    protocol::{
        close_reason::CloseReason,
        message::{Message, Text},
        rate::Rate,
    },
    wire::{end::End, fragments::FRAGMENT, meter::Meter, transport::Transport},
};

/// The size of the read buffer (bytes). Each connection has one read buffer. The codec fills it
/// with zeros before every read, so a small buffer is fast. A larger message gets its own
/// buffer.
const READ_BUFFER: usize = 4 * 1024;
/// When the codec contains this many bytes, it writes the bytes and does not wait for a flush.
const WRITE_BUFFER: usize = 64 * 1024;
/// The time limit for writing the last bytes and the Close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// After our Close frame and FIN (the end of our TCP stream), input is read and dropped for at
/// most this time. If a socket is closed with unread input, the kernel sends RST (a TCP reset).
/// The RST can arrive before our Close frame.
const LINGER: Duration = Duration::from_secs(1);
/// The maximum number of bytes that are read and dropped during [`LINGER`].
const LINGER_BYTES: u64 = 1024 * 1024;

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

/// A socket that reads and writes WebSocket messages.
pub(crate) struct Wire {
    codec: WebSocketContext,
    /// The bytes below the codec.
    pub(crate) meter: Meter,
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
        Wire {
            codec: WebSocketContext::new(Role::Server, Some(limits(max_message))),
            meter: Meter::new(stream, early, max_message, byte_rate),
        }
    }

    /// Makes the client's side of a WebSocket, after the 101 response. `early` contains the
    /// bytes that the server sent directly after its response. `max_message` is in bytes.
    pub(crate) fn client(stream: Transport, early: Vec<u8>, max_message: usize) -> Wire {
        Wire {
            codec: WebSocketContext::new(Role::Client, Some(limits(max_message))),
            meter: Meter::new(stream, early, max_message, None),
        }
    }

    /// Sets the waker to call when the network is ready. Returns whether the waker has changed.
    pub(crate) fn set_waker(&mut self, waker: &Waker) -> bool {
        self.meter.set_waker(waker)
    }

    /// Whether the network has input. This check is much cheaper than a read of the codec.
    pub(crate) fn is_readable(&self, context: &mut Context<'_>) -> bool {
        self.meter.stream.is_readable(context)
    }

    /// Whether bytes have arrived since the last call, or since the last ping.
    pub(crate) fn take_arrived(&mut self) -> bool {
        std::mem::take(&mut self.meter.arrived)
    }

    /// The number of bytes that the network has accepted, and [`take_arrived`](Wire::take_arrived).
    pub(crate) fn progress(&mut self) -> (u64, bool) {
        (self.sent(), self.take_arrived())
    }

    /// The number of bytes of all messages so far, if a message has begun and not ended.
    pub(crate) fn unfinished_message(&self) -> Option<u64> {
        let input = &self.meter.input;
        input.in_message().then_some(input.payload)
    }

    /// The number of bytes that the network has accepted.
    pub(crate) fn sent(&self) -> u64 {
        self.meter.stream.sent()
    }

    /// Reads the next message, ping or pong; `None` when the codec needs more input.
    pub(crate) fn read(&mut self) -> Result<Option<Received>, End> {
        loop {
            return match self.codec.read(&mut self.meter) {
                Ok(tungstenite::Message::Text(text)) => {
                    Ok(Some(Received::Message(Message::Text(Text(text)))))
                }
                Ok(tungstenite::Message::Binary(bytes)) => {
                    Ok(Some(Received::Message(Message::Binary(bytes))))
                }
                Ok(tungstenite::Message::Ping(payload)) => Ok(Some(Received::Ping(payload))),
                Ok(tungstenite::Message::Pong(payload)) => Ok(Some(Received::Pong(payload))),
                // The codec has replaced a code that it does not know.
                Ok(tungstenite::Message::Close(_)) => {
                    Err(End::ByPeer(self.meter.input.close_reason()))
                }
                // The codec never returns a raw frame from a read.
                Ok(tungstenite::Message::Frame(_)) => continue,
                Err(error) if would_block(&error) => match self.meter.overdrawn {
                    true => Err(End::policy(CloseReason::TOO_FAST)),
                    false => Ok(None),
                },
                Err(error) => Err(self.ended_by(error)),
            };
        }
    }

    /// The end after an error of a read.
    fn ended_by(&self, error: WireError) -> End {
        match error {
            WireError::Protocol(ProtocolError::NonZeroReservedBits)
                if self.meter.input.compressed =>
            {
                End::ByUs(CloseReason::new(CloseReason::PROTOCOL, COMPRESSED))
            }
            // The limit in the error is that of a fragment.
            WireError::Capacity(CapacityError::MessageTooLong { .. }) => {
                let limit = self.codec.get_config().max_message_size;
                let reason = format!("Message larger than {} bytes", limit.unwrap_or_default());
                End::ByUs(CloseReason::new(CloseReason::TOO_BIG, reason))
            }
            error => error.into(),
        }
    }

    /// Puts a message into the codec. Returns false when the network accepts no more bytes now;
    /// the codec keeps the message in this case too.
    pub(crate) fn write(&mut self, message: Message) -> Result<bool, End> {
        accepted(self.codec.write(&mut self.meter, message.into()))
    }

    /// Puts a ping into the codec. Returns false in the same case as [`write`](Wire::write).
    pub(crate) fn ping(&mut self, payload: &[u8]) -> Result<bool, End> {
        self.take_arrived();
        let payload = Bytes::copy_from_slice(payload);
        let ping = tungstenite::Message::Ping(payload);
        accepted(self.codec.write(&mut self.meter, ping))
    }

    /// The frames to send with the next flush. Append frames only after a flush that returned
    /// true.
    pub(crate) fn output(&mut self) -> &mut VecDeque<Bytes> {
        &mut self.meter.output
    }

    /// Writes all bytes that wait. Returns true when the network has accepted all of them.
    pub(crate) fn flush(&mut self) -> Result<bool, End> {
        accepted(self.codec.flush(&mut self.meter))
    }

    /// Puts a Close frame after all other bytes, and writes as much as the network accepts.
    pub(crate) fn close(&mut self, why: &CloseReason) {
        let frame = CloseFrame {
            code: why.code().into(),
            reason: why.reason().into(),
        };
        // Ignore the result: `finish` writes the remaining bytes, or drops them after a time
        // limit.
        self.codec.close(&mut self.meter, Some(frame)).ok();
    }

    /// Sends our Close frame if this side ends the connection. Otherwise sends the codec's
    /// answer to the other side's Close frame. Does not wait for the network:
    /// [`finish`](Wire::finish) waits.
    pub(crate) fn end(&mut self, end: &End) {
        if let End::ByUs(why) = end {
            self.close(why);
        }
        // Flush even if the other side has ended its side of the TCP connection: it may still
        // read. If the flush fails, the connection is broken anyway.
        self.flush().ok();
    }

    /// Writes the remaining bytes, with the Close frame last. Then sends FIN and waits for the
    /// other side's FIN. Takes at most 3 s.
    pub(crate) async fn finish(&mut self) {
        let written = timeout(CLOSE_TIMEOUT, poll_fn(|context| self.poll_close(context)));
        if written.await.is_ok() {
            linger(&mut self.meter.stream).await;
        }
    }

    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.set_waker(context.waker());
        // After a Close frame from the other side, the codec's flush only passes all bytes to
        // TLS. The stream's flush then passes them to the network.
        let written = match self.codec.flush(&mut self.meter) {
            Err(error) if would_block(&error) => return Poll::Pending,
            _ => self.meter.flush(),
        };
        match written {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            // All bytes are written, or the connection is broken.
            _ => Poll::Ready(()),
        }
    }
}

/// Ends our side of a connection so that all bytes that we wrote arrive. Then waits until the
/// other side ends too, with or without the closing alert of TLS.
pub(crate) async fn linger(stream: &mut Transport) {
    let end = async {
        // With TLS, `shutdown` also writes an alert, so it can wait for the network.
        if stream.shutdown().await.is_ok() {
            let mut rest = stream.take(LINGER_BYTES);
            tokio::io::copy(&mut rest, &mut tokio::io::sink())
                .await
                .ok();
        }
    };
    // Ignore a timeout: the connection ends here, even if the client has not ended its side.
    timeout(LINGER, end).await.ok();
}

fn limits(message: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        // This limit must be larger than the write buffer: otherwise the codec panics. It has
        // space for the write buffer and two messages of the largest size: 512 KiB by default.
        .max_write_buffer_size(256 * 1024 + 4 * message)
        .max_message_size(Some(message))
        .max_frame_size(Some(message.min(FRAGMENT as usize)))
}

fn would_block(error: &WireError) -> bool {
    matches!(error, WireError::Io(error) if error.kind() == io::ErrorKind::WouldBlock)
}

fn accepted(result: tungstenite::Result<()>) -> Result<bool, End> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if would_block(&error) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
