//! The server: accept, one task per client, stop in good order.
//!
//! Accepting must never wait for a client and never end because of one: the handshake runs
//! in the client's own task under a time limit, and an error of `accept` is logged and
//! outlived. Stopping is part of the design, not an afterthought: nobody new, a Close
//! frame to everyone at the same moment, five seconds for all of it together.
//!
//! What a test needs to change is passed in: the settings, the handler, and the future
//! that says when to stop.
//!
//! Production runs several of these behind a load balancer, and TLS in front.

use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    panic::AssertUnwindSafe,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use futures_util::FutureExt;
use tokio::{
    net::{TcpListener, TcpStream, lookup_host},
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::{
    clients::{Clients, CloseReason},
    config::Config,
    connection::Connection,
    descriptors,
    error::{Error, Result},
    handshake::Gate,
    http::{Front, Upgraded},
    hub::{Hub, HubLimits},
    origin::Origin,
    page::Page,
    refusal::Refusal,
    slots::{Slot, Slots},
    socket::Socket,
    token::{DEMO_TOKEN, Token},
    why::Why,
};

/// How long `accept` rests after an error such as "too many open files", which would else
/// come back hundreds of thousands of times a second.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A server that listens. It talks once [`run`](Server::run) is called.
pub struct Server {
    config: Config,
    listener: TcpListener,
    local_addr: SocketAddr,
    page: Option<Page>,
    clients: Clients,
    hub: Hub,
    /// Set when the token was made for this run, so that it can be shown once.
    new_token: Option<String>,
}

impl Server {
    /// Checks the settings against each other and listens.
    ///
    /// Where authentication is required and no token is set, a random one is made.
    ///
    /// # Errors
    /// [`Error::AddressInUse`] and [`Error::Listen`] when it cannot listen there,
    /// [`Error::Setting`] for a host that is not found, and for the course's public token
    /// on an address that others can reach.
    pub async fn bind(mut config: Config) -> Result<Server> {
        let addr = resolve(&config).await?;
        let public = config
            .token
            .as_ref()
            .is_some_and(|token| token.matches(DEMO_TOKEN));
        if public && !addr.ip().is_loopback() {
            return Err(Error::Setting {
                name: "WEBSOCKET_TOKEN",
                value: "***".into(),
                reason: format!(
                    "this is the course's public token, and {addr} can be reached from your network: \
                     set a token of your own, or leave it out and a new one is made"
                ),
            });
        }
        let mut new_token = None;
        if config.require_auth && config.token.is_none() {
            let (token, text) = Token::random()?;
            config.token = Some(token);
            new_token = Some(text);
        }
        config.max_connections = descriptors::make_room(config.max_connections);
        let listener = TcpListener::bind(addr)
            .await
            .map_err(|source| match source.kind() {
                io::ErrorKind::AddrInUse => Error::AddressInUse(addr),
                _ => Error::Listen { addr, source },
            })?;
        let local_addr = listener.local_addr()?;
        let hub = Hub::new(HubLimits {
            bytes: HubLimits::default().bytes.max(2 * config.max_send_bytes()),
            message_bytes: config.max_send_bytes(),
            ..HubLimits::default()
        });
        Ok(Server {
            config,
            listener,
            local_addr,
            page: None,
            clients: Clients::default(),
            hub,
            new_token,
        })
    }

    /// Serves this page at `/`, beside the WebSocket.
    #[must_use]
    pub fn page(mut self, page: Page) -> Server {
        self.page = Some(page);
        self
    }

    /// The address it listens on; the port is the real one also when 0 was asked for.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Who is connected. A clone stays valid while the server runs.
    #[must_use]
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// The log that every connection reads. A clone stays valid while the server runs.
    #[must_use]
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Serves until `shutdown` is ready: calls `handler` once for each connection, in a
    /// task of its own. Then closes every connection with 1001 and returns, after at most
    /// [`stop_timeout`](Config::stop_timeout).
    ///
    /// A handler that returns an error or panics ends its own connection with 1011 and
    /// nothing else.
    ///
    /// # Errors
    /// None at present; a `Result` so that `main` can end with this call.
    pub async fn run<H, F, S>(self, handler: H, shutdown: S) -> Result<()>
    where
        H: Fn(Connection) -> F + Send + Sync + 'static,
        F: Future<Output = Result<()>> + Send + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        self.announce();
        // Spawned, because the thread of `main` is the slowest of the runtime to wake; in
        // a set, because a set ends its task when this future is dropped.
        let mut running = JoinSet::new();
        running.spawn(self.accept_until(shutdown, Arc::new(handler)));
        match running.join_next().await {
            Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            _ => Ok(()),
        }
    }

    async fn accept_until<H, F, S>(self, shutdown: S, handler: Arc<H>)
    where
        H: Fn(Connection) -> F + Send + Sync + 'static,
        F: Future<Output = Result<()>> + Send + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        let (stop, stopping) = watch::channel(false);
        let slots = Slots::new(&self.config);
        let shared = Arc::new(Shared {
            front: Front {
                gate: Gate::new(&self.config, self.local_addr),
                page: self.page,
                clients: self.clients.clone(),
                hub: self.hub.clone(),
                why: Why::default(),
                refused: AtomicU64::new(0),
                started: Instant::now(),
                max_connections: self.config.max_connections,
            },
            config: self.config,
        });
        let mut tasks = JoinSet::new();
        let mut last_complaint = None;
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, peer)) => match slots.take(peer.ip()) {
                        Some(slot) => {
                            let (shared, handler) = (Arc::clone(&shared), Arc::clone(&handler));
                            tasks.spawn(shared.serve(stream, peer, slot, stopping.clone(), handler));
                        }
                        None => tracing::debug!(%peer, "the waiting room is full too"),
                    },
                    Err(error) => accept_failed(&error, &mut last_complaint).await,
                },
                Some(_) = tasks.join_next() => {}
                () = &mut shutdown => break,
            }
        }
        drop(self.listener);
        stop.send_replace(true);
        let why = CloseReason::new(CloseReason::GOING_AWAY, Refusal::Stopping.reason());
        self.clients.disconnect_all(&why);
        let all_ended = async { while tasks.join_next().await.is_some() {} };
        if timeout(shared.config.stop_timeout, all_ended)
            .await
            .is_err()
        {
            tracing::warn!(
                "{} connections did not end in time and were cut",
                tasks.len()
            );
        }
        tracing::info!("stopped");
    }

    /// The first lines of every demo: where it is, what to open, who may come.
    fn announce(&self) {
        let addr = self.local_addr;
        let file = self
            .page
            .map(|page| format!(", or double-click {}", page.file))
            .unwrap_or_default();
        let fragment = match &self.new_token {
            Some(token) => format!("#token={token}"),
            None => String::new(),
        };
        let reachable = match addr.ip() {
            ip if ip.is_unspecified() => SocketAddr::new([127, 0, 0, 1].into(), addr.port()),
            _ => addr,
        };
        tracing::info!("listening on ws://{reachable}/ - open http://{reachable}/{fragment}{file}");
        for ip in network_addresses(addr.ip()) {
            let other = SocketAddr::new(ip, addr.port());
            tracing::info!("on your network: http://{other}/{fragment}");
        }
        if self.new_token.is_some() {
            tracing::info!(
                "the token in this link was made for this run; set WEBSOCKET_TOKEN to keep one"
            );
        } else if self.config.require_auth {
            tracing::info!("clients must show the token in WEBSOCKET_TOKEN: type it into the page");
        }
        if !addr.ip().is_loopback() {
            tracing::warn!(
                "reachable from your network: whoever can reach {addr} can try to connect"
            );
        }
        match &self.config.settings_file {
            Some(file) => tracing::info!(
                "settings: {}, and the environment before it",
                file.display()
            ),
            None => tracing::info!(
                "settings: the defaults and the environment; no .zEnv in this folder"
            ),
        }
        match &self.config.allowed_origins {
            None if addr.ip().is_loopback() => tracing::info!(
                "pages that may connect: this server's own, any of localhost:{}, and null (a \
                 double-clicked file, or a sandboxed frame of any site)",
                addr.port()
            ),
            None => tracing::info!("pages that may connect: this server's own"),
            Some(list) => {
                let list: Vec<_> = list.iter().map(Origin::to_string).collect();
                tracing::info!(
                    "pages that may connect: this server's own, {}",
                    list.join(", ")
                );
                if list.iter().any(|origin| origin == "null") {
                    tracing::warn!(
                        "null is allowed: any web site can send it from a sandboxed frame"
                    );
                }
            }
        }
    }
}

/// What the tasks of all connections share.
struct Shared {
    front: Front,
    config: Config,
}

impl Shared {
    /// One client, from accept to the end.
    async fn serve<H, F>(
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
        let handshake = Box::pin(self.front.serve(stream, peer, &slot));
        let upgraded = tokio::select! {
            done = timeout(self.config.handshake_timeout, handshake) => match done {
                Ok(upgraded) => upgraded,
                Err(_) => {
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

    async fn converse<H, F>(&self, upgraded: Upgraded, peer: SocketAddr, handler: Arc<H>)
    where
        H: Fn(Connection) -> F,
        F: Future<Output = Result<()>>,
    {
        let Upgraded {
            stream,
            early,
            farewell,
        } = upgraded;
        let (clients, hub) = (&self.front.clients, &self.front.hub);
        let membership = clients.join(peer);
        let info = membership.client.info.clone();
        let id = info.id;
        let cursor = hub.cursor(id);
        let socket = Box::new(Socket::new(stream, early, &self.config, membership, cursor));
        if let Some(refusal) = farewell {
            return socket
                .finish(CloseReason::new(CloseReason::POLICY, refusal.reason()))
                .await;
        }
        tracing::info!(conn = %id, %peer, "conn.opened");
        let (connection, back) = Connection::new(socket, info, clients.clone(), hub.clone());
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

async fn resolve(config: &Config) -> Result<SocketAddr> {
    let not_found = |reason: String| Error::Setting {
        name: "WEBSOCKET_HOST",
        value: config.host.clone(),
        reason,
    };
    let mut addresses = lookup_host((config.host.as_str(), config.port))
        .await
        .map_err(|error| not_found(format!("is not found: {error}")))?;
    addresses
        .next()
        .ok_or_else(|| not_found("has no address".into()))
}

/// An error of `accept` belongs to one connection, or to the whole system; it never ends
/// the server. Only the second kind comes back at once, so it gets a pause.
async fn accept_failed(error: &io::Error, last_complaint: &mut Option<Instant>) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, PermissionDenied};
    if matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted | PermissionDenied
    ) {
        return;
    }
    let now = Instant::now();
    if last_complaint.is_none_or(|last| now - last >= Duration::from_secs(1)) {
        *last_complaint = Some(now);
        tracing::error!(%error, "accept.error: nobody new can connect for now; see `ulimit -n`");
    }
    sleep(ACCEPT_PAUSE).await;
}

/// This machine's addresses on its networks, when it listens on all of them.
fn network_addresses(bound: IpAddr) -> Vec<IpAddr> {
    if !bound.is_unspecified() {
        return if bound.is_loopback() {
            vec![]
        } else {
            vec![bound]
        };
    }
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let addresses = interfaces.iter().map(if_addrs::Interface::ip);
    addresses
        .filter(|ip| !ip.is_loopback() && (ip.is_ipv4() || bound.is_ipv6()))
        .collect()
}
