// Count who is connected: send the number to all clients whenever it changes.

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
    // TODO: send the number of clients to all clients, here and in one more place.
    while connection.recv().await.is_some() {}
    Ok(())
}
