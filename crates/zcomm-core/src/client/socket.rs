//! A WebSocket connection of a client to a server.
//!
//! The client uses the same codec, limits and close codes as the server, because a server can be
//! hostile too.
//!
//! [`recv`](ClientSocket::recv) sends a ping when the server has sent nothing for some time. If
//! the server does not answer the ping, `recv` ends the connection.
//!
//! To connect again after the end, use a [`Client`](crate::Client).

use std::{
    fmt,
    future::poll_fn,
    task::{Context, Poll, ready},
};

use tokio::{
    task::coop,
    time::{Instant, timeout_at},
};

use crate::{
    client::{
        dial::dial,
        keepalive::{CLOSE_NOT_ANSWERED, Keepalive, PEER_TIMEOUT},
        opening::Opening,
        options::ConnectOptions,
    },
    error::{Error, Result},
    protocol::{close_reason::CloseReason, message::Message, progress::Output},
    tls::trust::Trust,
    wire::codec::{Received, Wire},
    wire::end::End,
};

/// What happened on a connection: the result of [`ClientSocket::step`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The server sent a message, a ping or a pong.
    Received(Received),
    /// This client sent a ping, because the server had sent nothing for the ping interval.
    Pinged,
    /// The network has accepted all queued bytes: [`ClientSocket::feed`] accepts a message again.
    Writable,
}

/// A WebSocket that this program has opened. Dropping it ends the connection without a Close
/// frame.
pub struct ClientSocket {
    wire: Wire,
    opening: Opening,
    keepalive: Keepalive,
    /// Whether bytes of a message from `feed` wait for the network.
    full: bool,
    /// The time limit of a call of `send` that waits for the network.
    output: Output,
    end: Option<End>,
}

impl ClientSocket {
    /// Connects to a `ws://` or `wss://` address, within 10 s. For `wss://`, `trust` must
    /// accept the server's certificate.
    ///
    /// # Errors
    /// [`Error::Connect`], which names the step that failed and what to do.
    pub async fn connect(url: &str, trust: &Trust) -> Result<ClientSocket> {
        ClientSocket::connect_with(&ConnectOptions::new(url, trust)).await
    }

    /// Connects with these options.
    ///
    /// # Errors
    /// [`Error::Connect`], which names the step that failed and what to do.
    pub async fn connect_with(options: &ConnectOptions) -> Result<ClientSocket> {
        let (wire, opening) = dial(options).await?;
        Ok(ClientSocket {
            wire,
            opening,
            keepalive: Keepalive::new(options),
            full: false,
            output: Output::default(),
            end: None,
        })
    }

    /// What the client learned while it connected.
    #[must_use]
    pub fn opening(&self) -> &Opening {
        &self.opening
    }

    /// How the connection ended; `None` while it is open.
    #[must_use]
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Sends a message and waits until the network has accepted it. If the network accepts less
    /// than 64 KiB in 5 s, the connection ends.
    ///
    /// If you send many messages, call [`recv`](ClientSocket::recv) between the calls of `send`.
    /// A server that answers each message stops reading when you do not read its answers.
    ///
    /// If the call is dropped while it waits, the message stays queued. The next call of `send`
    /// or `recv` sends it.
    ///
    /// # Errors
    /// [`Error::Closed`] once the connection has ended or is closing.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<()> {
        let message = message.into();
        self.wire.make_room(message.len());
        self.write(|wire| wire.write(message)).await
    }

    /// Queues a message. [`step`](ClientSocket::step) sends the queue before it waits, so one
    /// write sends many small messages.
    ///
    /// Returns false if the message was not queued, because the network accepts no data now. In
    /// this case, call `step` until it returns [`Step::Writable`], and then try again.
    ///
    /// # Errors
    /// [`Error::Closed`] once the connection has ended or is closing.
    pub fn feed(&mut self, message: impl Into<Message>) -> Result<bool> {
        self.check_open()?;
        let queued = self.queue(message.into());
        queued.map_err(|end| self.fail(end))
    }

    fn queue(&mut self, message: Message) -> Result<bool, End> {
        self.full = self.full && !self.wire.flush()?;
        if self.full {
            return Ok(false);
        }
        // The codec stores this message, even if the network does not accept it now.
        self.wire.make_room(message.len());
        self.full = !self.wire.write(message)?;
        Ok(true)
    }

    /// Sends a ping. A payload over 125 bytes is cut to 125 (RFC 6455 section 5.5).
    ///
    /// # Errors
    /// [`Error::Closed`] once the connection has ended or is closing.
    pub async fn ping(&mut self, payload: &[u8]) -> Result<()> {
        let payload = &payload[..payload.len().min(125)];
        self.write(|wire| wire.ping(payload)).await
    }

    /// Queues a ping. [`step`](ClientSocket::step) sends the queue before it waits. A payload
    /// over 125 bytes is cut to 125.
    ///
    /// # Errors
    /// [`Error::Closed`] once the connection has ended or is closing.
    pub fn feed_ping(&mut self, payload: &[u8]) -> Result<()> {
        self.check_open()?;
        let queued = self.wire.ping(&payload[..payload.len().min(125)]);
        queued.map(drop).map_err(|end| self.fail(end))
    }

    /// Waits for the next message; `None` once the connection has ended. Cancel-safe: dropping
    /// this call loses no message.
    pub async fn recv(&mut self) -> Option<Message> {
        loop {
            if let Received::Message(message) = self.recv_any().await? {
                return Some(message);
            }
        }
    }

    /// Waits for the next message, ping or pong; `None` once the connection has ended.
    /// Cancel-safe: dropping this call loses no message.
    pub async fn recv_any(&mut self) -> Option<Received> {
        loop {
            if let Step::Received(received) = self.step().await? {
                return Some(received);
            }
        }
    }

    /// Waits for the next [`Step`]; `None` once the connection has ended. Cancel-safe: dropping
    /// this call loses no message.
    pub async fn step(&mut self) -> Option<Step> {
        while self.end.is_none() {
            if self.keepalive.close_timed_out() {
                self.end_with(End::Broken(CLOSE_NOT_ANSWERED.into()));
                return None;
            }
            let due = self.keepalive.due();
            let read = poll_fn(|context| self.poll_step(context));
            let read = match due {
                Some(due) => timeout_at(due, read).await,
                None => Ok(read.await),
            };
            match read {
                Ok(Ok(step)) => {
                    if let Step::Received(_) = step {
                        self.keepalive.received();
                        self.wire.take_arrived();
                    }
                    return Some(step);
                }
                Ok(Err(end)) => self.end_with(end),
                Err(_) if self.deadline_passed() => return Some(Step::Pinged),
                Err(_) => {}
            }
        }
        None
    }

    /// Handles a deadline that has passed. If the server may be gone, sends a ping. If the server
    /// has not answered the last ping or our Close frame, ends the connection. Returns whether a
    /// ping was sent.
    fn deadline_passed(&mut self) -> bool {
        let (sent, arrived) = self.wire.progress();
        if self.keepalive.is_alive(arrived, sent) {
            return false;
        }
        match self.keepalive.passed(sent) {
            Some(reason) => {
                self.end_with(End::Broken(reason.into()));
                false
            }
            // If the ping fails, the connection has ended.
            None => self.feed_ping(&[]).is_ok(),
        }
    }

    /// Sends a Close frame with a code (RFC 6455 section 7.4) and a reason of at most 123 bytes.
    /// For at most 5 s, `recv` still returns messages that arrive before the server's Close
    /// frame.
    pub fn start_close(&mut self, code: u16, reason: &str) {
        if self.end.is_none() && self.keepalive.closing.is_none() {
            self.wire.close(&CloseReason::new(code, reason));
            self.keepalive.closing = Some((Instant::now(), code));
        }
    }

    /// Sends a Close frame and waits at most 5 s for the server's Close frame. Messages that
    /// arrive before the server's Close frame are dropped. Returns the server's close code and
    /// reason.
    ///
    /// # Errors
    /// [`Error::Ended`] when the server sent no Close frame, or a Close frame with an error code.
    /// The codes 1000, 1001 and 1005 (no code) are not errors. The code that we sent is not an
    /// error either.
    pub async fn close(&mut self, code: u16, reason: &str) -> Result<CloseReason> {
        self.start_close(code, reason);
        while self.recv().await.is_some() {}
        if !matches!(self.end, Some(End::Broken(_))) {
            self.wire.finish().await;
        }
        let ours = self.keepalive.closing.map(|(_, code)| code);
        match &self.end {
            Some(End::ByPeer(why))
                if !why.is_forbidden()
                    && (matches!(why.code(), 1000 | 1001 | 1005) || ours == Some(why.code())) =>
            {
                Ok(why.clone())
            }
            Some(end) => Err(Error::Ended {
                what: end.to_string(),
                help: end.help(),
            }),
            None => Err(Error::Closed),
        }
    }

    /// Checks that data may be sent: no data may follow a Close frame (RFC 6455 section 5.5.1).
    fn check_open(&self) -> Result<()> {
        match self.end.is_none() && self.keepalive.closing.is_none() {
            true => Ok(()),
            false => Err(Error::Closed),
        }
    }

    async fn write(&mut self, put: impl FnOnce(&mut Wire) -> Result<bool, End>) -> Result<()> {
        self.check_open()?;
        self.output.ended();
        // First try without a timer, because most writes finish at once.
        let written = put(&mut self.wire);
        let flush = poll_fn(|context| Poll::Ready(self.poll_flush(context)));
        let mut written = match written {
            Ok(_) => flush.await,
            Err(end) => Poll::Ready(Err(end)),
        };
        loop {
            match (written, self.output.until()) {
                (Poll::Ready(written), _) => return written.map_err(|end| self.fail(end)),
                (Poll::Pending, Some(until)) if until > Instant::now() => {
                    let flush = poll_fn(|context| self.poll_flush(context));
                    let flush = timeout_at(until, flush).await;
                    written = flush.map_or(Poll::Pending, Poll::Ready);
                }
                (Poll::Pending, _) => {
                    return Err(self.fail(End::Broken("the server accepts no data".into())));
                }
            }
        }
    }

    /// Flushes. Moves the time limit if the network has accepted more bytes.
    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), End>> {
        self.wire.set_waker(context.waker());
        match self.wire.flush() {
            Ok(true) => {
                self.output.ended();
                Poll::Ready(Ok(()))
            }
            Ok(false) => {
                self.output.waits(self.wire.sent(), PEER_TIMEOUT);
                Poll::Pending
            }
            Err(end) => Poll::Ready(Err(end)),
        }
    }

    fn poll_step(&mut self, context: &mut Context<'_>) -> Poll<Result<Step, End>> {
        // tokio limits the number of messages that this task reads in one turn. So other futures
        // run even if the server sends without pause.
        let turn = ready!(coop::poll_proceed(context));
        self.wire.set_waker(context.waker());
        match self.wire.read() {
            Ok(Some(received)) => {
                turn.made_progress();
                Poll::Ready(Ok(Step::Received(received)))
            }
            // Flush the pongs and the queued messages before waiting.
            Ok(None) => match self.wire.flush() {
                Ok(true) if std::mem::take(&mut self.full) => Poll::Ready(Ok(Step::Writable)),
                Ok(_) => Poll::Pending,
                Err(end) => Poll::Ready(Err(end)),
            },
            Err(end) => Poll::Ready(Err(end)),
        }
    }

    fn end_with(&mut self, end: End) {
        self.wire.end(&end);
        self.end = Some(end);
    }

    /// Ends the connection and returns [`Error::Closed`].
    fn fail(&mut self, end: End) -> Error {
        self.end_with(end);
        Error::Closed
    }
}

impl fmt::Debug for ClientSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientSocket({})", self.opening.addr)
    }
}
