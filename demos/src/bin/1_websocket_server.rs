//! # 1. A server: the life of a connection
//!
//! Accepts WebSocket connections and lists the connected clients.
//!
//! **New:** a WebSocket is a connection that stays open. The server knows when a connection
//! opens and when it closes, so the server can count its clients.
//!
//! - **Run** `cargo run --bin 1_websocket_server`
//! - **Open** <http://127.0.0.1:8765/>, or double-click `clients/1_client_server.html`
//! - **Watch** the terminal when you press Connect, and when you close the tab.
//! - **Try** the page in three windows. Then press Ctrl-C in the terminal: which close code do
//!   the pages show?

use demos::SERVER_PAGE;
use std::process::ExitCode;
use tracing::info;
use zcomm_core::{Clients, Config, Connection, Result, Server, program, shutdown_signal};

#[tokio::main]
async fn main() -> ExitCode {
    // Starts the log and runs `serve`. If `serve` fails, prints the error and sets the exit code.
    // `--help` prints the first comment of this file.
    program(include_str!("1_websocket_server.rs"), serve()).await
}

async fn serve() -> Result<()> {
    let server = Server::bind(Config::from_env()?).await?.page(SERVER_PAGE);
    server.run(listen, shutdown_signal()).await
}

/// Runs once for each client, in its own task. All these tasks run concurrently.
async fn listen(mut connection: Connection) -> Result<()> {
    let (id, clients) = (connection.id(), connection.clients().clone());
    info!("client {id} joined; connected: {}", names(&clients));

    // `recv` waits for the next message. It returns `None` when the connection has ended. Then
    // the loop ends, without an error.
    while let Some(message) = connection.recv().await {
        // `?message` prints the text escaped, so no client can send control codes to the terminal.
        info!(said = ?message, "client {id}");
    }

    info!("client {id} left; connected: {}", names(&clients));
    Ok(())
}

/// Returns the number of clients and their names, e.g. `2 (client 3, client 5)`.
fn names(clients: &Clients) -> String {
    let names: Vec<_> = clients
        .list()
        .iter()
        .map(|info| format!("client {}", info.id))
        .collect();
    format!("{} ({})", names.len(), names.join(", "))
}
