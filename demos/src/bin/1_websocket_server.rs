//! # 1. A server: a connection lives
//!
//! Accepts WebSocket connections, and shows who is connected.
//!
//! **New:** a WebSocket is a connection that stays. It begins, lasts and ends, and the
//! server can count those that are there now.
//!
//! - **Run** `cargo run --bin 1_websocket_server`
//! - **Open** <http://127.0.0.1:8765/>, or double-click `clients/1_client_server.html`
//! - **Watch** the terminal when you press Connect, and when you close the tab.
//! - **Try** it in three windows, then press Ctrl-C here: which close code do they show?

use demos::SERVER_PAGE;
use std::process::ExitCode;
use tracing::info;
use zcomm_core::{Clients, Config, Connection, Result, Server, program, shutdown_signal};

#[tokio::main]
async fn main() -> ExitCode {
    // Logs to the terminal, and turns an error into a sentence and an exit code.
    program(serve()).await
}

async fn serve() -> Result<()> {
    let server = Server::bind(Config::from_env()?).await?.page(SERVER_PAGE);
    server.run(listen, shutdown_signal()).await
}

/// Called once for each client, in a task of its own; all of them run side by side.
async fn listen(mut connection: Connection) -> Result<()> {
    let (id, clients) = (connection.id(), connection.clients().clone());
    info!("client {id} joined; connected: {}", names(&clients));

    // `recv` waits until the client says something. `None` means it has left: that ends
    // the loop, and is no error.
    while let Some(message) = connection.recv().await {
        // `?` shows it escaped: a stranger's text must not control our terminal.
        info!(said = ?message, "client {id}");
    }

    info!("client {id} left; connected: {}", names(&clients));
    Ok(())
}

/// "2 (client 3, client 5)"
fn names(clients: &Clients) -> String {
    let names: Vec<_> = clients
        .list()
        .iter()
        .map(|info| format!("client {}", info.id))
        .collect();
    format!("{} ({})", names.len(), names.join(", "))
}
