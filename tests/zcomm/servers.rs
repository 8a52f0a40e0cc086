//! Servers that a test starts, each in a thread of its own.

use std::{future::Future, net::SocketAddr, path::Path, sync::mpsc};

use tokio::sync::oneshot;
use zcomm_core::{Config, Connection, Identity, Message, Result, Server};

use crate::certs;

/// A running server. Dropping it stops it.
pub(crate) struct Running {
    pub(crate) addr: SocketAddr,
    _stop: oneshot::Sender<()>,
}

impl Running {
    pub(crate) fn url(&self) -> String {
        format!("ws://{}/", self.addr)
    }
}

/// Lesson 2.
pub(crate) async fn echo(mut connection: Connection) -> Result<()> {
    while let Some(message) = connection.recv().await {
        let answer = match message {
            Message::Text(text) => Message::from(format!("Echo: {text}")),
            bytes => bytes,
        };
        connection.send(answer).await?;
    }
    Ok(())
}

pub(crate) fn no_limits() -> Config {
    Config {
        rate_limit: None,
        ..Config::default()
    }
}

/// The same with TLS, with certificates in this folder.
pub(crate) fn with_tls(folder: &Path) -> Config {
    assert_eq!(certs(folder, &[]).code, Some(0));
    let made = |name: &str| folder.join("certs").join(name);
    let identity = Identity::from_files(&made("localhost.pem"), &made("localhost.key"));
    Config {
        tls: Some(identity.unwrap()),
        ..no_limits()
    }
}

/// Starts a server with this handler on a free port.
pub(crate) fn start<F>(
    config: Config,
    handler: impl Fn(Connection) -> F + Send + Sync + 'static,
) -> Running
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    start_as(config, |server| server, handler)
}

/// The same, with more options.
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
