// ✗ 3  an unknown type gets an error, and the client goes on

use serde_json::{Value, json};
use std::process::ExitCode;
use zcomm_core::{ClientSocket, Message, Result, Trust, program};

#[tokio::main]
async fn main() -> ExitCode {
    let url = std::env::args().nth(1);
    let url = url.unwrap_or_else(|| "ws://127.0.0.1:8765/".to_owned());
    program("", talk(url)).await
}

async fn talk(url: String) -> Result<()> {
    let mut socket = ClientSocket::connect(&url, &Trust::platform(&[])?).await?;
    while let Some(message) = socket.recv().await {
        let json: Value = match &message {
            Message::Text(text) => serde_json::from_str(text).unwrap_or_default(),
            Message::Binary(_) => Value::Null,
        };
        let answer = match callback(json["type"].as_str().unwrap_or_default()) {
            Some(callback) => callback(&json),
            None => return Ok(()),
        };
        socket.send(answer.to_string()).await?;
    }
    Ok(())
}

/// The callback of a type.
fn callback(name: &str) -> Option<fn(&Value) -> Value> {
    match name {
        "add" => Some(add),
        "upper" => Some(upper),
        _ => None,
    }
}

fn add(json: &Value) -> Value {
    let number = |name: &str| json[name].as_i64().unwrap_or_default();
    json!({"sum": number("a") + number("b")})
}

fn upper(json: &Value) -> Value {
    json!({"upper": json["text"].as_str().unwrap_or_default().to_uppercase()})
}
