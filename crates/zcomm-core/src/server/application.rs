//! What an application may add to its server: reports, other work, and other servers.

use std::convert::Infallible;

use crate::{
    clients::registry::ClientId, error::Result, metrics::figure::Figure,
    protocol::message::Message, server::accept::Server, settings::config::Config,
};

impl Server {
    /// The settings of the server.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.client_tasks.config
    }

    /// Adds metrics of the application to `/metrics`. Each request for `/metrics` calls `figures`
    /// in the task that answers the request, so `figures` must be fast. Do not use the names of
    /// the server's own metrics.
    #[must_use]
    pub fn figures(mut self, figures: impl Fn() -> Vec<Figure> + Send + Sync + 'static) -> Server {
        self.client_tasks.router.reports.add_figures(figures);
        self
    }

    /// Makes `/stats` as private as `/metrics`: only this machine and clients with a token may
    /// read `/stats`. Without this call, every client that reaches the server may read `/stats`.
    #[must_use]
    pub fn private_stats(mut self) -> Server {
        self.client_tasks.router.private_stats = true;
        self
    }

    /// Makes `/healthz` call `check`. If `check` returns a reason, the answer is 503 with this
    /// reason, which every client may read. `check` must be fast.
    #[must_use]
    pub fn health(
        mut self,
        check: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) -> Server {
        self.client_tasks.router.reports.set_check(check);
        self
    }

    /// Runs `work` in a task of its own while the server runs. The task ends with the server.
    #[must_use]
    pub fn beside(mut self, work: impl Future<Output = Infallible> + Send + 'static) -> Server {
        self.beside.push(Box::pin(work));
        self
    }

    /// Runs `work` when the server stops and its connections have ended. The work of
    /// [`beside`](Server::beside) still runs then. The server waits for the end of `work`, for at
    /// most [`stop_timeout`](Config::stop_timeout).
    #[must_use]
    pub fn at_end(mut self, work: impl Future<Output = ()> + Send + 'static) -> Server {
        self.at_end = Some(Box::pin(work));
        self
    }

    /// Makes this server one of several servers that are one service. Call this function after
    /// [`gap_words`](Server::gap_words).
    ///
    /// `name` is a random number. The number of each client begins with the last 20 bits of
    /// `name`.
    ///
    /// [`Hub::publish`](crate::Hub::publish) of the server's log calls `relay`. This function
    /// must send the message to all servers, also to this server.
    #[must_use]
    pub fn one_of_several<F>(
        self,
        name: u32,
        relay: impl Fn(Message, ClientId) -> F + Send + Sync + 'static,
    ) -> Server
    where
        F: Future<Output = Result<usize>> + Send + 'static,
    {
        self.clients().name_server(name);
        let relay = move |message, sender| Box::pin(relay(message, sender)) as _;
        self.hub().set_relay(relay);
        self
    }
}
