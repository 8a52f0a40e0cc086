//! The codec in our words: messages in, messages out, over one socket.
//!
//! tungstenite turns frames into messages and checks every rule about them. What it leaves
//! open is decided here, once: how much it may buffer, that "not now" (`WouldBlock`) is no
//! error, and which close code answers which mistake — after a protocol error it sends
//! nothing by itself, and a client then cannot tell a mistake of its own from a cable that
//! was cut.
//!
//! It is used without its tokio adapter: that one serves a stream split between two tasks,
//! and pays with two shared wakers each way. One task needs one.
//!
//! Production that needs compression (permessage-deflate) takes another codec here; this
//! one declines the offer.

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
    self, Error as WireError, HandshakeError, WebSocket,
    error::{CapacityError, ProtocolError},
    handshake::client::{ClientHandshake, Request, Response},
    protocol::{CloseFrame, Role, WebSocketConfig},
};

use crate::{
    protocol::rate::Rate,
    protocol::{
        close_reason::CloseReason,
        message::{Message, Text},
    },
    wire::{meter::Meter, transport::Transport},
};

/// Read at a time. It is zeroed before every read and kept per connection, so small is
/// fast; a larger message grows its own buffer.
const READ_BUFFER: usize = 4 * 1024;
/// Sent messages are written without waiting for a flush once they fill this much.
const WRITE_BUFFER: usize = 64 * 1024;
/// For the last bytes, the Close frame among them.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// After our Close and FIN the client may go on sending for so long, unheard …
const LINGER: Duration = Duration::from_secs(1);
/// … and so much (bytes). Dropping a socket with unread input makes the kernel send RST,
/// and an RST can overtake our Close frame.
const LINGER_BYTES: u64 = 1024 * 1024;

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum End {
    /// The other side closed; this is its code and reason.
    #[error("the other side closed with {0}")]
    ByPeer(CloseReason),
    /// This side closed.
    #[error("this side closed with {0}")]
    ByUs(CloseReason),
    /// The network ended without a Close frame; this is what it said.
    #[error("the connection broke without a Close frame: {0}")]
    Broken(String),
}

impl End {
    /// What a client can do about it, where that is known.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        match self {
            End::ByPeer(why) => why.help(),
            End::ByUs(_) | End::Broken(_) => None,
        }
    }

    /// The code it ended with; 1006 stands for "no Close frame" (RFC 6455 section 7.1.5).
    pub(crate) fn code(&self) -> u16 {
        match self {
            End::ByPeer(why) | End::ByUs(why) => why.code(),
            End::Broken(_) => 1006,
        }
    }

    /// The client does not answer pings.
    pub(crate) fn lost() -> End {
        let reason = "keepalive ping timeout";
        End::ByUs(CloseReason::new(CloseReason::SERVER_ERROR, reason))
    }

    /// A rule of this server was broken.
    pub(crate) fn policy(reason: &str) -> End {
        End::ByUs(CloseReason::new(CloseReason::POLICY, reason))
    }
}

/// What a client can send, Close excepted: that is an [`End`].
#[derive(Debug)]
pub(crate) enum Incoming {
    Message(Message),
    /// The codec has put the pong where the next flush finds it.
    Ping(Bytes),
    Pong(Bytes),
}

/// A socket that speaks WebSocket.
pub(crate) struct Wire {
    codec: WebSocket<Meter<Transport>>,
}

impl Wire {
    /// Takes over a stream after the 101; `early` is what the client sent right behind its
    /// request.
    pub(crate) fn new(
        stream: Transport,
        early: Vec<u8>,
        max_message: usize,
        byte_rate: Option<Rate>,
    ) -> Wire {
        let limits = limits(max_message);
        let meter = Meter::new(stream, &early, byte_rate);
        Wire {
            codec: WebSocket::from_partially_read(meter, early, Role::Server, Some(limits)),
        }
    }

    /// The opening handshake from the client's side. `max_message`: the largest that may
    /// come in (bytes). It has no time limit of its own.
    pub(crate) async fn connect(
        stream: Transport,
        request: Request,
        max_message: usize,
    ) -> tungstenite::Result<(Wire, Response)> {
        let meter = Meter::new(stream, &[], None);
        let begun = ClientHandshake::start(meter, request, Some(limits(max_message)));
        let mut handshake = Some(begun?);
        poll_fn(|context| {
            let Some(mut middle) = handshake.take() else {
                return Poll::Pending;
            };
            middle.get_mut().get_mut().set_waker(context.waker());
            match middle.handshake() {
                Ok((codec, response)) => Poll::Ready(Ok((Wire { codec }, response))),
                Err(HandshakeError::Failure(error)) => Poll::Ready(Err(error)),
                Err(HandshakeError::Interrupted(middle)) => {
                    handshake = Some(middle);
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Sets whom to wake when the network is ready. True when that was somebody else.
    pub(crate) fn set_waker(&mut self, waker: &Waker) -> bool {
        self.codec.get_mut().set_waker(waker)
    }

    /// Whether there is something to read. Much cheaper than asking the codec.
    pub(crate) fn is_readable(&self, context: &mut Context<'_>) -> bool {
        self.codec.get_ref().stream.is_readable(context)
    }

    /// Bytes that the network has taken so far.
    pub(crate) fn sent(&self) -> u64 {
        self.codec.get_ref().sent()
    }

    /// Whether a message has begun that is not whole.
    pub(crate) fn in_message(&self) -> bool {
        self.codec.get_ref().in_message()
    }

    /// When the other side has spent half of the bytes it may send at once: how long until
    /// there is half again.
    pub(crate) fn until_half(&self) -> Option<Duration> {
        self.codec.get_ref().until_half()
    }

    /// What came next; `None` when the codec needs more bytes than there are.
    pub(crate) fn read(&mut self) -> Result<Option<Incoming>, End> {
        loop {
            return match self.codec.read() {
                Ok(tungstenite::Message::Text(text)) => {
                    Ok(Some(Incoming::Message(Message::Text(Text(text)))))
                }
                Ok(tungstenite::Message::Binary(bytes)) => {
                    Ok(Some(Incoming::Message(Message::Binary(bytes))))
                }
                Ok(tungstenite::Message::Ping(payload)) => Ok(Some(Incoming::Ping(payload))),
                Ok(tungstenite::Message::Pong(payload)) => Ok(Some(Incoming::Pong(payload))),
                Ok(tungstenite::Message::Close(frame)) => Err(End::ByPeer(frame.into())),
                // Never read, only written.
                Ok(tungstenite::Message::Frame(_)) => continue,
                Err(error) if would_block(&error) => match self.codec.get_ref().overdrawn() {
                    true => Err(End::policy(CloseReason::TOO_FAST)),
                    false => Ok(None),
                },
                Err(error) => Err(error.into()),
            };
        }
    }

    /// Puts a message into the codec. False when the network takes no more for now; the
    /// codec keeps the message either way.
    pub(crate) fn write(&mut self, message: Message) -> Result<bool, End> {
        taken(self.codec.write(message.into()))
    }

    /// Puts a ping into the codec, like [`write`](Wire::write).
    pub(crate) fn ping(&mut self, payload: &[u8]) -> Result<bool, End> {
        let payload = Bytes::copy_from_slice(payload);
        taken(self.codec.write(tungstenite::Message::Ping(payload)))
    }

    /// True when the network has taken everything.
    pub(crate) fn flush(&mut self) -> Result<bool, End> {
        taken(self.codec.flush())
    }

    /// Puts a Close frame behind everything else and writes what the network takes now.
    pub(crate) fn close(&mut self, why: &CloseReason) {
        let frame = CloseFrame {
            code: why.code().into(),
            reason: why.reason().into(),
        };
        // What is not written now is written in `finish`, or given up.
        self.codec.close(Some(frame)).ok();
    }

    /// Ends the connection in good order: what is still to be written, the Close frame
    /// last, then our FIN and a moment for the client's.
    pub(crate) async fn finish(&mut self) {
        let written = timeout(CLOSE_TIMEOUT, poll_fn(|context| self.poll_close(context)));
        if written.await.is_ok() {
            linger(&mut self.codec.get_mut().stream).await;
        }
    }

    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.set_waker(context.waker());
        // After the other side's Close the codec is content once TLS has taken everything;
        // the network has it after the stream's own flush.
        let written = match self.codec.flush() {
            Err(error) if would_block(&error) => return Poll::Pending,
            _ => self.codec.get_mut().flush(),
        };
        match written {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            // Written, or never to be written.
            _ => Poll::Ready(()),
        }
    }
}

/// Ends our side of a connection, so that all we wrote arrives. Whether a client that
/// speaks TLS says goodbye there too or only hangs up is the same to us.
pub(crate) async fn linger(stream: &mut Transport) {
    let farewell = async {
        // With TLS this writes, too, and waits for a network that takes nothing.
        if stream.shutdown().await.is_ok() {
            let mut rest = stream.take(LINGER_BYTES);
            tokio::io::copy(&mut rest, &mut tokio::io::sink())
                .await
                .ok();
        }
    };
    // Whether the client ends in time or not, this is the end.
    timeout(LINGER, farewell).await.ok();
}

fn limits(message: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        // Must be more than the write buffer, or the codec panics. It holds one batch, one
        // entry and one message over it: 512 KiB by default.
        .max_write_buffer_size(256 * 1024 + 4 * message)
        .max_message_size(Some(message))
        .max_frame_size(Some(message))
}

fn would_block(error: &WireError) -> bool {
    matches!(error, WireError::Io(error) if error.kind() == io::ErrorKind::WouldBlock)
}

fn taken(result: tungstenite::Result<()>) -> Result<bool, End> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if would_block(&error) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

impl From<WireError> for End {
    fn from(error: WireError) -> End {
        // RFC 6455 section 7.4.1 gives each kind of mistake its code.
        let (code, reason) = match &error {
            WireError::Io(_)
            | WireError::ConnectionClosed
            | WireError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
                return End::Broken(error.to_string());
            }
            WireError::Protocol(_) => (CloseReason::PROTOCOL, error.to_string()),
            WireError::Utf8(_) => (CloseReason::INVALID_TEXT, "Text is not UTF-8".to_owned()),
            WireError::Capacity(CapacityError::MessageTooLong { max_size, .. }) => (
                CloseReason::TOO_BIG,
                format!("Message larger than {max_size} bytes"),
            ),
            _ => (CloseReason::SERVER_ERROR, error.to_string()),
        };
        End::ByUs(CloseReason::new(code, reason))
    }
}

impl From<Option<CloseFrame>> for CloseReason {
    fn from(frame: Option<CloseFrame>) -> CloseReason {
        match frame {
            Some(frame) => CloseReason::received(frame.code.into(), &frame.reason),
            // RFC 6455 section 7.1.5: a Close frame without a code counts as 1005.
            None => CloseReason::received(1005, ""),
        }
    }
}
