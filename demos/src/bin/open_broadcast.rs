//! # Open broadcast: one to many
//!
//! Sends each message of a client to all other clients.
//!
//! **New:** clients get each other's messages. The server stores each message once, in the hub.
//! Each connection reads the hub at its own speed, so a slow client does not delay the others.
//!
//! - **Run** `cargo run --bin open_broadcast`
//! - **Open** <http://127.0.0.1:8765/> in two or three windows, side by side. Leave the
//!   token empty.
//! - **Watch** `reached` in the terminal: the number of clients that get the message.
//! - **Try** to answer: which programs could read these messages? This server checks no token.
//!   Lesson 4 checks a token, with only a few other lines of code.

use demos::BROADCAST_PAGE;
use std::process::ExitCode;
use tracing::info;
use zcomm_core::{
    CloseReason, Config, Connection, Message, Result, Server, program, shutdown_signal,
};

#[tokio::main]
async fn main() -> ExitCode {
    // Starts the log and runs `serve`. If `serve` fails, prints the error and sets the exit code.
    // `--help` prints the first comment of this file.
    program(include_str!("open_broadcast.rs"), serve()).await
}

async fn serve() -> Result<()> {
    let config = Config::from_env()?;
    let server = Server::bind(config).await?.page(BROADCAST_PAGE);
    // With `WEBSOCKET_REDIS_URL`, this server is one of several, which are one service.
    let server = zcomm_redis::one_service(server)?;
    server.run(relay, shutdown_signal()).await
}

/// Runs once for each client.
async fn relay(mut connection: Connection) -> Result<()> {
    // The server adds the client's number. Otherwise, a client could write another client's number.
    let (id, hub) = (connection.id(), connection.hub().clone());

    while let Some(message) = connection.recv().await {
        let Message::Text(text) = message else {
            connection.close(CloseReason::UNSUPPORTED, "text only");
            break;
        };
        // Appends the message to the hub, which wakes the tasks of the other clients. Waits only
        // for the log that several servers share, and never for a client.
        match hub.publish(format!("client {id} says: {text}"), id).await {
            Ok(reached) => info!(said = ?text, reached, "client {id}"),
            Err(error) => connection.send(format!("not confirmed: {error}")).await?,
        }
    }

    Ok(())
}
