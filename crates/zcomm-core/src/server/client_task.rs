//! One client, from accept to the end.
//!
//! Handshake, conversation, farewell, one after the other in one task. Each part has a time
//! limit, and what can go wrong in one client's task ends that client: a handler that fails
//! or panics closes its connection with 1011, and the server does not notice.
//!
//! Production wraps a span around this function, so that every log line of one client can
//! be found by its number.

use std::{future::Future, net::SocketAddr, panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use tokio::{
    net::TcpStream,
    sync::watch,
    time::{Instant, timeout},
};

use crate::{
    access::slots::Slot,
    connection::{handle::Connection, socket::Socket},
    error::{Error, Result},
    http::front::{Front, Guest, Upgraded},
    metrics::counters::TIMEOUT,
    protocol::close_reason::CloseReason,
    settings::config::Config,
    tls::identity::why_not,
    wire::{codec::Wire, counted_tcp::CountedTcp, transport::Transport},
    xray::Direction,
};

/// What the tasks of all connections share.
pub(crate) struct Sessions {
    pub(crate) front: Front,
    pub(crate) config: Config,
}

impl Sessions {
    /// One client, from accept to the end.
    pub(crate) async fn serve<H, F>(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        slot: Slot,
        mut stopping: watch::Receiver<bool>,
        handler: Arc<H>,
    ) where
        H: Fn(Connection) -> F,
        F: Future<Output = Result<()>>,
    {
        // Small messages leave at once: the codec gathers what belongs together (Nagle's
        // algorithm would hold them back for the network).
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, %error, "the client left before it was served");
            return;
        }
        // Boxed: what only the handshake needs is given back after it.
        let handshake = Box::pin(self.open(stream, peer, &slot));
        let upgraded = tokio::select! {
            done = timeout(self.config.handshake_timeout, handshake) => match done {
                Ok(upgraded) => upgraded,
                Err(_) => {
                    self.front.metrics.refusals.add(TIMEOUT);
                    tracing::info!(%peer, reason = "handshake_timeout", "handshake.rejected");
                    None
                }
            },
            _ = stopping.wait_for(|stop| *stop) => None,
        };
        drop(stopping);
        if let Some(upgraded) = upgraded {
            self.converse(upgraded, peer, handler).await;
        }
        drop(slot);
    }

    /// From TCP to WebSocket: TLS where it is spoken, then HTTP.
    async fn open(&self, stream: TcpStream, peer: SocketAddr, slot: &Slot) -> Option<Upgraded> {
        let accepted = Instant::now();
        let local = match stream.local_addr() {
            Ok(local) => local,
            Err(error) => {
                tracing::debug!(%peer, %error, "the client left before it was served");
                return None;
            }
        };
        let tcp = CountedTcp::new(stream);
        let transport = match &self.config.tls {
            None => Transport::Plain(tcp),
            Some(identity) => match identity.accept(tcp).await {
                Ok(stream) => Transport::Tls(Box::new(stream.into())),
                Err(error) => {
                    match why_not(&error, local) {
                        Some(reason) => tracing::info!(%peer, reason, "handshake.rejected"),
                        None => tracing::debug!(%peer, %error, "the client left"),
                    }
                    return None;
                }
            },
        };
        let transport =
            transport.watched(self.config.xray.as_ref(), peer, Direction::ClientToServer);
        self.front
            .serve(transport, peer, local, slot, accepted)
            .await
    }

    async fn converse<H, F>(&self, upgraded: Upgraded, peer: SocketAddr, handler: Arc<H>)
    where
        H: Fn(Connection) -> F,
        F: Future<Output = Result<()>>,
    {
        let mut wire = Wire::new(
            upgraded.stream,
            upgraded.early,
            self.config.max_message_bytes,
            self.config.byte_rate(),
        );
        let (membership, cursor, asked) = match upgraded.guest {
            Guest::Client(membership, cursor, asked) => (membership, cursor, Some(asked)),
            Guest::Viewer(membership, cursor) => (membership, cursor, None),
            Guest::Refused(refusal) => {
                let reason = refusal.reason();
                tracing::info!(%peer, code = CloseReason::POLICY, reason, "handshake.rejected");
                wire.close(&CloseReason::new(CloseReason::POLICY, reason));
                return wire.finish().await;
            }
        };
        let info = membership.client.info.clone();
        let id = info.id;
        let front = &self.front;
        let (viewer, metrics) = match (&asked, &front.viewers) {
            (None, Some(viewers)) => (Some(true), &viewers.metrics),
            _ => (None, &front.metrics),
        };
        let socket = Socket::new(wire, &self.config, metrics, membership, cursor);
        let socket = Box::new(socket);
        tracing::info!(conn = %id, %peer, viewer, "conn.opened");
        let (clients, hub) = (front.clients.clone(), front.hub.clone());
        let asked = asked.unwrap_or_default();
        let (connection, back) = Connection::new(socket, info, asked, clients, hub);
        let handler = async |connection| match viewer {
            Some(_) => look(connection).await,
            None => handler(connection).await,
        };
        // A panic ends this connection, not the server: tokio would catch it too, but
        // without a Close frame.
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

/// A viewer gets all that is in its log, and has nothing to say.
async fn look(mut connection: Connection) -> Result<()> {
    while connection.recv().await.is_some() {}
    Ok(())
}
