// ✗ 3  a client that leaves is not counted

use std::process::ExitCode;
use zcomm_core::{Config, Connection, Result, Server, program, shutdown_signal};

#[tokio::main]
async fn main() -> ExitCode {
    program("", serve()).await
}

async fn serve() -> Result<()> {
    let server = Server::bind(Config::from_env()?).await?;
    server.run(handle, shutdown_signal()).await
}

/// Runs once for each client.
async fn handle(mut connection: Connection) -> Result<()> {
    let (clients, hub) = (connection.clients().clone(), connection.hub().clone());
    hub.broadcast(clients.count().to_string())?;
    while connection.recv().await.is_some() {}
    Ok(())
}
