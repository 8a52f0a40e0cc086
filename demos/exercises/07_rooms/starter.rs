// Private rooms: a message reaches the others in the room of its sender.

use serde_json::{Value, json};
use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use zcomm_core::{Config, Connection, Hub, Message, Result, Server, program, shutdown_signal};

/// Each room has a hub: what is broadcast there reaches the clients that have subscribed to it.
type Rooms = Arc<Mutex<HashMap<String, Hub>>>;

#[tokio::main]
async fn main() -> ExitCode {
    program("", serve()).await
}

async fn serve() -> Result<()> {
    let rooms = Rooms::default();
    let server = Server::bind(Config::from_env()?).await?;
    let handler = move |connection| handle(connection, rooms.clone());
    server.run(handler, shutdown_signal()).await
}

/// Runs once for each client.
async fn handle(mut connection: Connection, rooms: Rooms) -> Result<()> {
    let mut room: Option<(String, Hub)> = None;
    while let Some(message) = connection.recv().await {
        let json = read(&message);
        if let Some(name) = json["join"].as_str() {
            // TODO: leave the old room, subscribe to the hub of the new one, and answer.
            room = Some((name.to_owned(), hub(&rooms, name)));
        } else if let (Some(said), Some((name, hub))) = (json["say"].as_str(), &room) {
            let text = json!({"room": name, "say": said}).to_string();
            // TODO: send it to the others in the room.
            let _ = (hub, text);
        }
    }
    Ok(())
}

/// The hub of a room. The first client makes it. A real server also limits the number of rooms.
fn hub(rooms: &Rooms, name: &str) -> Hub {
    let mut rooms = rooms.lock().unwrap_or_else(PoisonError::into_inner);
    rooms.entry(name.to_owned()).or_default().clone()
}

/// The JSON of a message, or `null`.
fn read(message: &Message) -> Value {
    match message {
        Message::Text(text) => serde_json::from_str(text).unwrap_or_default(),
        Message::Binary(_) => Value::Null,
    }
}
