// ✗ 4  what is not there cannot be sold

use serde_json::json;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use zcomm_core::{Config, Connection, Hub, Result, Server, program, shutdown_signal};

/// The numbers sold and in stock, and the log of their states.
struct Shop {
    numbers: Mutex<(u32, u32)>,
    log: Hub,
}

impl Shop {
    /// Sells one, and sends the new state to all. Returns false if the stock is empty.
    fn sell(&self) -> Result<bool> {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        *numbers = (numbers.0 + 1, numbers.1.saturating_sub(1));
        // The lock is still held, so the log has the order of the changes.
        self.log.broadcast(state(*numbers))?;
        Ok(true)
    }
}

fn state((sold, stock): (u32, u32)) -> String {
    json!({"sold": sold, "stock": stock}).to_string()
}

#[tokio::main]
async fn main() -> ExitCode {
    program("", serve()).await
}

async fn serve() -> Result<()> {
    let shop = Arc::new(Shop {
        numbers: Mutex::new((0, 10)),
        log: Hub::default(),
    });
    shop.log.broadcast(state((0, 10)))?; // The first entry: each client begins with the last one.
    let server = Server::bind(Config::from_env()?).await?;
    let handler = move |connection| handle(connection, shop.clone());
    server.run(handler, shutdown_signal()).await
}

/// Runs once for each client.
async fn handle(mut connection: Connection, shop: Arc<Shop>) -> Result<()> {
    connection.subscribe(&shop.log, shop.log.position() - 1);
    while let Some(message) = connection.recv().await {
        if message == "sell" && !shop.sell()? {
            let error = json!({"error": "sold out"});
            connection.send(error.to_string()).await?;
        }
    }
    Ok(())
}
