//! # 2. Echo: both directions
//!
//! Sends each message back: a text as `Echo: …`, bytes unchanged.
//!
//! **New:** the server answers. On one connection both sides may speak at any time.
//!
//! - **Run** `cargo run --bin 2_websocket_echo`
//! - **Open** <http://127.0.0.1:8765/>, or double-click `clients/2_client_echo.html`
//! - **Watch** which line of the page's code lights up for which event.
//! - **Try** `ECHO_PREFIX= cargo run --bin 2_websocket_echo`: now it is an exact mirror,
//!   which is what test suites for WebSocket clients and servers want.

use demos::ECHO_PAGE;
use std::process::ExitCode;
use tracing::info;
use zcomm_core::{
    Config, Connection, Message, Result, Server, exit_code, logging, shutdown_signal,
};

#[tokio::main]
async fn main() -> ExitCode {
    let _logs = logging::init();
    exit_code(serve().await)
}

async fn serve() -> Result<()> {
    let config = Config::from_env()?;
    let prefix = config.echo_prefix.clone();
    let server = Server::bind(config).await?.page(ECHO_PAGE);
    server
        .run(
            move |connection| echo(connection, prefix.clone()),
            shutdown_signal(),
        )
        .await
}

/// Called once for each client. What belongs to one client is a variable in here.
async fn echo(mut connection: Connection, prefix: String) -> Result<()> {
    let id = connection.id();

    while let Some(message) = connection.recv().await {
        info!(?message, "client {id} says");

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
