// ✗ 2  when it is told to stop, each client gets 1001

use std::process::ExitCode;
use zcomm_core::{Config, Connection, Result, Server, program, shutdown_signal};

#[tokio::main]
async fn main() -> ExitCode {
    program("", serve()).await
}

async fn serve() -> Result<()> {
    let server = Server::bind(Config::from_env()?).await?;
    tokio::select! {
        served = server.run(handle, std::future::pending()) => served,
        () = shutdown_signal() => Ok(()),
    }
}

/// Runs once for each client.
async fn handle(mut connection: Connection) -> Result<()> {
    while let Some(message) = connection.recv().await {
        connection.send(message).await?;
    }
    Ok(())
}
