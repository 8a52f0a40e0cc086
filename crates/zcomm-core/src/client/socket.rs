//! A WebSocket seen from the client's side.
//!
//! The codec, its limits and its close codes are those of the server: a client must be
//! able to bear a hostile server just as a server its clients. What it lacks is the hub: a
//! client has one conversation.
//!
//! A network that is gone says nothing, and neither does a server that has nothing to say.
//! So [`recv`](ClientSocket::recv) asks after a while whether the server is still there,
//! and a connection whose ping is not answered has ended.
//!
//! Production adds what `client` has: it comes back by itself.

use std::{
    fmt,
    future::{Future, poll_fn},
    task::{Context, Poll, ready},
};

use tokio::{
    task::coop,
    time::{Instant, timeout, timeout_at},
};

use crate::{
    client::{
        dial::dial,
        keepalive::{NO_GOODBYE, PATIENCE, Pulse},
        opening::Opening,
        options::ConnectOptions,
    },
    error::{Error, Result},
    protocol::{close_reason::CloseReason, message::Message},
    tls::trust::Trust,
    wire::codec::{End, Received, Wire},
};

/// A WebSocket that this program has opened.
pub struct ClientSocket {
    wire: Wire,
    opening: Opening,
    pulse: Pulse,
    /// The network did not take everything when a message was fed last.
    full: bool,
    end: Option<End>,
}

impl ClientSocket {
    /// Connects to a `ws://` or `wss://` address; a server of `wss://` must be believed by
    /// `trust`. Takes at most 10 s.
    ///
    /// # Errors
    /// [`Error::Connect`], which says at which step it failed and what to do.
    pub async fn connect(url: &str, trust: &Trust) -> Result<ClientSocket> {
        ClientSocket::connect_with(&ConnectOptions::new(url, trust)).await
    }

    /// Connects as the options say.
    ///
    /// # Errors
    /// [`Error::Connect`], which says at which step it failed and what to do.
    pub async fn connect_with(options: &ConnectOptions) -> Result<ClientSocket> {
        let (wire, opening) = dial(options).await?;
        Ok(ClientSocket {
            wire,
            opening,
            pulse: Pulse::new(options),
            full: false,
            end: None,
        })
    }

    /// What was learned while it was opened.
    #[must_use]
    pub fn opening(&self) -> &Opening {
        &self.opening
    }

    /// How the connection has ended, once it has.
    #[must_use]
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Sends a message and waits until the network has taken it, at most 5 s. Whoever sends
    /// much calls [`recv`](ClientSocket::recv) in between: a server that answers each message
    /// stops reading when nobody takes its answers.
    ///
    /// Not cancel-safe in one way: a message that was begun leaves with the next one.
    ///
    /// # Errors
    /// [`Error::Closed`] once the connection has ended, or was asked to close.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<()> {
        let message = message.into();
        self.write(|wire| wire.write(message)).await
    }

    /// Puts a message behind those that wait to be sent. [`recv`](ClientSocket::recv) sends
    /// them all before it waits: so many small messages are one write. Returns whether the
    /// message was taken; while the network takes nothing it is not, and `recv` is what to
    /// do until then.
    ///
    /// # Errors
    /// [`Error::Closed`] once the connection has ended, or was asked to close.
    pub fn feed(&mut self, message: impl Into<Message>) -> Result<bool> {
        if self.end.is_some() || self.pulse.closing.is_some() {
            return Err(Error::Closed);
        }
        let room = match self.full {
            true => self.wire.flush(),
            false => Ok(true),
        };
        let fed = room.and_then(|room| match room {
            // The codec keeps this message, whether the network takes it now or not.
            true => self.wire.write(message.into()).map(|taken| (true, !taken)),
            false => Ok((false, true)),
        });
        match fed {
            Ok((taken, full)) => {
                self.full = full;
                Ok(taken)
            }
            Err(end) => {
                self.end_with(end);
                Err(Error::Closed)
            }
        }
    }

    /// Sends a ping with at most 125 bytes (RFC 6455 section 5.5); more are cut off.
    ///
    /// # Errors
    /// [`Error::Closed`] once the connection has ended, or was asked to close.
    pub async fn ping(&mut self, payload: &[u8]) -> Result<()> {
        let payload = &payload[..payload.len().min(125)];
        self.write(|wire| wire.ping(payload)).await
    }

    /// The next message; `None` once the connection has ended. Cancel-safe.
    pub async fn recv(&mut self) -> Option<Message> {
        loop {
            if let Received::Message(message) = self.recv_any().await? {
                return Some(message);
            }
        }
    }

    /// The next message, ping or pong; `None` once the connection has ended. Cancel-safe.
    pub async fn recv_any(&mut self) -> Option<Received> {
        while self.end.is_none() {
            if self.pulse.is_left() {
                self.end_with(End::Broken(NO_GOODBYE.into()));
                return None;
            }
            let due = self.pulse.due();
            let read = poll_fn(|context| self.poll_read(context));
            let read = match due {
                Some(due) => timeout_at(due, read).await,
                None => Ok(read.await),
            };
            match read {
                Ok(Ok(received)) => {
                    self.pulse.heard();
                    return Some(received);
                }
                Ok(Err(end)) => self.end_with(end),
                Err(_) => match self.pulse.overdue() {
                    Some(silence) => self.end_with(End::Broken(silence.into())),
                    // When this fails, the connection has ended.
                    None => drop(self.ping(&[]).await),
                },
            }
        }
        None
    }

    /// Asks the server to close, with a code (RFC 6455 section 7.4) and a reason. What it
    /// sends until its own Close frame is still to be received, as long as it takes 5 s.
    pub fn start_close(&mut self, code: u16, reason: &str) {
        if self.end.is_none() && self.pulse.closing.is_none() {
            self.wire.close(&CloseReason::new(code, reason));
            self.pulse.closing = Some((Instant::now(), code));
        }
    }

    /// Closes and waits until the server has agreed, at most 5 s. Messages that were on their
    /// way are dropped. Returns the code and reason the server closed with.
    ///
    /// # Errors
    /// [`Error::Ended`] when the server did not agree, or had refused before: with any code
    /// but 1000, 1001, 1005 and ours.
    pub async fn close(&mut self, code: u16, reason: &str) -> Result<CloseReason> {
        self.start_close(code, reason);
        while self.recv().await.is_some() {}
        // RFC 6455 section 7.1.1: the server hangs up first, if it does so soon.
        if !matches!(self.end, Some(End::Broken(_))) {
            self.wire.finish().await;
        }
        match &self.end {
            Some(End::ByPeer(why))
                if matches!(why.code(), 1000 | 1001 | 1005)
                    || self
                        .pulse
                        .closing
                        .is_some_and(|(_, ours)| ours == why.code()) =>
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

    async fn write(&mut self, put: impl FnOnce(&mut Wire) -> Result<bool, End>) -> Result<()> {
        // No data follows a Close frame (RFC 6455 section 5.5.1); the codec would take it for a
        // breach of the protocol.
        if self.pulse.closing.is_some() {
            return Err(Error::Closed);
        }
        if self.end.is_none() {
            let mut put = Some(put);
            let written = poll_fn(|context| {
                self.wire.set_waker(context.waker());
                let taken = put.take().map_or(Ok(true), |put| put(&mut self.wire));
                match taken.and_then(|_| self.wire.flush()) {
                    Ok(true) => Poll::Ready(Ok(())),
                    Ok(false) => Poll::Pending,
                    Err(end) => Poll::Ready(Err(end)),
                }
            });
            match within_patience(written).await {
                Some(Ok(())) => {}
                Some(Err(end)) => self.end_with(end),
                None => self.end_with(End::Broken("the server takes nothing".into())),
            }
        }
        match self.end {
            None => Ok(()),
            Some(_) => Err(Error::Closed),
        }
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Result<Received, End>> {
        // A read can bring ten thousand messages: whoever else waits in this task has a turn
        // after some of them, or a server that never stops would be all that it hears.
        let turn = ready!(coop::poll_proceed(context));
        self.wire.set_waker(context.waker());
        match self.wire.read() {
            Ok(Some(received)) => {
                turn.made_progress();
                Poll::Ready(Ok(received))
            }
            // Now is the time for what waits to be written, e.g. pongs.
            Ok(None) => match self.wire.flush() {
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
}

impl fmt::Debug for ClientSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientSocket({})", self.opening.addr)
    }
}

/// A timer costs more than a write that is done at once, and most are.
async fn within_patience<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    match poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await {
        Poll::Ready(done) => Some(done),
        Poll::Pending => timeout(PATIENCE, future).await.ok(),
    }
}
