//! What a handler holds: one client, from join to leave.
//!
//! A handler is called once per connection and reads like a conversation: what happens
//! first, a loop over what the client says, what happens last. What belongs to one client
//! is a local variable of its handler.
//!
//! ```
//! # use zcomm_core::{Connection, Result};
//! async fn shout(mut connection: Connection) -> Result<()> {
//!     while let Some(message) = connection.recv().await {
//!         connection.send(message).await?;
//!     }
//!     Ok(())
//! }
//! ```
//!
//! When the handler returns, the connection closes. When the connection ends, whoever
//! ended it, `recv` yields `None`: to be left is no error.
//!
//! Production gives a handler a deadline for what it awaits besides `recv`.
//!
//! `recv` is also the pump of the connection: while a handler waits in it, broadcasts are
//! written, pings answered and deadlines watched. A handler that stays away from it — in a
//! long computation, in a slow database — stalls its own connection, and no other.

use std::{future::poll_fn, net::SocketAddr, time::Duration};

use tokio::sync::oneshot;

use crate::{
    access::handshake::Caller,
    clients::registry::{ClientId, ClientInfo, Clients},
    connection::socket::Socket,
    error::{Error, Result},
    hub::log::Hub,
    protocol::{close_reason::CloseReason, message::Message},
};

/// One client, as its handler sees it. Dropping it closes the connection.
pub struct Connection {
    info: ClientInfo,
    /// Boxed, since most clients say nothing here.
    caller: Option<Box<Caller>>,
    clients: Clients,
    hub: Hub,
    /// There until drop.
    socket: Option<Box<Socket>>,
    /// Where the socket goes then, for the closing handshake: `drop` cannot wait for it.
    home: Option<oneshot::Sender<Box<Socket>>>,
}

impl Connection {
    /// A connection, and the socket once the handler has let go of it.
    pub(crate) fn new(
        socket: Box<Socket>,
        info: ClientInfo,
        caller: Caller,
        clients: Clients,
        hub: Hub,
    ) -> (Connection, oneshot::Receiver<Box<Socket>>) {
        let (home, back) = oneshot::channel();
        let connection = Connection {
            info,
            caller: (!caller.is_empty()).then(|| Box::new(caller)),
            clients,
            hub,
            socket: Some(socket),
            home: Some(home),
        };
        (connection, back)
    }

    /// This client's number, e.g. for `who says: …`.
    #[must_use]
    pub fn id(&self) -> ClientId {
        self.info.id
    }

    /// The address the client connected from.
    #[must_use]
    pub fn peer_addr(&self) -> SocketAddr {
        self.info.peer_addr
    }

    /// All that is known about the client.
    #[must_use]
    pub fn info(&self) -> &ClientInfo {
        &self.info
    }

    /// The first value of a name in the query of the address that the client used, decoded.
    /// The names `token` and `attempt` are the server's and never found here. The value is
    /// text of a stranger, at most 4 KiB: check it, and log it as `?value`. A secret in it
    /// belongs in no log.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        let mut values = self.caller.as_ref()?.query.all(name);
        values.next().map(|value| &**value)
    }

    /// The name that belongs to the token that the client showed; see
    /// [`tokens`](crate::Config::tokens).
    #[must_use]
    pub fn bound_name(&self) -> Option<&str> {
        self.caller.as_ref()?.name.as_deref()
    }

    /// Everybody who is connected to this server.
    #[must_use]
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// The log that every connection of this server reads.
    #[must_use]
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Waits for the client's next message; `None` once the connection has ended.
    ///
    /// Writes everything that was sent before it waits. Cancel-safe: a handler may
    /// `select!` over it and a clock without losing a message.
    pub async fn recv(&mut self) -> Option<Message> {
        let socket = self.socket.as_mut()?;
        poll_fn(|context| socket.poll_recv(context)).await
    }

    /// Sends a message. It goes out with all others when the handler next waits in
    /// [`recv`](Connection::recv), so answers to a burst leave in one write; one that does
    /// not go back to `recv` soon calls [`flush`](Connection::flush).
    ///
    /// Waits while the client is slow. One that takes less than 64 KiB in 5 s
    /// ([`flush_timeout`]) ends with 1008 `Too slow`.
    ///
    /// # Errors
    /// [`Closed`](Error::Closed) once the connection has ended,
    /// [`MessageTooLarge`](crate::Error::MessageTooLarge) over 64 KiB and twice the limit
    /// for messages that come in.
    ///
    /// [`flush_timeout`]: crate::Config::flush_timeout
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<()> {
        let socket = self.socket.as_mut().ok_or(Error::Closed)?;
        poll_fn(|context| socket.poll_room(context)).await?;
        socket.put(message.into())
    }

    /// Waits until the network has taken everything that was sent.
    ///
    /// # Errors
    /// [`Closed`](Error::Closed) once the connection has ended.
    pub async fn flush(&mut self) -> Result<()> {
        let socket = self.socket.as_mut().ok_or(Error::Closed)?;
        poll_fn(|context| socket.poll_flush(context)).await
    }

    /// Reads one more log beside the server's own: what is in it from position `after` on
    /// (so many messages were seen before) is written to this client, as long as the
    /// connection lasts. A log that is read already is read anew from there. What the ring
    /// no longer holds is told as a gap; a position from the future starts at now.
    ///
    /// Within one log the order is exact; between two there is none. Each costs some bytes
    /// and one look per wake, so a handler bounds how many a client may ask for.
    pub fn subscribe(&mut self, hub: &Hub, after: u64) {
        let id = self.info.id;
        if let Some(logs) = self.socket.as_mut().and_then(|socket| socket.logs()) {
            logs.add(hub.cursor_at(id, after));
        }
    }

    /// Reads that log no more. The server's own log is read to the end.
    pub fn unsubscribe(&mut self, hub: &Hub) {
        if let Some(logs) = self.socket.as_mut().and_then(|socket| socket.logs()) {
            logs.remove(hub);
        }
    }

    /// When this client has spent half of what it may send at once (see
    /// [`rate_limit`](crate::Config::rate_limit)): how long until it may send one more
    /// and has half left. A handler may ask it to wait so long; who spends all is closed with
    /// 1008.
    #[must_use]
    pub fn hurry(&self) -> Option<Duration> {
        let socket = self.socket.as_ref()?;
        // Of messages and of bytes; the longer wait counts.
        socket.messages.until_half().max(socket.wire.until_half())
    }

    /// Ends the connection with a code (RFC 6455 section 7.4) and a reason of at most 123
    /// bytes; a longer one is cut. Without a call to it, a handler that returns closes
    /// with 1000, or with 1011 when it returns an error.
    pub fn close(&mut self, code: u16, reason: &str) {
        if let Some(socket) = &mut self.socket {
            socket.close(CloseReason::new(code, reason));
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let (Some(home), Some(socket)) = (self.home.take(), self.socket.take()) {
            // Nobody is there to take it back when the server was stopped hard; then the
            // socket is dropped here.
            home.send(socket).ok();
        }
    }
}
