//! Servers that a test starts, each in a thread of its own.

use std::{future::Future, net::SocketAddr, sync::mpsc};

use tokio::sync::oneshot;
use zcomm_core::{Config, Connection, Result, Server};

/// A server, until it is dropped.
pub(crate) struct Running {
    pub(crate) addr: SocketAddr,
    _stop: oneshot::Sender<()>,
}

impl Running {
    pub(crate) fn url(&self) -> String {
        format!("ws://{}/", self.addr)
    }
}

/// A server with this handler, on a port that is free.
pub(crate) fn start<F>(
    config: Config,
    handler: impl Fn(Connection) -> F + Send + Sync + 'static,
) -> Running
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    start_as(config, |server| server, handler)
}

/// The same, with something more.
pub(crate) fn start_as<F>(
    config: Config,
    more: impl FnOnce(Server) -> Server + Send + 'static,
    handler: impl Fn(Connection) -> F + Send + Sync + 'static,
) -> Running
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(async {
            let config = Config {
                port: 0,
                announce: false,
                ..config
            };
            let server = more(Server::bind(config).await.unwrap());
            sender.send(server.local_addr()).unwrap();
            server
                .run(handler, async { drop(stopped.await) })
                .await
                .unwrap();
        });
    });
    Running {
        addr: receiver.recv().unwrap(),
        _stop: stop,
    }
}
