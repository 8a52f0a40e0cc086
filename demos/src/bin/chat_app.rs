//! # Chat: all lessons together
//!
//! Rooms, a list of users, typing notices and private messages. After a broken connection, a
//! client gets every message that it missed, or the server says which messages are lost.
//!
//! **New:** a message format that client and server share, and state that the server keeps
//! after a connection ends. Access control is the same as in lesson 4. Each room and each
//! client's inbox has a broadcast log.
//!
//! - **Run** `cargo run --bin chat_app`
//! - **Open** the link that the program prints, in two or three windows. Or double-click
//!   `clients/chat_app.html`. Or use a terminal: run
//!   `cargo run --bin zcomm -- connect 'ws://127.0.0.1:8765/?name=Ada' --token …`, then type
//!   `{"type":"join"}`.
//! - **Watch** the list of users when you close a window. Then open `/stats` and `/healthz`.
//! - **Try** to keep one token: write `WEBSOCKET_TOKEN=` with your own token into a file `.zEnv`,
//!   restart the server, and open the new link. Then stop the server while you write a message, and
//!   start it again: which messages are lost, and where does the page report them? Then set
//!   `WEBSOCKET_TOKENS` (see `.zEnv.example`) to give one name its own token.

use std::process::ExitCode;

use demos::CHAT_PAGE;
use zcomm_chat::Chat;
use zcomm_core::{
    CloseReason, Config, Connection, Message, Result, Server, program, shutdown_signal,
};

#[tokio::main]
async fn main() -> ExitCode {
    program(include_str!("chat_app.rs"), serve()).await
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
    // The metrics show room names, so only this machine and clients with the token get metrics.
    let server = server.figures(chat.figures()).private_stats();
    // With `WEBSOCKET_REDIS_URL`, this server is one of several, which are one chat.
    let server = chat.one_service(server)?;
    let handler = move |connection| talk(chat.clone(), connection);
    server.run(handler, shutdown_signal()).await
}

/// Runs once for each client.
async fn talk(chat: Chat, mut connection: Connection) -> Result<()> {
    // Gives the client a name and an inbox, and sends the messages that the client missed. The
    // client leaves the chat when `person` is dropped.
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
