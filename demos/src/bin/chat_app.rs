//! # Chat: all lessons together
//!
//! Rooms, a list of users, typing notices and private messages. After a broken connection a
//! client gets every message that it missed, or is told which ones are lost.
//!
//! **New:** a message format on which both sides agree, and state that is kept after a
//! connection ends.
//! Access control is that of lesson 4. Each room and each inbox is a broadcast log.
//!
//! - **Run** `cargo run --bin chat_app`
//! - **Open** the link that it prints, in two or three windows; or `clients/chat_app.html`. In
//!   a terminal: `cargo run --bin zcomm -- connect 'ws://127.0.0.1:8765/?name=Ada' --token …`,
//!   then type `{"type":"join"}`.
//! - **Watch** the list of users when you close a window; then `/stats` and `/healthz`.
//! - **Try** to stop the server while you write, and start it again: which messages are lost,
//!   and where does the page say so? Then set `WEBSOCKET_TOKENS` (see `.zEnv.example`): it
//!   gives one name a token of its own.

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
    // The page reads JSON only, so the notice about lost messages is JSON, too.
    let server = server.gap_words(chat.gap_words());
    // The metrics name the rooms: only this machine and clients with the token may read them.
    let server = server.figures(chat.figures()).private_stats();
    let handler = move |connection| talk(chat.clone(), connection);
    server.run(handler, shutdown_signal()).await
}

/// Runs once for each client.
async fn talk(chat: Chat, mut connection: Connection) -> Result<()> {
    // Gives the client a name and an inbox, and sends what it missed. Dropping `person`
    // leaves the chat.
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
