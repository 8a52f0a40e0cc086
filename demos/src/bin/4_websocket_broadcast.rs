//! # 4. Broadcast: who may connect
//!
//! Passes what one client says on to all others, for clients that show the token.
//!
//! **New:** the door. The server checks the page's origin, the host in the address, the
//! token and its limits before a client may speak. All of that is on in every lesson; only
//! the token is asked for here.
//!
//! - **Run** `cargo run --bin 4_websocket_broadcast`
//! - **Open** the link it prints, in two or three windows. Or `cp .zEnv.example .zEnv`,
//!   double-click `clients/4_client_broadcast.html` and type `demo_secure_token_123`.
//! - **Watch** what a wrong token gets: close code 1008, and the reason.
//! - **Try** a line `WEBSOCKET_REFUSE=http` in a file `.zEnv`: what does the browser tell the
//!   page now?

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
    // Code wins over settings where a lesson needs it: here the token is always asked for.
    let config = Config {
        require_auth: true,
        ..Config::from_env()?
    };
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
