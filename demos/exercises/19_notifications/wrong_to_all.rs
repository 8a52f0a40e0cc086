// ✗ 1  a notification reaches a client that is connected, and no other

use serde_json::{Value, json};
use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zcomm_core::{ClientId, Config, Connection, Message, Result, Server};
use zcomm_core::{program, shutdown_signal};

/// The client with this name, if it is connected, and the texts that wait for it. A real server
/// limits both: how many names, and how many texts.
#[derive(Default)]
struct Inbox {
    client: Option<ClientId>,
    waiting: Vec<String>,
}

type Inboxes = Arc<Mutex<HashMap<String, Inbox>>>;

#[tokio::main]
async fn main() -> ExitCode {
    program("", serve()).await
}

async fn serve() -> Result<()> {
    let inboxes = Inboxes::default();
    let server = Server::bind(Config::from_env()?).await?;
    let handler = move |connection| handle(connection, inboxes.clone());
    server.run(handler, shutdown_signal()).await
}

/// Runs once for each client.
async fn handle(mut connection: Connection, inboxes: Inboxes) -> Result<()> {
    let name = connection.query("name").unwrap_or("someone").to_owned();
    let waiting = {
        let mut inboxes = lock(&inboxes);
        let inbox = inboxes.entry(name.clone()).or_default();
        inbox.client = Some(connection.id());
        std::mem::take(&mut inbox.waiting)
    };
    for text in waiting {
        connection.send(text).await?;
    }
    while let Some(message) = connection.recv().await {
        let Message::Text(text) = message else {
            continue;
        };
        let json: Value = serde_json::from_str(&text).unwrap_or_default();
        if let (Some(to), Some(text)) = (json["to"].as_str(), json["text"].as_str()) {
            let text = json!({"text": text}).to_string();
            let mut inboxes = lock(&inboxes);
            let inbox = inboxes.entry(to.to_owned()).or_default();
            match inbox.client {
                Some(_) => drop(connection.hub().broadcast(text)?),
                None => inbox.waiting.push(text),
            }
        }
    }
    // Another connection may have taken the name since.
    let mut inboxes = lock(&inboxes);
    let inbox = inboxes.entry(name).or_default();
    if inbox.client == Some(connection.id()) {
        inbox.client = None;
    }
    Ok(())
}

fn lock(inboxes: &Inboxes) -> MutexGuard<'_, HashMap<String, Inbox>> {
    inboxes.lock().unwrap_or_else(PoisonError::into_inner)
}
