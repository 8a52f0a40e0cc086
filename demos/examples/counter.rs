//! # Project: a live counter
//!
//! The server has one number. Every client may change the number, and all clients see the number.
//!
//! **The idea:** under one lock, the server changes the number and appends the new value to the
//! log. So the log has the order of the changes.
//!
//! Each entry of the log is the whole state. So a new client reads the last entry, and then only
//! the entries that the server appends later.
//!
//! - **Run** `cargo run --example counter`
//! - **Watch** the counter with `cargo run --bin zcomm -- connect ws://127.0.0.1:8765/`
//! - **Try** to run `zcomm connect` in two terminals, and type `{"type":"increment"}` in both.
//! - **In production** keep the number in a database: after a restart, this number is 0 again.

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
        // The lock is still held, so the log has the order of the changes.
        self.log.broadcast(state.to_string()).map(drop)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    program(include_str!("counter.rs"), serve()).await
}

async fn serve() -> Result<()> {
    // A client that missed values gets this message, and then the values that are still in the log.
    let gap = |_, _| Message::from(json!({"type": "gap"}).to_string());
    let counter = Arc::new(Counter {
        value: Mutex::new(0),
        log: Hub::with_gap_words(HubLimits::default(), gap),
    });
    counter.change(0)?; // The log needs a first entry: see `count`.
    let server = Server::bind(Config::from_env()?).await?;
    let handler = move |connection| count(connection, counter.clone());
    server.run(handler, shutdown_signal()).await
}

/// Runs once for each client.
async fn count(mut connection: Connection, counter: Arc<Counter>) -> Result<()> {
    // Reads the last entry first, then each entry that the server appends.
    connection.subscribe(&counter.log, counter.log.position() - 1);
    while let Some(message) = connection.recv().await {
        if let Some(step) = step(&message) {
            counter.change(step)?;
        } else {
            let error = json!({"type": "error", "message": "increment or decrement?"});
            connection.send(error.to_string()).await?; // Only the sender gets the error.
        }
    }
    Ok(())
}

/// Returns the step that a message asks for, or `None` for every other message.
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
