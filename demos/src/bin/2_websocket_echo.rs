//! # 2. Echo: both directions
//!
//! Sends each message back: a text as `Echo: …`, bytes unchanged.
//!
//! **New:** the server answers. On one connection both sides may speak at any time.
//!
//! - **Run** `cargo run --bin 2_websocket_echo`
//! - **Open** <http://127.0.0.1:8765/>, or double-click `clients/2_client_echo.html`
//! - **Watch** which line of the page's code lights up for which event.
//! - **Try** a line `ECHO_PREFIX=` in a file `.zEnv`: now it is an exact mirror, which is
//!   what test suites for WebSocket clients and servers want.

use demos::ECHO_PAGE;
use std::process::ExitCode;
use tracing::info;
use zcomm_core::{Config, Connection, Message, Result, Server, program, shutdown_signal};

#[tokio::main]
async fn main() -> ExitCode {
    // Logs to the terminal, and turns an error into a sentence and an exit code.
    program(serve()).await
}

async fn serve() -> Result<()> {
    let config = Config::from_env()?;
    let prefix = config.echo_prefix.clone();
    let server = Server::bind(config).await?.page(ECHO_PAGE);
    // Each client's task gets a prefix of its own.
    let handler = move |connection| echo(connection, prefix.clone());
    server.run(handler, shutdown_signal()).await
}

/// Called once for each client. What belongs to one client is a variable in here.
async fn echo(mut connection: Connection, prefix: String) -> Result<()> {
    let id = connection.id();

    while let Some(message) = connection.recv().await {
        info!(said = ?message, "client {id}");

        let answer = match message {
            Message::Text(text) if !prefix.is_empty() => Message::from(format!("{prefix}{text}")),
            // Bytes mean whatever both sides agreed on: the server must not touch them.
            unchanged => unchanged,
        };
        // Waits if this client reads slowly. Only this client's task waits.
        connection.send(answer).await?;
    }

    Ok(())
}
