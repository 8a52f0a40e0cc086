//! # Open broadcast: one to many
//!
//! Passes what one client says on to all others.
//!
//! **New:** clients hear each other. The message is stored once, in the hub, and each
//! connection reads it there at its own pace: a slow one delays nobody.
//!
//! - **Run** `cargo run --bin open_broadcast`
//! - **Open** <http://127.0.0.1:8765/> in two or three windows, side by side; leave the
//!   token empty.
//! - **Watch** the number reached in the terminal: everybody but the sender.
//! - **Try** to name who should *not* be able to read along. Nobody asked them: lesson 4
//!   does, and differs from this file in a few lines.

use demos::BROADCAST_PAGE;
use std::process::ExitCode;
use tracing::info;
use zcomm_core::{
    CloseReason, Config, Connection, Message, Result, Server, program, shutdown_signal,
};

#[tokio::main]
async fn main() -> ExitCode {
    // Logs to the terminal, and turns an error into a sentence and an exit code.
    program(serve()).await
}

async fn serve() -> Result<()> {
    let config = Config::from_env()?;
    let server = Server::bind(config).await?.page(BROADCAST_PAGE);
    server.run(relay, shutdown_signal()).await
}

/// Called once for each client.
async fn relay(mut connection: Connection) -> Result<()> {
    // The server names its clients. A name that a client sends could be anybody's.
    let (id, hub) = (connection.id(), connection.hub().clone());

    while let Some(message) = connection.recv().await {
        let Message::Text(text) = message else {
            connection.close(CloseReason::UNSUPPORTED, "text only");
            break;
        };
        // Never waits: it appends to the hub's list of messages and wakes the others.
        let reached = hub.broadcast_except(format!("client {id} says: {text}"), id)?;
        info!(said = ?text, reached, "client {id}");
    }

    Ok(())
}
