//! A chat of the tour's own: the one of `chat_app`, in this process.
//!
//! It listens on this machine, on a port that is free, and asks for a token that nobody else
//! knows. Two settings differ: the signs of life come every second, because nobody wants to
//! wait twenty, and nobody is asked to slow down, because one step hurries on purpose.

use std::time::Duration;

use zcomm_chat::Chat;
use zcomm_core::{
    CloseReason, Config, ConnectOptions, Connection, DevelopmentCa, Message, Result, Server, Token,
    Trust,
};

/// Starts it, and says how to get in. It ends with the runtime that runs it.
pub(super) async fn start() -> Result<ConnectOptions> {
    let (token, text) = Token::random()?;
    let config = Config {
        port: 0,
        require_auth: true,
        token: Some(token),
        ping_interval: Duration::from_secs(1),
        rate_limit: None,
        announce: false,
        ..Config::default()
    };
    let chat = Chat::new(&config)?;
    let server = Server::bind(config).await?.gap_words(chat.gap_words());
    // No certificate is shown for ws://, so an authority that has signed nothing will do.
    let trust = Trust::only(&DevelopmentCa::new(&[])?)?;
    let options = ConnectOptions {
        token: Some(text),
        ..ConnectOptions::new(server.url(), &trust)
    };
    let handler = move |connection| talk(chat.clone(), connection);
    tokio::spawn(server.run(handler, std::future::pending()));
    Ok(options)
}

/// The loop of `demos/src/bin/chat_app.rs`.
async fn talk(chat: Chat, mut connection: Connection) -> Result<()> {
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
