// ✗ 4  what is gone is named, and then comes what is left

use serde_json::{Value, json};
use std::process::ExitCode;
use zcomm_core::{Config, Connection, Hub, HubLimits, Message};
use zcomm_core::{Result, Server, program, shutdown_signal};

#[tokio::main]
async fn main() -> ExitCode {
    program("", serve()).await
}

async fn serve() -> Result<()> {
    let limits = HubLimits {
        entries: 3,
        ..HubLimits::default()
    };
    // The words for a client that has missed the positions `from` to `to`. The first position is 0.
    let gap = |from, to| Message::from(json!({"gap": [from + 1, to + 1]}).to_string());
    let log = Hub::with_gap_words(limits, gap);
    let server = Server::bind(Config::from_env()?).await?;
    let handler = move |connection| handle(connection, log.clone());
    server.run(handler, shutdown_signal()).await
}

/// Runs once for each client.
async fn handle(mut connection: Connection, log: Hub) -> Result<()> {
    while let Some(message) = connection.recv().await {
        let json = read(&message);
        if let Some(since) = json["since"].as_u64() {
            connection.subscribe(&log, since.max(log.held().start));
        } else if let Some(said) = json["say"].as_str() {
            log.broadcast_at(|position| {
                let entry = json!({"n": position + 1, "say": said});
                Message::from(entry.to_string())
            })?;
        }
    }
    Ok(())
}

/// The JSON of a message, or `null`.
fn read(message: &Message) -> Value {
    match message {
        Message::Text(text) => serde_json::from_str(text).unwrap_or_default(),
        Message::Binary(_) => Value::Null,
    }
}
