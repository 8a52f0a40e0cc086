// ✗ 3  after a message, the next notice is sent again

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
    let (id, hub) = (connection.id(), connection.hub().clone());
    let name = connection.query("name").unwrap_or("someone").to_owned();
    let mut told = false;
    while let Some(message) = connection.recv().await {
        let Message::Text(text) = message else {
            continue;
        };
        if &*text != "typing" {
            hub.broadcast_except(format!("{name}: {text}"), id)?;
        } else if !told {
            told = true;
            hub.broadcast_except(format!("{name} is typing"), id)?;
        }
    }
    Ok(())
}
