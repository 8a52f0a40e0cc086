// ✗ 3  so do other JSON, a missing number, and a text for a number

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
            Ok(sum) if sum.fract() == 0.0 => json!({"sum": sum as i64}),
            Ok(sum) => json!({"sum": sum}),
            Err(error) => json!({"error": error}),
        };
        connection.send(answer.to_string()).await?;
    }
    Ok(())
}

/// Returns the sum that a message asks for. An error says what is wrong with the message.
fn sum(message: &Message) -> std::result::Result<f64, &'static str> {
    let Message::Text(text) = message else {
        return Err("text only");
    };
    let json: Value = serde_json::from_str(text).map_err(|_| "not JSON")?;
    let wrong = "add must be two numbers";
    let [a, b] = json["add"].as_array().ok_or(wrong)?.as_slice() else {
        return Err(wrong);
    };
    Ok(a.as_f64().ok_or(wrong)? + b.as_f64().ok_or(wrong)?)
}
