// ✗ 2  another token is closed with 1008

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

const TOKEN: &str = "open-sesame-12345";

/// Runs once for each client. The library has refused the pages of other sites already.
async fn handle(mut connection: Connection) -> Result<()> {
    // A real server compares tokens in constant time, as lesson 4 does.
    if connection.recv().await != Some(Message::from(TOKEN)) {
        connection.send("Invalid token").await?;
    }
    connection.send("welcome").await?;
    while let Some(message) = connection.recv().await {
        connection.send(message).await?;
    }
    Ok(())
}
