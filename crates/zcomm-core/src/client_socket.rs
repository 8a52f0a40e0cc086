//! A WebSocket seen from the client's side.
//!
//! The codec, its limits and its close codes are those of the server: a client must be
//! able to bear a hostile server just as a server its clients. What it lacks is the hub: a
//! client has one conversation.
//!
//! Every wait has an end but one: [`recv`](ClientSocket::recv) waits for a server that has
//! nothing to say. Production sends pings meanwhile, since a network that is gone says
//! nothing either.

use std::{
    future::poll_fn,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::timeout;

use crate::{
    clients::CloseReason,
    dial::{Opening, dial},
    error::{Error, Result},
    message::Message,
    trust::Trust,
    wire::{End, Incoming, Wire},
};

/// For the network to take a message, and for the server to answer our Close frame.
const PATIENCE: Duration = Duration::from_secs(5);

/// A WebSocket that this program has opened.
pub struct ClientSocket {
    wire: Wire,
    opening: Opening,
    end: Option<End>,
}

impl ClientSocket {
    /// Connects to a `ws://` or `wss://` address; a server of `wss://` must be believed by
    /// `trust`. Takes at most 10 s.
    ///
    /// # Errors
    /// [`Error::Connect`], which says at which step it failed and what to do.
    pub async fn connect(url: &str, trust: &Trust) -> Result<ClientSocket> {
        let (wire, opening) = dial(url, trust).await?;
        Ok(ClientSocket {
            wire,
            opening,
            end: None,
        })
    }

    /// What was learned while it was opened.
    #[must_use]
    pub fn opening(&self) -> &Opening {
        &self.opening
    }

    /// Sends a message and waits until the network has taken it, at most 5 s.
    ///
    /// # Errors
    /// [`Error::Closed`] once the connection has ended.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<()> {
        if self.end.is_none() {
            let mut message = Some(message.into());
            let sent = poll_fn(|context| {
                self.wire.set_waker(context.waker());
                let written = message.take().map(|message| self.wire.write(message));
                match written.unwrap_or(Ok(true)).and_then(|_| self.wire.flush()) {
                    Ok(true) => Poll::Ready(Ok(())),
                    Ok(false) => Poll::Pending,
                    Err(end) => Poll::Ready(Err(end)),
                }
            });
            match timeout(PATIENCE, sent).await {
                Ok(Ok(())) => {}
                Ok(Err(end)) => self.end_with(end),
                Err(_) => self.end_with(End::Broken("the server takes nothing".into())),
            }
        }
        match self.end {
            None => Ok(()),
            Some(_) => Err(Error::Closed),
        }
    }

    /// The next message; `None` once the connection has ended. Pings are answered on the
    /// way. Cancel-safe; waits as long as the server is silent.
    pub async fn recv(&mut self) -> Option<Message> {
        while self.end.is_none() {
            match poll_fn(|context| self.poll_read(context)).await {
                Ok(Incoming::Message(message)) => return Some(message),
                Ok(Incoming::Ping | Incoming::Pong(_)) => {}
                Err(end) => self.end_with(end),
            }
        }
        None
    }

    /// Closes with a code (RFC 6455 section 7.4) and a reason, and waits for the server's
    /// answer, at most 5 s. The code and reason it closed with, if it did.
    pub async fn close(mut self, code: u16, reason: &str) -> Option<CloseReason> {
        if self.end.is_none() {
            self.wire.close(&CloseReason::new(code, reason));
            // What comes before the answer was on its way already.
            let answer = async { while self.recv().await.is_some() {} };
            timeout(PATIENCE, answer).await.ok();
        }
        match self.end {
            Some(End::ByClient(why)) => Some(why),
            _ => None,
        }
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Result<Incoming, End>> {
        self.wire.set_waker(context.waker());
        match self.wire.read() {
            Ok(Some(incoming)) => Poll::Ready(Ok(incoming)),
            // Now is the time for what waits to be written, e.g. pongs.
            Ok(None) => match self.wire.flush() {
                Ok(_) => Poll::Pending,
                Err(end) => Poll::Ready(Err(end)),
            },
            Err(end) => Poll::Ready(Err(end)),
        }
    }

    fn end_with(&mut self, end: End) {
        if let End::ByServer(why) = &end {
            self.wire.close(why);
        }
        // The answer to a Close is where a flush finds it; when it fails, all is over anyway.
        self.wire.flush().ok();
        self.end = Some(end);
    }
}
