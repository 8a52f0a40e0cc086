//! # 2. Echo: both directions
//!
//! Sends each message back: a text with `Echo: ` before it, bytes unchanged.
//!
//! **New:** the server answers. Both sides may send at any time on the same connection.
//!
//! - **Run** `cargo run --bin 2_websocket_echo`
//! - **Open** <http://127.0.0.1:8765/>, or double-click `clients/2_client_echo.html`
//! - **Watch** the code on the page: each line lights up when it runs.
//! - **Try** to write the line `ECHO_PREFIX=` into a file `.zEnv`, and restart the server. It
//!   then sends each text back unchanged, as test programs for WebSocket expect.

use demos::ECHO_PAGE;
use std::process::ExitCode;
use tracing::info;
use zcomm_core::{Config, Connection, Message, Result, Server, program, shutdown_signal};

#[tokio::main]
async fn main() -> ExitCode {
    // Starts the log and runs `serve`. If `serve` fails, prints the error and sets the exit code.
    // `--help` prints the first comment of this file.
    program(include_str!("2_websocket_echo.rs"), serve()).await
}

async fn serve() -> Result<()> {
    let config = Config::from_env()?;
    let prefix = config.echo_prefix.clone();
    let server = Server::bind(config).await?.page(ECHO_PAGE);
    // Each client's task gets its own copy of the prefix.
    let handler = move |connection| echo(connection, prefix.clone());
    server.run(handler, shutdown_signal()).await
}

/// Runs once for each client, so each client has its own local variables.
async fn echo(mut connection: Connection, prefix: String) -> Result<()> {
    let id = connection.id();

    while let Some(message) = connection.recv().await {
        info!(said = ?message, "client {id}");

        let answer = match message {
            Message::Text(text) if !prefix.is_empty() => Message::from(format!("{prefix}{text}")),
            // The server does not know what the bytes mean, so it does not change them.
            unchanged => unchanged,
        };
        // Waits if this client reads slowly. Only this client's task waits.
        connection.send(answer).await?;
    }

    Ok(())
}
