//! A handler's connection to one client, from the handshake to the end.
//!
//! The server calls the handler once for each connection. The lines before the handler's loop
//! run when the client joins. The loop runs once for each message. The lines after the loop run
//! at the end. The state of one client is a local variable of the handler.
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
//! When the handler returns, the connection closes. When the connection ends for any reason,
//! `recv` returns `None`. This is not an error.
//!
//! `recv` also does the work of the connection: while the handler waits in `recv`, the
//! connection writes broadcasts, answers pings and checks its deadlines.
//!
//! A handler that waits for something else, e.g. a slow database, delays only its own connection.
//! In production, set a time limit for everything else that a handler awaits.

use std::{future::poll_fn, net::SocketAddr, sync::Arc, time::Duration};

use tokio::sync::oneshot;

use crate::{
    access::handshake::Caller,
    clients::registry::{ClientId, ClientInfo, Clients, Entry},
    connection::{socket::Socket, sources::Sources},
    error::{Error, Result},
    hub::log::Hub,
    protocol::{close_reason::CloseReason, message::Message},
    wire::end::End,
};

/// A handler's connection to one client. Dropping this value closes the connection.
pub struct Connection {
    client: Arc<Entry>,
    /// The query and the name of the client. Most clients have neither, so a box saves memory.
    caller: Option<Box<Caller>>,
    clients: Clients,
    hub: Hub,
    /// `None` only during `drop`.
    socket: Option<Box<Socket>>,
    /// Sends the socket back to the client's task when the connection is dropped. The client's
    /// task does the closing handshake, because `drop` cannot wait for the client.
    home: Option<oneshot::Sender<Box<Socket>>>,
}

impl Connection {
    /// Returns a connection, and a channel that receives the socket when the connection is
    /// dropped.
    pub(crate) fn new(
        socket: Box<Socket>,
        caller: Caller,
        clients: Clients,
        hub: Hub,
    ) -> (Connection, oneshot::Receiver<Box<Socket>>) {
        let (home, back) = oneshot::channel();
        let connection = Connection {
            client: Arc::clone(&socket.client),
            caller: (!caller.is_empty()).then(|| Box::new(caller)),
            clients,
            hub,
            socket: Some(socket),
            home: Some(home),
        };
        (connection, back)
    }

    /// The number of this client, unique during one run of the server.
    #[must_use]
    pub fn id(&self) -> ClientId {
        self.client.info.id
    }

    /// The address from which the client connected.
    #[must_use]
    pub fn peer_addr(&self) -> SocketAddr {
        self.client.info.peer_addr
    }

    /// The client's number, address and time of connection.
    #[must_use]
    pub fn info(&self) -> &ClientInfo {
        &self.client.info
    }

    /// Returns the value of `name` in the query of the address that the client opened, decoded.
    /// Returns `None` if the query has no such name, and always for `token` and `attempt`.
    ///
    /// The server refuses a handshake with 400 if a name occurs twice in the query, or if the
    /// query is not UTF-8. The limits of a query are eight names (plus `token` and `attempt`),
    /// and 512 bytes for each name and each value.
    ///
    /// The value is untrusted input, so check the value. To log the value, write `?value`, which
    /// escapes line breaks. Do not log a secret.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        self.caller.as_ref()?.query.only(name)
    }

    /// The name that belongs to the client's token; `None` if the token has no name. See
    /// [`tokens`](crate::Config::tokens).
    #[must_use]
    pub fn bound_name(&self) -> Option<&str> {
        self.caller.as_ref()?.name.as_deref()
    }

    /// The clients that are connected to this server.
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
    /// Before it waits, `recv` writes all messages from [`send`](Connection::send) to the
    /// network. Cancel-safe: a handler may use `recv` in `select!` with a timer, and no message
    /// is lost.
    pub async fn recv(&mut self) -> Option<Message> {
        let socket = self.socket.as_mut()?;
        poll_fn(|context| socket.poll_recv(context)).await
    }

    /// Puts a message into a queue. The next call of [`recv`](Connection::recv) that waits sends
    /// the queue. So after a burst of messages, one write sends all answers. A handler that does
    /// not call `recv` soon must call [`flush`](Connection::flush).
    ///
    /// This call waits while the client is slow. A client that accepts less than 64 KiB in 5 s
    /// ([`flush_timeout`](crate::Config::flush_timeout)) is closed with 1008 `Too slow`.
    ///
    /// # Errors
    /// [`Closed`](Error::Closed) once the connection has ended.
    /// [`MessageTooLarge`](crate::Error::MessageTooLarge) when the message is over 64 KiB plus
    /// twice [`max_message_bytes`](crate::Config::max_message_bytes).
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<()> {
        let Some(socket) = &mut self.socket else {
            return Err(Error::Closed);
        };
        poll_fn(|context| socket.poll_space(context)).await?;
        let message = message.into();
        self.clients.check_size(&message)?;
        socket.put(message)
    }

    /// Waits until the network has accepted everything that was sent.
    ///
    /// # Errors
    /// [`Closed`](Error::Closed) once the connection has ended.
    pub async fn flush(&mut self) -> Result<()> {
        let Some(socket) = &mut self.socket else {
            return Err(Error::Closed);
        };
        poll_fn(|context| socket.poll_flush(context)).await
    }

    /// Subscribes this client to another log, in addition to the server's own log. The client
    /// gets the messages from position `after` on. If the log has evicted some of these messages,
    /// the client gets a message about the gap. If `after` is beyond the end of the log, the
    /// client gets only new messages. A second call for the same log sets a new position.
    ///
    /// The client gets the messages of one log in their order. Messages of two logs have no
    /// order.
    ///
    /// Each log costs some memory, and some time whenever the client's task wakes. So limit the
    /// number of logs per client.
    pub fn subscribe(&mut self, hub: &Hub, after: u64) {
        let id = self.id();
        if let Some(sources) = self.sources() {
            sources.logs.add(hub.cursor_at(id, after));
        }
    }

    /// Ends the subscription to a log. The subscription to the server's own log stays.
    pub fn unsubscribe(&mut self, hub: &Hub) {
        if let Some(sources) = self.sources() {
            sources.logs.remove(hub);
        }
    }

    /// Returns a delay if this client has used more than half of its burst (see
    /// [`rate_limit`](crate::Config::rate_limit)), otherwise `None`. The handler may ask the
    /// client to wait for this delay. After the delay, half of the burst is left again. A client
    /// that exceeds the whole burst is closed with 1008.
    #[must_use]
    pub fn hurry(&self) -> Option<Duration> {
        self.socket.as_ref()?.until_half()
    }

    /// Calls `act` when the connection ends, before the Close frame is written. If the client
    /// reads this frame and connects again, `act` has already run. `act` must be fast.
    ///
    /// A second call of `on_end` replaces the first `act`. After the end of the connection,
    /// `on_end` has no effect.
    pub fn on_end(&mut self, act: impl FnOnce(&End) + Send + 'static) {
        if let Some(socket) = &mut self.socket {
            socket.recorder.on_end(act);
        }
    }

    /// Ends the connection with a code (RFC 6455 section 7.4) and a reason, which is cut to 123
    /// bytes. If a handler returns without this call, the code is 1000. If the handler returns an
    /// error, the code is 1011.
    pub fn close(&mut self, code: u16, reason: &str) {
        if let Some(socket) = &mut self.socket {
            socket.close(CloseReason::new(code, reason));
        }
    }

    /// `None` once the connection has ended.
    fn sources(&mut self) -> Option<&mut Sources> {
        self.socket.as_mut()?.sources.as_mut()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let (Some(home), Some(socket)) = (self.home.take(), self.socket.take()) {
            // If the client's task was aborted, this fails and drops the socket here.
            home.send(socket).ok();
        }
    }
}
