// ✗ 4  a page of another site is refused in the handshake

use std::process::ExitCode;
use zcomm_core::{
    CloseReason, Config, Connection, Message, Origin, Result, Server, program, shutdown_signal,
};

#[tokio::main]
async fn main() -> ExitCode {
    program("", serve()).await
}

async fn serve() -> Result<()> {
    let config = Config {
        allowed_origins: Origin::parse("http://127.0.0.1:1").map(|origin| vec![origin]),
        ..Config::from_env()?
    };
    let server = Server::bind(config).await?;
    server.run(handle, shutdown_signal()).await
}

const TOKEN: &str = "open-sesame-12345";

/// Runs once for each client. The library has refused the pages of other sites already.
async fn handle(mut connection: Connection) -> Result<()> {
    // A real server compares tokens in constant time, as lesson 4 does.
    if connection.recv().await != Some(Message::from(TOKEN)) {
        connection.close(CloseReason::POLICY, "Invalid token");
        return Ok(());
    }
    connection.send("welcome").await?;
    while let Some(message) = connection.recv().await {
        connection.send(message).await?;
    }
    Ok(())
}
