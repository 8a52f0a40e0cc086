// ✗ 2  a client that is too slow is told what it missed

use std::process::ExitCode;
use tokio::sync::broadcast::{Sender, channel};
use zcomm_core::{Config, Connection, Message, Result, Server, program, shutdown_signal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    program("", serve()).await
}

async fn serve() -> Result<()> {
    // A receiver that is more than four entries behind loses the oldest ones.
    let (news, _) = channel(4);
    let server = Server::bind(Config::from_env()?).await?;
    let handler = move |connection| handle(connection, news.clone());
    server.run(handler, shutdown_signal()).await
}

/// Runs once for each client. Every client gets every message.
async fn handle(mut connection: Connection, news: Sender<String>) -> Result<()> {
    let mut receiver = news.subscribe();
    connection.send("ready").await?;
    loop {
        tokio::select! {
            message = connection.recv() => match message {
                None => return Ok(()),
                Some(message) => publish(&news, &message),
            },
            text = receiver.recv() => match text {
                Ok(text) => connection.send(text).await?,
                Err(error) => {
                    eprintln!("cannot receive: {error}");
                    return Ok(());
                }
            },
        }
    }
}

/// Publishes a message. `burst` stands for a second in which much happens: it publishes 1 to 20.
fn publish(news: &Sender<String>, message: &Message) {
    let Message::Text(text) = message else { return };
    let text = text.to_string();
    if text != "burst" {
        news.send(text).ok();
        return;
    }
    for number in 1..=20 {
        news.send(number.to_string()).ok();
    }
}
