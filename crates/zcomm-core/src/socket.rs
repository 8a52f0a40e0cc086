//! The task that owns the socket.
//!
//! One task reads, writes, pings and closes one connection; nobody else touches it. So
//! nothing can be half written by two, and when the client goes, everything of it goes.
//! [`poll_recv`](Socket::poll_recv) is the pump that drives all of it:
//!
//! 1. While whole messages are buffered, return the next one at once.
//! 2. When it would have to wait, first write: mail for this client, what is new in the
//!    hub's log, what the handler has sent. *Flush before you wait* turns a burst of 32
//!    answers into one write.
//! 3. Then wait for all of it together: input, log, mail, the nearest deadline.
//!
//! What is written is bounded: nothing more is taken from the log or the mailbox until the
//! network has taken the batch before.
//!
//! The codec is tungstenite's, used without its tokio adapter: that one supports a stream
//! split between two tasks and pays with two shared wakers each way. One task needs one.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, Sleep, sleep_until, timeout},
};
use tungstenite::{
    Error as WireError, WebSocket,
    error::ProtocolError,
    protocol::{CloseFrame, Role, WebSocketConfig},
};

use crate::{
    clients::{Client, CloseReason, Mail, Membership},
    config::Config,
    deadlines::{Deadlines, Due},
    error::{Error, Result},
    hub::{Cursor, Delivery},
    message::{Message, Text},
    meter::Meter,
    rate::{Bucket, Rate},
};

/// Read at a time. It is zeroed before every read and kept per connection, so small is
/// fast; a larger message grows its own buffer.
const READ_BUFFER: usize = 4 * 1024;
/// Sent messages are written without waiting for `recv` once they fill this much.
const WRITE_BUFFER: usize = 64 * 1024;
/// For the last bytes, the Close frame among them.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// After our Close and FIN the client may go on sending for so long, unheard …
const LINGER: Duration = Duration::from_secs(1);
/// … and so much (bytes). Dropping a socket with unread input makes the kernel send RST,
/// and an RST can overtake our Close frame.
const LINGER_BYTES: u64 = 1024 * 1024;

/// How a connection ended.
#[derive(Debug)]
pub(crate) enum End {
    /// The client closed; this is its code and reason.
    ByClient(CloseReason),
    /// This server closed.
    ByServer(CloseReason),
    /// The network ended without a Close frame.
    Broken(String),
}

impl End {
    fn policy(reason: &str) -> End {
        End::ByServer(CloseReason::new(CloseReason::POLICY, reason))
    }
}

impl From<WireError> for End {
    fn from(error: WireError) -> End {
        // RFC 6455 section 7.4.1 gives each kind of mistake its code.
        let code = match &error {
            WireError::Io(_) | WireError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
                return End::Broken(error.to_string());
            }
            WireError::Protocol(_) => 1002,
            WireError::Utf8(_) => 1007,
            WireError::Capacity(_) => 1009,
            _ => CloseReason::SERVER_ERROR,
        };
        End::ByServer(CloseReason::new(code, error.to_string()))
    }
}

/// A connection after its handshake, with everything that belongs to it.
pub(crate) struct Socket {
    codec: WebSocket<Meter<TcpStream>>,
    client: Arc<Client>,
    /// Gone, with the cursor, as soon as the connection has ended.
    attached: Option<(Membership, Cursor)>,
    batch: Vec<Delivery>,
    deadlines: Deadlines,
    alarm: Pin<Box<Sleep>>,
    limits: Limits,
    messages: Bucket,
    controls: Bucket,
    /// The codec has said that it needs more input than it has.
    drained: bool,
    /// The codec holds output that the network has not got.
    unflushed: bool,
    /// Bytes received when the last message or control frame was whole.
    whole_at: u64,
    end: Option<End>,
}

#[derive(Clone, Copy)]
struct Limits {
    messages: Option<Rate>,
    controls: Option<Rate>,
    send_bytes: usize,
}

impl Socket {
    /// Takes over a stream after the 101; `early` is what the client sent right behind its
    /// request.
    pub(crate) fn new(
        stream: TcpStream,
        early: Vec<u8>,
        config: &Config,
        membership: Membership,
        cursor: Cursor,
    ) -> Socket {
        let message = config.max_message_bytes;
        let wire = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            // Must be more than the write buffer, or the codec panics. It holds one batch,
            // one entry and one message over it: 512 KiB by default.
            .max_write_buffer_size(256 * 1024 + 4 * message)
            .max_message_size(Some(message))
            .max_frame_size(Some(message));
        let meter = Meter::new(stream, config.byte_rate());
        let deadlines = Deadlines::new(config);
        Socket {
            codec: WebSocket::from_partially_read(meter, early, Role::Server, Some(wire)),
            client: Arc::clone(&membership.client),
            attached: Some((membership, cursor)),
            batch: Vec::new(),
            alarm: Box::pin(sleep_until(deadlines.next().0)),
            deadlines,
            limits: Limits {
                messages: config.message_rate(),
                controls: config.control_rate(),
                send_bytes: config.max_send_bytes(),
            },
            messages: Bucket::default(),
            controls: Bucket::default(),
            drained: false,
            unflushed: false,
            whole_at: 0,
            end: None,
        }
    }

    /// The next message, or `None` once the connection has ended, however it did.
    pub(crate) fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Option<Message>> {
        if self.end.is_some() {
            return Poll::Ready(None);
        }
        self.wake(context.waker());
        match self.pump(context) {
            Ok(next) => next.map(Some),
            Err(end) => {
                self.end_with(end);
                Poll::Ready(None)
            }
        }
    }

    /// Waits until there is room for another message: at once, unless the client is slow.
    pub(crate) fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        if self.end.is_none() && self.deadlines.flushing() {
            self.wake(context.waker());
            match self.make_room(context) {
                Ok(true) => {}
                Ok(false) => return Poll::Pending,
                Err(end) => self.end_with(end),
            }
        }
        Poll::Ready(if self.end.is_some() {
            Err(Error::Closed)
        } else {
            Ok(())
        })
    }

    /// Writes everything out.
    pub(crate) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        if self.unflushed {
            self.deadlines.flush_began();
        }
        self.poll_room(context)
    }

    /// Puts a message into the codec. It leaves with the next flush, or now when much has
    /// gathered.
    pub(crate) fn put(&mut self, message: Message) -> Result<()> {
        let (size, limit) = (message.len(), self.limits.send_bytes);
        if size > limit {
            return Err(Error::MessageTooLarge { size, limit });
        }
        if self.end.is_some() {
            return Err(Error::Closed);
        }
        self.write(message.into()).map_err(|end| {
            self.end_with(end);
            Error::Closed
        })
    }

    /// Ends the connection from this side.
    pub(crate) fn close(&mut self, why: CloseReason) {
        if self.end.is_none() {
            self.end_with(End::ByServer(why));
        }
    }

    fn wake(&mut self, waker: &Waker) {
        if self.codec.get_mut().set_waker(waker) {
            self.client.set_waker(waker);
            if let Some((_, cursor)) = &mut self.attached {
                cursor.forget_waker();
            }
        }
    }

    fn make_room(&mut self, context: &mut Context<'_>) -> Result<bool, End> {
        if self.flush()? {
            return Ok(true);
        }
        self.on_alarm(context)?;
        match self.client.next_mail(true) {
            Some(Mail::Close(why)) => Err(End::ByServer(why)),
            _ => Ok(false),
        }
    }

    fn pump(&mut self, context: &mut Context<'_>) -> Result<Poll<Message>, End> {
        loop {
            if let Poll::Ready(message) = self.read(context)? {
                return Ok(Poll::Ready(message));
            }
            self.write_news(context.waker())?;
            // An answered ping leaves something to write, and so does a new one.
            let pinged = self.on_alarm(context)?;
            if !pinged && (!self.unflushed || self.deadlines.flushing()) {
                return Ok(Poll::Pending);
            }
        }
    }

    /// Reads until a message is whole.
    fn read(&mut self, context: &mut Context<'_>) -> Result<Poll<Message>, End> {
        // Asking the codec costs a zeroed buffer; asking the socket costs next to nothing.
        if self.drained
            && self
                .codec
                .get_ref()
                .stream
                .poll_read_ready(context)
                .is_pending()
        {
            return Ok(Poll::Pending);
        }
        self.drained = false;
        loop {
            let message = match self.codec.read() {
                Ok(tungstenite::Message::Text(text)) => Message::Text(Text(text)),
                Ok(tungstenite::Message::Binary(bytes)) => Message::Binary(bytes),
                Ok(tungstenite::Message::Close(frame)) => return Err(End::ByClient(frame.into())),
                Ok(control) => {
                    self.control(control)?;
                    continue;
                }
                Err(WireError::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    return self.ran_dry().map(|()| Poll::Pending);
                }
                Err(error) => return Err(error.into()),
            };
            spend(&mut self.messages, self.limits.messages)?;
            self.whole_at = self.codec.get_ref().received();
            self.deadlines.message_ended();
            return Ok(Poll::Ready(message));
        }
    }

    fn control(&mut self, control: tungstenite::Message) -> Result<(), End> {
        spend(&mut self.controls, self.limits.controls)?;
        match control {
            tungstenite::Message::Pong(payload) => self.deadlines.ponged(&payload),
            // The codec has put the pong where the next flush finds it.
            _ => self.unflushed = true,
        }
        if !self.deadlines.in_message() {
            self.whole_at = self.codec.get_ref().received();
        }
        Ok(())
    }

    /// The codec needs more input than there is: is it in the middle of a message?
    fn ran_dry(&mut self) -> Result<(), End> {
        self.drained = true;
        let meter = self.codec.get_ref();
        if meter.overdrawn() {
            return Err(End::policy("Rate limit exceeded"));
        }
        if meter.received() > self.whole_at {
            self.deadlines.message_began();
        }
        Ok(())
    }

    /// Writes what others have for this client, batch by batch, until there is no more or
    /// the network takes no more.
    fn write_news(&mut self, waker: &Waker) -> Result<(), End> {
        let mut everything = false;
        loop {
            let blocked = !self.flush()?;
            while let Some(mail) = self.client.next_mail(blocked) {
                match mail {
                    Mail::Message(message) => self.write(message.into())?,
                    Mail::Close(why) => return Err(End::ByServer(why)),
                }
                if self.deadlines.flushing() {
                    break;
                }
            }
            if blocked || everything {
                return Ok(());
            }
            let Some((_, cursor)) = &mut self.attached else {
                return Ok(());
            };
            let mut batch = std::mem::take(&mut self.batch);
            everything = cursor.take_into(&mut batch, waker);
            for delivery in batch.drain(..) {
                self.write(news(delivery).into())?;
            }
            self.batch = batch;
        }
    }

    fn write(&mut self, message: tungstenite::Message) -> Result<(), End> {
        self.unflushed = true;
        match self.codec.write(message) {
            Err(WireError::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                // The codec keeps it.
                self.deadlines.flush_began();
                Ok(())
            }
            result => result.map_err(End::from),
        }
    }

    /// True when the network has taken everything.
    fn flush(&mut self) -> Result<bool, End> {
        if self.unflushed {
            match self.codec.flush() {
                Err(WireError::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    self.deadlines.flush_began();
                    return Ok(false);
                }
                result => result?,
            }
            self.unflushed = false;
            self.deadlines.flush_ended();
        }
        Ok(true)
    }

    /// Acts on the deadline that has passed, if one has. True when that was to ping.
    fn on_alarm(&mut self, context: &mut Context<'_>) -> Result<bool, End> {
        loop {
            let (at, due) = self.deadlines.next();
            if at < self.alarm.deadline() {
                self.alarm.as_mut().reset(at);
            }
            if self.alarm.as_mut().poll(context).is_pending() {
                return Ok(false);
            }
            if at > Instant::now() {
                // The deadline it was set for is no more; deadlines move later for free.
                self.alarm.as_mut().reset(at);
                continue;
            }
            match due {
                Due::PongMissing => {
                    let reason = "keepalive ping timeout";
                    return Err(End::ByServer(CloseReason::new(
                        CloseReason::SERVER_ERROR,
                        reason,
                    )));
                }
                Due::FlushStuck => return Err(End::policy("Too slow")),
                Due::MessageSlow => return Err(End::policy("Message too slow")),
                Due::Ping => {
                    if let Some(payload) = self.deadlines.ping() {
                        let payload = Bytes::copy_from_slice(&payload);
                        self.write(tungstenite::Message::Ping(payload))?;
                        return Ok(true);
                    }
                }
            }
        }
    }

    /// Puts the Close frame on its way and leaves the list and the hub. The handler is told
    /// by `None`; [`finish`](Socket::finish) does what needs time.
    fn end_with(&mut self, end: End) {
        let info = &self.client.info;
        let (id, peer) = (info.id, info.peer_addr);
        match &end {
            End::ByClient(CloseReason { code, reason }) => {
                tracing::info!(conn = %id, %peer, code, ?reason, "conn.closed by the client");
            }
            End::ByServer(CloseReason { code, reason }) => {
                tracing::info!(conn = %id, %peer, code, ?reason, "conn.closed by the server");
            }
            End::Broken(reason) => {
                tracing::info!(conn = %id, %peer, ?reason, "conn.closed without a Close frame");
            }
        }
        // What is not written now is written, or given up, in `finish`.
        match &end {
            End::ByServer(CloseReason { code, reason }) => self.codec.close(Some(CloseFrame {
                code: (*code).into(),
                reason: reason.as_str().into(),
            })),
            End::ByClient(_) => self.codec.flush(),
            End::Broken(_) => Ok(()),
        }
        .ok();
        self.attached = None;
        self.end = Some(end);
    }

    /// Ends the connection in good order: the Close frame, our FIN, a moment for the
    /// client's. `close` is what to say when the connection is still open.
    pub(crate) async fn finish(mut self: Box<Self>, close: CloseReason) {
        self.close(close);
        if matches!(self.end, Some(End::Broken(_))) {
            return;
        }
        let rest = std::future::poll_fn(|context| {
            self.wake(context.waker());
            match self.codec.flush() {
                Err(WireError::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    Poll::Pending
                }
                _ => Poll::Ready(()),
            }
        });
        if timeout(CLOSE_TIMEOUT, rest).await.is_ok() {
            linger(&mut self.codec.get_mut().stream).await;
        }
    }
}

/// Ends our side of a TCP connection, so that all we wrote arrives.
pub(crate) async fn linger(stream: &mut TcpStream) {
    if stream.shutdown().await.is_ok() {
        let mut rest = stream.take(LINGER_BYTES);
        // Whether the client ends in time or not, this is the end.
        timeout(LINGER, tokio::io::copy(&mut rest, &mut tokio::io::sink()))
            .await
            .ok();
    }
}

fn spend(bucket: &mut Bucket, rate: Option<Rate>) -> Result<(), End> {
    match rate.map(|rate| bucket.spend(rate, 1.0, Instant::now())) {
        Some(Err(_)) => Err(End::policy("Rate limit exceeded")),
        _ => Ok(()),
    }
}

/// What a client reads for a delivery. A gap is told in words, never left out.
fn news(delivery: Delivery) -> Message {
    match delivery {
        Delivery::Message { message, .. } => message,
        Delivery::Gap { from, to } => Message::from(format!(
            "(you missed {} messages: they came faster than you read)",
            to - from + 1
        )),
    }
}

impl From<Option<CloseFrame>> for CloseReason {
    fn from(frame: Option<CloseFrame>) -> CloseReason {
        match frame {
            Some(frame) => CloseReason::new(frame.code.into(), frame.reason.as_str()),
            // RFC 6455 section 7.1.5: a Close frame without a code counts as 1005.
            None => CloseReason::new(1005, ""),
        }
    }
}
