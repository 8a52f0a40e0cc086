// The server pings: a browser answers pings even when the page does nothing.

use std::{process::ExitCode, time::Duration};
use tokio::time::sleep;
use zcomm_core::{Config, Connection, Hub, Message, Result, Server, program, shutdown_signal};

#[tokio::main]
async fn main() -> ExitCode {
    program("", serve()).await
}

async fn serve() -> Result<()> {
    let config = Config {
        ping_interval: Duration::from_millis(300),
        ping_timeout: Duration::from_millis(700),
        ..Config::from_env()?
    };
    let server = Server::bind(config).await?;
    server.run(handle, shutdown_signal()).await
}

/// Runs once for each client. All clients get the number of clients whenever it changes.
async fn handle(mut connection: Connection) -> Result<()> {
    let (clients, hub) = (connection.clients().clone(), connection.hub().clone());
    hub.broadcast(clients.count().to_string())?;
    while let Some(message) = connection.recv().await {
        act(&message, &hub);
    }
    hub.broadcast(clients.count().to_string())?;
    Ok(())
}

/// Something happens 1.5 s after the message `later`: all clients get `news`.
fn act(message: &Message, hub: &Hub) {
    if *message == "later" {
        let hub = hub.clone();
        tokio::spawn(async move {
            sleep(Duration::from_millis(1500)).await;
            hub.broadcast("news").ok();
        });
    }
}
