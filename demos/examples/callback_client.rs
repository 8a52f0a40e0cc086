//! # A client that reconnects and calls a function for each message
//!
//! Calls a function, the callback, for each message. Connects again when the connection ends.
//!
//! **The idea:** every connection ends, e.g. when the server restarts or the laptop sleeps.
//! `Client` reports the end as an event, waits a random time and connects again. The time is random
//! so that the clients of a restarted server do not all reconnect at once. After a refusal,
//! `Client` does not connect again, because the server would refuse the new connection, too.
//!
//! - **Run** `cargo run --bin open_broadcast`, and in a second terminal
//!   `cargo run --example callback_client`. To use another server:
//!   `cargo run --example callback_client -- wss://zolo.media/ws`.
//! - **Watch** the second terminal: send a message from the page, stop the server, start it again.
//! - **Try** `4_websocket_broadcast` as the server: why does the client not connect again? Then
//!   add `?token=…` to the address.

use std::process::ExitCode;
use tracing::{info, warn};
use zcomm_core::{Client, CloseReason, ConnectOptions, Error, Event, Message};
use zcomm_core::{Result, Trust, program, shutdown_signal};

#[tokio::main]
async fn main() -> ExitCode {
    let url = std::env::args().nth(1);
    let url = url.unwrap_or_else(|| "ws://127.0.0.1:8765/".to_owned());
    program("", receive_until_ctrl_c(url)).await
}

async fn receive_until_ctrl_c(url: String) -> Result<()> {
    let mut client = Client::new(ConnectOptions::new(url, &Trust::platform(&[])?));
    tokio::select! {
        ended = receive(&mut client, on_message) => return ended,
        () = shutdown_signal() => {}
    }
    // Ignores an error: without a connection, there is nothing to close.
    client.close(CloseReason::NORMAL, "Goodbye").await.ok();
    Ok(())
}

/// The callback. The client reads the next message after this function has returned.
fn on_message(message: Message) {
    // `?` escapes the text, so no server can send control codes to the terminal.
    info!("received {message:?}");
}

/// Calls `callback` for each message, until the client does not connect again.
///
/// # Errors
/// Always: the error says why the client does not connect again.
async fn receive(client: &mut Client, callback: impl Fn(Message)) -> Result<()> {
    let mut what = String::new();
    while let Some(event) = client.next().await {
        match event {
            Event::Connected(_) => info!("connected to {}", client.options().shown_url()),
            Event::Message(message) => callback(message),
            Event::Disconnected(end) => {
                warn!("disconnected: {end}");
                what = format!("not reconnecting: {end}");
            }
            Event::Reconnecting { wait, why } => {
                if let Some(why) = why {
                    warn!("cannot connect: {why}");
                }
                info!("reconnecting in {} ms", wait.as_millis());
            }
            Event::GaveUp(error) => return Err(error),
        }
    }
    Err(Error::Ended { what, help: None })
}
