// Serve over TLS, or not at all.

use std::process::ExitCode;
use zcomm_core::{Config, Connection, Result, Server, program, shutdown_signal};

#[tokio::main]
async fn main() -> ExitCode {
    program("", serve()).await
}

async fn serve() -> Result<()> {
    // TODO: use the certificate in the settings.
    let config = Config {
        tls: None,
        ..Config::from_env()?
    };
    let server = Server::bind(config).await?;
    server.run(handle, shutdown_signal()).await
}

/// Runs once for each client.
async fn handle(mut connection: Connection) -> Result<()> {
    while let Some(message) = connection.recv().await {
        connection.send(message).await?;
    }
    Ok(())
}
