//! # Project: a live counter
//!
//! One number that everybody may change, and everybody sees the same.
//!
//! **The idea:** a change and the word about it are one step, under one lock, so that the log
//! has the order of the changes. And each message is the whole state, so a late joiner reads
//! the log from its last entry on: first what is, then what comes.
//!
//! - **Run** `cargo run --example counter`
//! - **Talk** to it: `cargo run --bin zcomm -- connect ws://127.0.0.1:8765/`
//! - **In production** the number stands in a database: this one begins at 0 again.

use serde_json::{Value, json};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use zcomm_core::{Config, Connection, Hub, HubLimits, Message};
use zcomm_core::{Result, Server, program, shutdown_signal};

/// The number, and the log of what became of it.
struct Counter {
    value: Mutex<i64>,
    log: Hub,
}

impl Counter {
    /// Changes the number and tells everybody. Never waits for any of them.
    fn change(&self, step: i64) -> Result<()> {
        let mut value = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        *value += step;
        let state = json!({"type": "counter", "value": *value});
        // Still under the lock: nobody comes between the change and the word about it.
        self.log.broadcast(state.to_string()).map(drop)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    program(serve()).await
}

async fn serve() -> Result<()> {
    // Who was too slow for some values is told so, in JSON, and goes on with the newest.
    let gap = |_, _| Message::from(json!({"type": "gap"}).to_string());
    let counter = Arc::new(Counter {
        value: Mutex::new(0),
        log: Hub::with_gap_words(HubLimits::default(), gap),
    });
    counter.change(0)?; // So there is a last entry from the start.
    let server = Server::bind(Config::from_env()?).await?;
    let handler = move |connection| count(connection, counter.clone());
    server.run(handler, shutdown_signal()).await
}

/// Called once for each client.
async fn count(mut connection: Connection, counter: Arc<Counter>) -> Result<()> {
    // From the last entry on. One that comes meanwhile is read behind it.
    connection.subscribe(&counter.log, counter.log.position() - 1);
    while let Some(message) = connection.recv().await {
        if let Some(step) = step(&message) {
            counter.change(step)?;
        } else {
            let error = json!({"type": "error", "message": "increment or decrement?"});
            connection.send(error.to_string()).await?; // To its sender alone.
        }
    }
    Ok(())
}

/// What a message asks for, if it is one of the two.
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
