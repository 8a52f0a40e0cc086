// ✗ 3  a later client gets all lines in their order, and no line twice

use serde_json::{Value, json};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zcomm_core::{ClientId, Config, Connection, Hub, Message};
use zcomm_core::{Result, Server, program, shutdown_signal};

/// All lines, and the log that sends the new ones. A real server limits the number of lines.
#[derive(Default)]
struct Board {
    lines: Mutex<Vec<Value>>,
    log: Hub,
}

impl Board {
    fn lines(&self) -> MutexGuard<'_, Vec<Value>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn draw(&self, line: &Value, id: ClientId) -> Result<()> {
        let mut lines = self.lines();
        lines.push(line.clone());
        // The lock is still held: a new client gets a line in the list or as news, not both.
        self.log
            .broadcast_except(json!({"line": line}).to_string(), id)?;
        Ok(())
    }

    fn clear(&self) -> Result<()> {
        let mut lines = self.lines();
        lines.clear();
        self.log.broadcast(json!({"lines": []}).to_string())?;
        Ok(())
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    program("", serve()).await
}

async fn serve() -> Result<()> {
    let board = Arc::new(Board::default());
    let server = Server::bind(Config::from_env()?).await?;
    let handler = move |connection| handle(connection, board.clone());
    server.run(handler, shutdown_signal()).await
}

/// Runs once for each client.
async fn handle(mut connection: Connection, board: Arc<Board>) -> Result<()> {
    let lines = {
        let lines = board.lines();
        connection.subscribe(&board.log, 0);
        json!({"lines": *lines}).to_string()
    };
    connection.send(lines).await?;
    while let Some(message) = connection.recv().await {
        let Message::Text(text) = message else {
            continue;
        };
        let json: Value = serde_json::from_str(&text).unwrap_or_default();
        if json["line"].as_array().is_some_and(|line| line.len() == 4) {
            board.draw(&json["line"], connection.id())?;
        } else if json["clear"] == true {
            board.clear()?;
        }
    }
    Ok(())
}
