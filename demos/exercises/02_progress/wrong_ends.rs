// ✗ 2  the connection stays open for the next question

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
    while let Some(message) = connection.recv().await {
        if message == "start" {
            for progress in ["0 %", "50 %", "100 %"] {
                connection.send(progress).await?;
            }
            break;
        } else {
            connection.send("type start").await?;
        }
    }
    Ok(())
}
