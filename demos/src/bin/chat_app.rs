//! # Chat: everything together
//!
//! Rooms, who is there, who types, private messages, and after any broken connection either
//! every message, or a word about where some are missing.
//!
//! **New:** an agreement on what stands in a message, and state that outlives a connection.
//! The door is lesson 4's, the logs are too: a room is one more, and so is an inbox.
//!
//! - **Run** `cargo run --bin chat_app`
//! - **Open** the link it prints, in two or three windows; or `clients/chat_app.html`. From a
//!   terminal: `cargo run --bin zcomm -- connect 'ws://127.0.0.1:8765/?name=Ada' --token …`,
//!   and then `{"type":"join"}`.
//! - **Watch** the list of names when you close one window; then `/stats` and `/healthz`.
//! - **Try** to stop the server while you write, and start it again: what is lost, and who
//!   says so? Then `WEBSOCKET_TOKENS` in `.zEnv.example`: a name that is really yours.

use std::process::ExitCode;

use demos::CHAT_PAGE;
use zcomm_chat::Chat;
use zcomm_core::{
    CloseReason, Config, Connection, Message, Result, Server, program, shutdown_signal,
};

#[tokio::main]
async fn main() -> ExitCode {
    program(serve()).await
}

async fn serve() -> Result<()> {
    let config = Config {
        require_auth: true,
        ..Config::from_env()?
    };
    let chat = Chat::new(&config)?;
    let server = Server::bind(config).await?.page(CHAT_PAGE);
    // All that a page reads here is JSON; so are the words for what it missed.
    let server = server.gap_words(chat.gap_words());
    // Rooms have names, and not everybody shall read them.
    let server = server.figures(chat.figures()).private_stats();
    let handler = move |connection| talk(chat.clone(), connection);
    server.run(handler, shutdown_signal()).await
}

/// Called once for each client.
async fn talk(chat: Chat, mut connection: Connection) -> Result<()> {
    // A name, an inbox, and what was missed. Dropping the person is leaving.
    let Some(mut person) = chat.welcome(&mut connection).await? else {
        return Ok(());
    };
    while let Some(message) = connection.recv().await {
        let Message::Text(text) = message else {
            connection.close(CloseReason::UNSUPPORTED, "text only");
            break;
        };
        person.says(&text, &mut connection).await?;
    }
    Ok(())
}
