// ✗ 5  a client that has gone does not disturb the others

use serde_json::{Value, json};
use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zcomm_core::{ClientId, Config, Connection, Message, Result, Server, program, shutdown_signal};

/// The room of each client.
type Rooms = Arc<Mutex<HashMap<ClientId, String>>>;

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
    let id = connection.id();
    while let Some(message) = connection.recv().await {
        let json = read(&message);
        if let Some(name) = json["join"].as_str() {
            lock(&rooms).insert(id, name.to_owned());
            connection.send(json!({"joined": name}).to_string()).await?;
        } else if let Some(said) = json["say"].as_str() {
            let all = lock(&rooms).clone();
            let Some(room) = all.get(&id) else { continue };
            let text = json!({"room": room, "say": said}).to_string();
            for (other, _) in all.iter().filter(|(other, of)| **other != id && *of == room) {
                connection.clients().send_to(*other, text.as_str())?;
            }
        }
    }
    Ok(())
}

fn lock(rooms: &Rooms) -> MutexGuard<'_, HashMap<ClientId, String>> {
    rooms.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The JSON of a message, or `null`.
fn read(message: &Message) -> Value {
    match message {
        Message::Text(text) => serde_json::from_str(text).unwrap_or_default(),
        Message::Binary(_) => Value::Null,
    }
}
