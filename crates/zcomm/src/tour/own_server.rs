//! The tour's own chat server. It runs the chat of `chat_app` in this process.
//!
//! The server listens on a free port of this machine, and clients need a random token. Two
//! settings differ from `chat_app`: the heartbeat and the rate limit. The server sends a
//! heartbeat each second, so that the tour does not wait 20 seconds for a heartbeat. The server
//! has no rate limit, because one step of the tour sends very fast.

use std::{future::pending, time::Duration};

use zcomm_chat::Chat;
use zcomm_core::{
    Config, ConnectOptions, Connection, DevelopmentCa, Message, Result, Server, Trust,
};

/// Starts the server, and returns the options to connect to it. The server stops when the
/// runtime stops.
pub(super) async fn start() -> Result<ConnectOptions> {
    let config = Config {
        port: 0,
        require_auth: true,
        ping_interval: Duration::from_secs(1),
        rate_limit: None,
        announce: false,
        ..Config::default()
    };
    let chat = Chat::new(&config)?;
    let mut server = Server::bind(config).await?.gap_words(chat.gap_words());
    // The options need a certificate authority. A ws:// connection does not use it, so any
    // authority is enough.
    let trust = Trust::only(&DevelopmentCa::new(&[])?)?;
    let options = server.own_options(&trust)?;
    let handler = move |connection| talk(chat.clone(), connection);
    tokio::spawn(server.run(handler, pending()));
    Ok(options)
}

/// Serves one client. Handles only text messages, because the tour sends only text. `chat_app`
/// also handles binary messages.
async fn talk(chat: Chat, mut connection: Connection) -> Result<()> {
    let Some(mut person) = chat.welcome(&mut connection).await? else {
        return Ok(());
    };
    while let Some(Message::Text(text)) = connection.recv().await {
        person.says(&text, &mut connection).await?;
    }
    Ok(())
}
