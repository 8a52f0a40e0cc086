//! The task of one client: handshake, conversation, closing handshake.
//!
//! Each handshake has a time limit. During the conversation, `connection/deadlines` detects a
//! client that is gone or too slow.
//!
//! A failure in this task ends only this connection. If a handler fails or panics, its
//! connection is closed with 1011, and the server continues.

use std::{future::Future, net::SocketAddr, panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use tokio::{
    net::TcpStream,
    sync::watch,
    time::{Instant, timeout_at},
};

use crate::{
    access::{handshake::Caller, refusal::Refusal, slots::Slot},
    connection::{handle::Connection, socket::Socket, sources::Sources},
    error::{Error, Result},
    http::{
        accepted::Accepted,
        front::{SENT_NOTHING, Upgraded},
        router::{Guest, Router},
    },
    metrics::counters::{LEFT, TLS_FAILED},
    protocol::close_reason::CloseReason,
    settings::config::Config,
    tls::{
        identity::{Identity, why_not},
        renewal::CurrentIdentity,
    },
    wire::{codec::Wire, counted_tcp::CountedTcp, transport::Transport},
    xray::Direction,
};

/// The state that the tasks of all clients share.
pub(crate) struct ClientTasks {
    pub(crate) router: Router,
    pub(crate) config: Arc<Config>,
    /// The certificate for new connections. `None` without TLS.
    pub(crate) identity: Option<CurrentIdentity>,
}

/// A connection after the 101 response. The sockets are boxed, so that this value needs little
/// memory in the task of each client.
enum Entered {
    Client(Box<Socket>, Caller),
    /// A page that watches the X-ray of another connection of the same page.
    Viewer(Box<Socket>),
    /// A connection to close with this reason.
    Refused(Box<Wire>, CloseReason),
}

impl ClientTasks {
    /// Serves one client, from accept to the end.
    #[expect(
        clippy::manual_async_fn,
        reason = "an `async fn` stores each argument twice in the memory of the task"
    )]
    pub(crate) fn serve<H, F>(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        slot: Slot,
        mut stopping: watch::Receiver<bool>,
        handler: Arc<H>,
    ) -> impl Future<Output = ()>
    where
        H: Fn(Connection) -> F,
        F: Future<Output = Result<()>>,
    {
        async move {
            // Boxed, so that the memory of the handshake is freed when the handshake ends.
            let handshake = Box::pin(async {
                let upgraded = self.open(stream, peer, &slot).await?;
                self.enter(upgraded, peer)
            });
            let entered = tokio::select! {
                entered = handshake => entered,
                _ = stopping.wait_for(|stop| *stop) => None,
            };
            drop(stopping);
            match entered {
                Some(Entered::Client(socket, caller)) => self.talk(socket, caller, &*handler).await,
                Some(Entered::Viewer(socket)) => self.talk(socket, Caller::default(), &view).await,
                Some(Entered::Refused(mut wire, why)) => {
                    wire.close(&why);
                    wire.finish().await;
                }
                None => {}
            }
            drop(slot);
        }
    }

    /// Opens the WebSocket on a TCP connection: TLS if it is configured, then HTTP.
    async fn open(&self, stream: TcpStream, peer: SocketAddr, slot: &Slot) -> Option<Upgraded> {
        let since = Instant::now();
        // Linux copies this option from the listening socket, so the call is not needed there.
        let options = match cfg!(target_os = "linux") {
            true => Ok(()),
            false => stream.set_nodelay(true),
        };
        let ready = options.and_then(|()| stream.local_addr());
        let local = match ready {
            Ok(local) => local,
            Err(error) => {
                self.router.metrics.refusals.add(LEFT);
                tracing::debug!(%peer, %error, "the client left before it was served");
                return None;
            }
        };
        let mut accepted = Accepted {
            peer,
            local,
            slot,
            since,
            deadline: since + self.config.handshake_timeout,
            plain_on_tls: false,
        };
        let transport = match &self.identity {
            None => Transport::Plain(CountedTcp::new(stream)),
            Some(identity) => self.secure(&identity.get(), stream, &accepted).await?,
        };
        accepted.plain_on_tls = self.identity.is_some() && matches!(transport, Transport::Plain(_));
        let xray = self.config.xray.as_ref();
        let transport = transport.watched(xray, peer, Direction::ClientToServer);
        self.router.serve(transport, &accepted).await
    }

    /// Does the TLS handshake. If the client sends plain HTTP, returns the plain connection, so
    /// that the router can answer that this port needs TLS. Returns `None` if the handshake
    /// fails.
    async fn secure(
        &self,
        identity: &Identity,
        stream: TcpStream,
        accepted: &Accepted<'_>,
    ) -> Option<Transport> {
        let mut has_sent = false;
        let handshake = async {
            let mut first = [0];
            has_sent = stream.peek(&mut first).await? == 1;
            // A plain request begins with a letter, e.g. `GET`. A TLS record never begins with a
            // letter.
            if has_sent && first[0].is_ascii_alphabetic() {
                return Ok(Transport::Plain(CountedTcp::new(stream)));
            }
            let stream = identity.accept(CountedTcp::new(stream)).await?;
            Ok(Transport::Tls(Box::new(stream.into())))
        };
        let router = &self.router;
        let failed = match timeout_at(accepted.deadline, handshake).await {
            Ok(Ok(transport)) => return Some(transport),
            Ok(Err(error)) => Some(error),
            Err(_) => None,
        };
        let Some(error) = failed else {
            let reason = match has_sent {
                true => "handshake_timeout: the TLS handshake was not complete in time",
                false => SENT_NOTHING,
            };
            router.note_end(Refusal::Timeout.row().word, reason, accepted);
            return None;
        };
        match why_not(&error, accepted.local).filter(|_| has_sent) {
            Some(reason) => router.note_end(TLS_FAILED, &reason, accepted),
            None => router.note_left("the TLS handshake", has_sent, accepted),
        }
        None
    }

    /// Turns an upgraded connection into a socket. This function is not `async`, because an
    /// `async fn` would reserve memory for its variables in every task.
    fn enter(&self, upgraded: Upgraded, peer: SocketAddr) -> Option<Entered> {
        let config = &self.config;
        let (max_message, byte_rate) = (config.max_message_bytes, config.byte_rate());
        let wire = Wire::new(upgraded.stream, upgraded.early, max_message, byte_rate);
        match upgraded.guest {
            Guest::Client(membership, cursor, caller) => {
                tracing::info!(conn = %membership.client.info.id, %peer, "conn.opened");
                let metrics = &self.router.metrics;
                let socket = Socket::new(wire, config, metrics, Sources::new(membership, cursor));
                Some(Entered::Client(Box::new(socket), caller))
            }
            Guest::Viewer(membership, cursor) => {
                let metrics = &self.router.viewers.as_ref()?.metrics;
                tracing::info!(conn = %membership.client.info.id, %peer, viewer = true, "conn.opened");
                let socket = Socket::new(wire, config, metrics, Sources::new(membership, cursor));
                Some(Entered::Viewer(Box::new(socket)))
            }
            Guest::Refused(refusal) => {
                let reason = refusal.row().reason;
                tracing::info!(%peer, code = CloseReason::POLICY, reason, "handshake.rejected");
                let why = CloseReason::new(CloseReason::POLICY, reason);
                Some(Entered::Refused(Box::new(wire), why))
            }
        }
    }

    /// Runs the handler of one connection, then the closing handshake.
    async fn talk<F>(&self, socket: Box<Socket>, caller: Caller, handler: &impl Fn(Connection) -> F)
    where
        F: Future<Output = Result<()>>,
    {
        let id = socket.client.info.id;
        let (clients, hub) = (self.router.clients.clone(), self.router.hub.clone());
        let (connection, back) = Connection::new(socket, caller, clients, hub);
        // A panic must end only this connection. tokio would also catch the panic, but the
        // client would not get a Close frame.
        let talk = AssertUnwindSafe(async { handler(connection).await }).catch_unwind();
        let why = match talk.await {
            Ok(Ok(()) | Err(Error::Closed)) => CloseReason::new(CloseReason::NORMAL, ""),
            Ok(Err(error)) => {
                tracing::error!(conn = %id, "the handler failed: {error}");
                CloseReason::new(CloseReason::SERVER_ERROR, "Internal error")
            }
            Err(_) => {
                tracing::error!(conn = %id, "the handler panicked");
                CloseReason::new(CloseReason::SERVER_ERROR, "Internal error")
            }
        };
        if let Ok(socket) = back.await {
            socket.finish(why).await;
        }
    }
}

/// The handler of a viewer. The handler ignores messages from the page. While the handler
/// waits for a message, the connection sends the entries of the log.
async fn view(mut connection: Connection) -> Result<()> {
    while connection.recv().await.is_some() {}
    Ok(())
}
