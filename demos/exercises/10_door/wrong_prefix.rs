// ✗ 3  so is a longer one, and a message without a token

use std::process::ExitCode;
use zcomm_core::{
    CloseReason, Config, Connection, Message, Result, Server, program, shutdown_signal,
};

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
    let right = match connection.recv().await {
        Some(Message::Text(text)) => text.starts_with(TOKEN),
        _ => false,
    };
    if !right {
        connection.close(CloseReason::POLICY, "Invalid token");
        return Ok(());
    }
    connection.send("welcome").await?;
    while let Some(message) = connection.recv().await {
        connection.send(message).await?;
    }
    Ok(())
}
