// ✗ 3  a client without a network is found within two seconds

use std::{process::ExitCode, time::Duration};
use tokio::time::{sleep, timeout};
use zcomm_core::{CloseReason, Config, Connection, Hub, Message};
use zcomm_core::{Result, Server, program, shutdown_signal};

#[tokio::main]
async fn main() -> ExitCode {
    program("", serve()).await
}

async fn serve() -> Result<()> {
    let server = Server::bind(Config::from_env()?).await?;
    server.run(handle, shutdown_signal()).await
}

/// The page sends a heartbeat every half second. A tab in the background sends fewer.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs once for each client. All clients get the number of clients whenever it changes.
async fn handle(mut connection: Connection) -> Result<()> {
    let (clients, hub) = (connection.clients().clone(), connection.hub().clone());
    hub.broadcast(clients.count().to_string())?;
    loop {
        match timeout(LIMIT, connection.recv()).await {
            Ok(Some(message)) => act(&message, &hub),
            Ok(None) => break,
            Err(_) => connection.close(CloseReason::POLICY, ""),
        }
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
