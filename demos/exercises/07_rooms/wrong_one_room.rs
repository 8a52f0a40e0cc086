// ✗ 3  no message leaves its room

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
            if let Some((_, old)) = room.take() {
                connection.unsubscribe(&old);
            }
            let hub = hub(&rooms, name);
            connection.subscribe(&hub, hub.position());
            room = Some((name.to_owned(), hub));
            connection.send(json!({"joined": name}).to_string()).await?;
        } else if let (Some(said), Some((name, hub))) = (json["say"].as_str(), &room) {
            let text = json!({"room": name, "say": said}).to_string();
            hub.broadcast_except(text, connection.id())?;
        }
    }
    Ok(())
}

/// The hub of a room. The first client makes it. A real server also limits the number of rooms.
fn hub(rooms: &Rooms, name: &str) -> Hub {
    let mut rooms = rooms.lock().unwrap_or_else(PoisonError::into_inner);
    rooms
        .entry(name.len().min(1).to_string())
        .or_default()
        .clone()
}

/// The JSON of a message, or `null`.
fn read(message: &Message) -> Value {
    match message {
        Message::Text(text) => serde_json::from_str(text).unwrap_or_default(),
        Message::Binary(_) => Value::Null,
    }
}
