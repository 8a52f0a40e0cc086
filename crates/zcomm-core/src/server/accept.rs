//! The server: it accepts connections, runs one task per client, and stops in an orderly way.
//!
//! The accept loop never waits for a client, and no client can end the loop. The handshake
//! runs in the client's own task under a time limit. An error of `accept` is logged, and the
//! loop continues.
//!
//! To stop, the server closes its listener and sends a Close frame to every client at once.
//! Then the server waits for all clients together, by default at most five seconds.
//!
//! The settings, the handler and the stop signal are arguments, so a test can pass its own.

use std::{convert::Infallible, future::Future, net::SocketAddr, pin::Pin, sync::Arc};

use tokio::{net::TcpListener, sync::watch, task::JoinSet, time::timeout};

use crate::{
    access::{
        handshake::Gate,
        slots::Slots,
        token::{DEMO_TOKEN, Token, TokenPlace},
        why::Why,
    },
    client::options::ConnectOptions,
    clients::registry::{Clients, Stop},
    connection::handle::Connection,
    error::{Error, Result},
    http::{page::Page, router::Router, viewers::Viewers},
    hub::log::{Hub, HubLimits},
    metrics::{
        counters::{DROPPED, Metrics},
        reports::Reports,
    },
    protocol::message::Message,
    server::{
        announce::{announce, reached_from_here, schemes},
        client_task::ClientTasks,
        descriptors,
        listener::{accept_failed, listen, may_complain, resolve},
    },
    settings::config::Config,
    tls::{renewal::CurrentIdentity, trust::Trust},
};

/// A future that runs beside the server.
pub(crate) type Beside = Pin<Box<dyn Future<Output = Infallible> + Send>>;

/// A server that listens. It serves clients after the call of [`run`](Server::run).
pub struct Server {
    pub(crate) client_tasks: ClientTasks,
    listener: TcpListener,
    local_addr: SocketAddr,
    /// The maximum number of connections that wait after a wrong token.
    guesses: usize,
    /// The token that the server made for this run. `None` if the server made no token.
    new_token: Option<String>,
    /// Work of the application that ends with the server.
    pub(crate) beside: Vec<Beside>,
    /// What the application does before the server ends.
    pub(crate) at_end: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Server {
    /// Checks the settings, then listens at the address in the settings.
    ///
    /// If authentication is required and no token is set, the server makes a random token.
    ///
    /// # Errors
    /// - [`Error::AddressInUse`] and [`Error::Listen`]: the server cannot listen at its address.
    /// - [`Error::Setting`]: the host is not found.
    /// - [`Error::Setting`]: the token is the public token of the course, and other machines can
    ///   reach the address.
    /// - [`Error::Io`]: the system has no random bytes.
    pub async fn bind(mut config: Config) -> Result<Server> {
        let addr = resolve(&config).await?;
        let named = config.tokens.iter().map(|named| &named.token);
        let mut tokens = config.token.iter().chain(named);
        let public = tokens.any(|token| token.matches(DEMO_TOKEN));
        if public && !addr.ip().is_loopback() {
            return Err(Error::Setting {
                name: "WEBSOCKET_TOKEN",
                value: "***".into(),
                reason: format!(
                    "the course's public token protects nothing on {}, which others can reach: delete \
                     the WEBSOCKET_TOKEN line in .zEnv (lesson 4 then makes a new one), or choose your \
                     own of 16 bytes or more",
                    addr.ip()
                ),
            });
        }
        let mut new_token = None;
        if config.require_auth && config.token.is_none() && config.tokens.is_empty() {
            let (token, text) = Token::random()?;
            config.token = Some(token);
            new_token = Some(text);
        }
        let guesses = descriptors::make_room(&mut config.max_connections);
        let listener = listen(addr, config.max_connections)?;
        let local_addr = listener.local_addr()?;
        let mut router = router(&config, local_addr);
        if new_token.is_some() {
            router.gate.token_place = TokenPlace::Printed;
        }
        Ok(Server {
            client_tasks: ClientTasks {
                router,
                identity: config.tls.clone().map(CurrentIdentity::new),
                config: Arc::new(config),
            },
            listener,
            local_addr,
            guesses,
            new_token,
            beside: Vec::new(),
            at_end: None,
        })
    }

    /// Serves this page at `/`, on the same port as the WebSocket.
    #[must_use]
    pub fn page(mut self, page: Page) -> Server {
        self.client_tasks.router.page = Some(page);
        self
    }

    /// Sets the message for a client that missed a part of the server's log. The arguments of
    /// `words` are the first and the last missed position. Call `gap_words` before
    /// [`hub`](Server::hub), because `gap_words` replaces the log.
    #[must_use]
    pub fn gap_words(
        mut self,
        words: impl Fn(u64, u64) -> Message + Send + Sync + 'static,
    ) -> Server {
        let limits = hub_limits(&self.client_tasks.config);
        self.client_tasks.router.hub = Hub::with_gap_words(limits, words);
        self
    }

    /// The address on which the server listens. If the port in the settings is 0, this address
    /// has the port that the system has chosen.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The address to which a client on this machine connects, e.g. `ws://127.0.0.1:8765/`.
    #[must_use]
    pub fn url(&self) -> String {
        let (scheme, _) = schemes(&self.client_tasks.config);
        format!("{scheme}://{}/", reached_from_here(self.local_addr))
    }

    /// The token that the server made for this run. `None` if the settings have a token, or if
    /// clients need no token. If [`announce`](Config::announce) is false, show the token to
    /// the user, then call [`hide`](crate::hide).
    #[must_use]
    pub fn new_token(&self) -> Option<&str> {
        self.new_token.as_deref()
    }

    /// The options for a connection from this program to its own server. If clients need a token,
    /// the options contain a token that only this program knows.
    ///
    /// # Errors
    /// When the operating system has no random bytes.
    pub fn own_options(&mut self, trust: &Trust) -> Result<ConnectOptions> {
        let gate = &mut self.client_tasks.router.gate;
        let mut own = None;
        if gate.require_auth {
            let (_, text) = Token::random()?;
            // Unlike `random`, `new` hides the text in the log.
            gate.tokens.own = Token::new(&text).ok();
            own = Some(text);
        }
        Ok(ConnectOptions {
            token: own,
            ..ConnectOptions::new(self.url(), trust)
        })
    }

    /// The connected clients. A clone stays valid while the server runs.
    #[must_use]
    pub fn clients(&self) -> &Clients {
        &self.client_tasks.router.clients
    }

    /// The log that every connection reads. A clone stays valid while the server runs.
    #[must_use]
    pub fn hub(&self) -> &Hub {
        &self.client_tasks.router.hub
    }

    /// Serves clients until the future `shutdown` ends. Then stops, and returns after at most
    /// [`stop_timeout`](Config::stop_timeout).
    ///
    /// Calls `handler` once for each connection, each time in a new task. If a handler returns
    /// an error or panics, only its own connection is closed, with 1011.
    ///
    /// After the stop, no connection takes a message from its client, and the logs of the
    /// connections accept no new message. Each connection sends the messages that are already
    /// in its logs, then closes with 1001.
    ///
    /// So a handler should acknowledge a message only when the message is in a log. Then every
    /// reader of the log gets the message, except a reader that is too slow.
    ///
    /// # Errors
    /// None at present. The return type is a `Result`, so that `main` can end with this call.
    pub async fn run<H, F, S>(mut self, handler: H, shutdown: S) -> Result<()>
    where
        H: Fn(Connection) -> F + Send + Sync + 'static,
        F: Future<Output = Result<()>> + Send + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        let (tasks, token) = (&self.client_tasks, self.new_token.as_deref());
        if tasks.config.announce {
            announce(&tasks.config, self.local_addr, tasks.router.page, token).await;
        }
        // Use a new task, because the thread of `main` wakes more slowly than the other threads.
        // Put the task into a `JoinSet`, so that the task ends when this future is dropped.
        let mut running = JoinSet::new();
        if let Some(identity) = tasks.identity.clone() {
            // This task never ends by itself.
            running.spawn(identity.renew());
        }
        for beside in std::mem::take(&mut self.beside) {
            running.spawn(async { match beside.await {} });
        }
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
        let client_tasks = Arc::new(self.client_tasks);
        let ClientTasks { router, config, .. } = &*client_tasks;
        let (most, per_address) = (config.max_connections, config.max_connections_per_ip);
        let slots = Slots::new(most, per_address, self.guesses);
        let mut tasks = JoinSet::new();
        let mut last_complaint = None;
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, peer)) => match slots.take(peer.ip()) {
                        Some(slot) => {
                            let (client_tasks, handler) = (Arc::clone(&client_tasks), Arc::clone(&handler));
                            tasks.spawn(client_tasks.serve(stream, peer, slot, stopping.clone(), handler));
                        }
                        None => {
                            router.metrics.refusals.add(DROPPED);
                            if may_complain(&mut last_complaint) {
                                tracing::warn!(
                                    "server full: dropping new connections without a reply; raise \
                                     WEBSOCKET_MAX_CONNECTIONS"
                                );
                            }
                        }
                    },
                    Err(error) => accept_failed(&error, &mut last_complaint).await,
                },
                Some(_) = tasks.join_next() => {}
                () = &mut shutdown => break,
            }
        }
        drop(self.listener);
        stop.send_replace(true);
        let last = Stop::within(config.stop_timeout);
        router.clients.stop(last.clone());
        if let Some(viewers) = &router.viewers {
            viewers.clients.stop(last.clone());
        }
        let all_ended = async { while tasks.join_next().await.is_some() {} };
        if timeout(config.stop_timeout, all_ended).await.is_err() {
            tracing::warn!(
                "{} connections did not end in time and were dropped",
                tasks.len()
            );
        }
        if let Some(work) = self.at_end {
            // Ignore an error: if the time limit passes, the server ends anyway.
            timeout(config.stop_timeout, work).await.ok();
        }
        tracing::info!("stopped");
    }
}

fn hub_limits(config: &Config) -> HubLimits {
    HubLimits {
        bytes: HubLimits::default().bytes.max(2 * config.max_send_bytes()),
        message_bytes: config.max_send_bytes(),
        ..HubLimits::default()
    }
}

fn router(config: &Config, bound: SocketAddr) -> Router {
    let clients = Clients::new(config.max_send_bytes());
    let (show_all, loopback) = (config.xray.is_some(), bound.ip().is_loopback());
    let viewers = (show_all || loopback).then(|| Viewers::beside(&clients, show_all));
    Router {
        gate: Gate {
            origins: config.allowed_origins.clone(),
            hosts: config.allowed_hosts.clone(),
            tokens: config.known_tokens(),
            token_place: match config.token {
                Some(_) => TokenPlace::Setting,
                None => TokenPlace::Named,
            },
            require_auth: config.require_auth,
            refuse: config.refuse,
            loopback,
            port: bound.port(),
            tls: config.tls.is_some(),
        },
        page: None,
        viewers,
        clients,
        hub: Hub::new(hub_limits(config)),
        why: Why::default(),
        metrics: Arc::new(Metrics::new()),
        reports: Reports::default(),
        max_connections: config.max_connections,
        private_stats: false,
    }
}
