//! # Project: a live counter
//!
//! One number that every client may change. All clients see the same value.
//!
//! **The idea:** the server changes the number and appends the new value to the log under one
//! lock, so the log has the order of the changes. Each entry holds the whole state. So a new
//! client reads from the last entry on: first the current value, then each change.
//!
//! - **Run** `cargo run --example counter`
//! - **Watch** it with `cargo run --bin zcomm -- connect ws://127.0.0.1:8765/`
//! - **Try** to type `{"type":"increment"}` there, in two terminals.
//! - **In production** keep the number in a database: this one starts at 0 again.

use serde_json::{Value, json};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use zcomm_core::{Config, Connection, Hub, HubLimits, Message};
use zcomm_core::{Result, Server, program, shutdown_signal};

/// The number, and the log of its values.
struct Counter {
    value: Mutex<i64>,
    log: Hub,
}

impl Counter {
    /// Changes the number and sends it to all clients. Never waits for a client.
    fn change(&self, step: i64) -> Result<()> {
        let mut value = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        *value += step;
        let state = json!({"type": "counter", "value": *value});
        // Still under the lock, so that the log has the order of the changes.
        self.log.broadcast(state.to_string()).map(drop)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    program(serve()).await
}

async fn serve() -> Result<()> {
    // Sent to a client that was too slow for some values. It continues with the newest ones.
    let gap = |_, _| Message::from(json!({"type": "gap"}).to_string());
    let counter = Arc::new(Counter {
        value: Mutex::new(0),
        log: Hub::with_gap_words(HubLimits::default(), gap),
    });
    counter.change(0)?; // The log has an entry from the start.
    let server = Server::bind(Config::from_env()?).await?;
    let handler = move |connection| count(connection, counter.clone());
    server.run(handler, shutdown_signal()).await
}

/// Runs once for each client.
async fn count(mut connection: Connection, counter: Arc<Counter>) -> Result<()> {
    // Reads from the last entry on. An entry that is appended meanwhile comes after it.
    connection.subscribe(&counter.log, counter.log.position() - 1);
    while let Some(message) = connection.recv().await {
        if let Some(step) = step(&message) {
            counter.change(step)?;
        } else {
            let error = json!({"type": "error", "message": "increment or decrement?"});
            connection.send(error.to_string()).await?; // Only to the sender.
        }
    }
    Ok(())
}

/// Returns the step that a message asks for, or `None` for any other message.
fn step(message: &Message) -> Option<i64> {
    let json: Value = match message {
        Message::Text(text) => serde_json::from_str(text).ok()?,
        Message::Binary(_) => return None,
    };
    match json["type"].as_str()? {
        "increment" => Some(1),
        "decrement" => Some(-1),
        _ => None,
    }
}
