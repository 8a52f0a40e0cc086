//! # 4. Broadcast: who may connect
//!
//! Sends each message of a client to all other clients. Each client must show a token.
//!
//! **New:** a token. As in the lessons before, the server checks the host in the address, the
//! page's origin and the server's limits. After these checks, the server checks the token.
//!
//! - **Run** `cargo run --bin 4_websocket_broadcast`
//! - **Open** the link that the program prints, in two or three windows. Or type
//!   `cp .zEnv.example .zEnv`, restart, double-click `clients/4_client_broadcast.html` and
//!   type `demo_secure_token_123` there.
//! - **Watch** the answer to a wrong token: close code 1008, and the reason.
//! - **Try** to write the line `WEBSOCKET_REFUSE=http` into a file `.zEnv`, and restart the
//!   server: what does the browser tell the page now?

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
    program(include_str!("4_websocket_broadcast.rs"), serve()).await
}

async fn serve() -> Result<()> {
    // This lesson always requires the token, even with `WEBSOCKET_REQUIRE_AUTH=false`.
    let config = Config {
        require_auth: true,
        ..Config::from_env()?
    };
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
