// Survive every message: say what is wrong, and keep the connection.

use serde_json::{Value, json};
use std::process::ExitCode;
use zcomm_core::{Config, Connection, Message, Result, Server, program, shutdown_signal};

#[tokio::main]
async fn main() -> ExitCode {
    program("", serve()).await
}

async fn serve() -> Result<()> {
    let server = Server::bind(Config::from_env()?).await?;
    server.run(handle, shutdown_signal()).await
}

/// Runs once for each client.
async fn handle(mut connection: Connection) -> Result<()> {
    while let Some(message) = connection.recv().await {
        let answer = match sum(&message) {
            Ok(sum) => json!({"sum": sum}),
            Err(error) => json!({"error": error}),
        };
        connection.send(answer.to_string()).await?;
    }
    Ok(())
}

/// Returns the sum that a message asks for. An error says what is wrong with the message.
fn sum(message: &Message) -> std::result::Result<i64, &'static str> {
    // TODO: this function panics if a message is not what it expects.
    let Message::Text(text) = message else {
        panic!()
    };
    let json: Value = serde_json::from_str(text).unwrap_or_else(|_| panic!());
    let number = |at: usize| json["add"][at].as_i64().unwrap_or_else(|| panic!());
    Ok(number(0) + number(1))
}
