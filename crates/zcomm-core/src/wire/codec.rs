//! The codec: turns frames into messages, and messages into frames, on one socket.
//!
//! tungstenite turns frames into messages and checks the rules of RFC 6455. This file adds
//! limits for the memory of the codec. It also turns `WouldBlock` into "not yet", because
//! `WouldBlock` is not an error. The file `end` chooses the close code for each mistake.
//!
//! tungstenite itself sends nothing after a protocol error, so this file sends a Close frame.
//! Without a close code, a client could not distinguish its own mistake from a broken network.
//!
//! This file does not use the stream adapter of tokio-tungstenite. Two tasks can share that
//! adapter, so it needs two wakers for each direction. Here one task owns the socket, so one
//! waker is enough.
//!
//! The codec does not use compression (permessage-deflate).

use std::{
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
    self, Error as WireError, WebSocket,
    error::{CapacityError, ProtocolError},
    protocol::{CloseFrame, Role, WebSocketConfig},
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
/// When this number of bytes waits in the codec, the codec writes them before the next flush.
const WRITE_BUFFER: usize = 64 * 1024;
/// The space in a client's write buffer for everything but the next message (bytes).
const CLIENT_BUFFER: usize = 4 * 1024 * 1024;
/// The time limit for writing the last bytes and the Close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// The time limit for reading and dropping input after our Close frame and FIN (the end of our
/// TCP stream). If a socket is closed with unread input, the kernel sends RST (a TCP reset).
/// After the RST, the other side may not be able to read our Close frame.
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
    codec: WebSocket<Meter>,
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
        let limits = limits(max_message);
        let meter = Meter::new(stream, early, max_message, byte_rate);
        Wire {
            codec: WebSocket::from_raw_socket(meter, Role::Server, Some(limits)),
        }
    }

    /// Makes the client's side of a WebSocket, after the 101 response. `early` contains the
    /// bytes that the server sent directly after its response. `max_message` is in bytes.
    pub(crate) fn client(stream: Transport, early: Vec<u8>, max_message: usize) -> Wire {
        let limits = limits(max_message).max_write_buffer_size(CLIENT_BUFFER);
        let meter = Meter::new(stream, early, max_message, None);
        Wire {
            codec: WebSocket::from_raw_socket(meter, Role::Client, Some(limits)),
        }
    }

    /// Sets the waker to call when the network is ready. Returns whether the waker has changed.
    pub(crate) fn set_waker(&mut self, waker: &Waker) -> bool {
        self.codec.get_mut().set_waker(waker)
    }

    /// Whether the network has input. This check is much cheaper than a read of the codec.
    pub(crate) fn is_readable(&self, context: &mut Context<'_>) -> bool {
        self.meter().stream.is_readable(context)
    }

    /// The meter, which counts the bytes below the codec.
    pub(crate) fn meter(&self) -> &Meter {
        self.codec.get_ref()
    }

    /// Whether bytes have arrived since the last call of this function, or since the last ping.
    pub(crate) fn take_arrived(&mut self) -> bool {
        std::mem::take(&mut self.codec.get_mut().arrived)
    }

    /// The number of bytes that the network has accepted, and whether bytes have arrived (see
    /// [`take_arrived`](Wire::take_arrived)).
    pub(crate) fn progress(&mut self) -> (u64, bool) {
        (self.sent(), self.take_arrived())
    }

    /// If a message has begun and not ended, returns the number of payload bytes that have
    /// arrived on this connection so far. Otherwise `None`.
    pub(crate) fn unfinished_message(&self) -> Option<u64> {
        let frames = &self.meter().frames;
        frames.in_message().then_some(frames.payload)
    }

    /// The number of bytes that the network has accepted.
    pub(crate) fn sent(&self) -> u64 {
        self.meter().stream.sent()
    }

    /// Reads the next message, ping or pong; `None` when the codec needs more input.
    pub(crate) fn read(&mut self) -> Result<Option<Received>, End> {
        loop {
            return match self.codec.read() {
                Ok(tungstenite::Message::Text(text)) => {
                    Ok(Some(Received::Message(Message::Text(Text(text)))))
                }
                Ok(tungstenite::Message::Binary(bytes)) => {
                    Ok(Some(Received::Message(Message::Binary(bytes))))
                }
                Ok(tungstenite::Message::Ping(payload)) => Ok(Some(Received::Ping(payload))),
                Ok(tungstenite::Message::Pong(payload)) => Ok(Some(Received::Pong(payload))),
                // Use the code that has arrived: the codec replaces a code that it does not know.
                Ok(tungstenite::Message::Close(_)) => {
                    Err(End::ByPeer(self.meter().frames.close_reason()))
                }
                // The codec never returns a raw frame from a read.
                Ok(tungstenite::Message::Frame(_)) => continue,
                Err(error) if would_block(&error) => match self.meter().overdrawn {
                    true => Err(End::policy(CloseReason::TOO_FAST)),
                    false => Ok(None),
                },
                Err(error) => Err(self.ended_by(error)),
            };
        }
    }

    /// Raises the limit of a client's write buffer for a message of this size. The limit is for
    /// the pongs to a server that sends pings and does not read.
    pub(crate) fn make_room(&mut self, message: usize) {
        let limit = CLIENT_BUFFER + message;
        self.codec
            .set_config(|config| config.max_write_buffer_size = limit);
    }

    /// Returns how the connection ends after this error of a read.
    fn ended_by(&self, error: WireError) -> End {
        match error {
            WireError::Protocol(ProtocolError::NonZeroReservedBits)
                if self.meter().frames.compressed =>
            {
                End::ByUs(CloseReason::new(CloseReason::PROTOCOL, COMPRESSED))
            }
            // Do not show the limit in the error, which is the limit of one fragment.
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
        accepted(self.codec.write(message.into()))
    }

    /// Puts a ping into the codec. Returns false when the network accepts no more bytes now;
    /// the codec keeps the ping in this case too.
    pub(crate) fn ping(&mut self, payload: &[u8]) -> Result<bool, End> {
        self.take_arrived();
        let payload = Bytes::copy_from_slice(payload);
        accepted(self.codec.write(tungstenite::Message::Ping(payload)))
    }

    /// Writes the codec's bytes. Returns true when the network has accepted all of these bytes.
    pub(crate) fn flush(&mut self) -> Result<bool, End> {
        accepted(self.codec.flush())
    }

    /// Puts a Close frame after all other bytes, and writes as much as the network accepts.
    pub(crate) fn close(&mut self, why: &CloseReason) {
        let frame = CloseFrame {
            code: why.code().into(),
            reason: why.reason().into(),
        };
        // Ignore the result: `finish` writes the remaining bytes, or drops them after a time
        // limit.
        self.codec.close(Some(frame)).ok();
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
            linger(&mut self.codec.get_mut().stream).await;
        }
    }

    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.set_waker(context.waker());
        // After a Close frame from the other side, the codec's flush only passes all bytes to
        // TLS. The stream's flush then passes them to the network.
        let written = match self.codec.flush() {
            Err(error) if would_block(&error) => return Poll::Pending,
            _ => self.codec.get_mut().flush(),
        };
        match written {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            // All bytes are written, or the connection is broken.
            _ => Poll::Ready(()),
        }
    }
}

/// Ends our side of a connection so that all bytes that we wrote arrive. Then waits until the
/// other side ends the connection too, but at most one second.
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
        // space for the write buffer, one batch and two messages of the largest size: 512 KiB
        // by default.
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
