// Who may connect: the first message must be the token.

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

const TOKEN: &str = "open-sesame-12345";

/// Runs once for each client. The library has refused the pages of other sites already.
async fn handle(mut connection: Connection) -> Result<()> {
    // TODO: the first message must be the token; close with 1008 if it is not.
    connection
        .send(format!("{} bytes are secret", TOKEN.len()))
        .await?;
    while let Some(message) = connection.recv().await {
        connection.send(message).await?;
    }
    Ok(())
}
