// ✗ 3  bytes come back as bytes

use std::process::ExitCode;
use zcomm_core::{Config, Connection, Message, Result, Server, program, shutdown_signal};

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
        let bytes = match message {
            Message::Text(text) => text.as_bytes().to_vec(),
            Message::Binary(bytes) => bytes.to_vec(),
        };
        connection
            .send(String::from_utf8_lossy(&bytes).into_owned())
            .await?;
    }
    Ok(())
}
