// Wrong passwords are counted for each address, and this computer is an address like others.

use std::process::ExitCode;
use std::{collections::HashMap, net::IpAddr, sync::Arc};
use tokio::sync::Mutex;
use zcomm_core::{CloseReason, Config, Connection, Result, Server, program, shutdown_signal};

#[tokio::main]
async fn main() -> ExitCode {
    program("", serve()).await
}

async fn serve() -> Result<()> {
    let server = Server::bind(Config::from_env()?).await?;
    let wrong = Guesses::default();
    let handler = move |connection| handle(connection, wrong.clone());
    server.run(handler, shutdown_signal()).await
}

const PASSWORD: &str = "open-sesame-12345";
/// So many wrong passwords are allowed.
const MOST: u32 = 3;

/// The number of wrong passwords from each address. A real server removes old ones.
type Guesses = Arc<Mutex<HashMap<IpAddr, u32>>>;

/// Runs once for each client.
async fn handle(mut connection: Connection, wrong: Guesses) -> Result<()> {
    let ip = connection.peer_addr().ip();
    while let Some(message) = connection.recv().await {
        let guesses = wrong.lock().await.get(&ip).copied().unwrap_or_default();
        if guesses >= MOST {
            connection.close(CloseReason::POLICY, "");
            break;
        }
        // A real server compares passwords in constant time.
        if message == PASSWORD {
            connection.send("welcome").await?;
        } else {
            *wrong.lock().await.entry(ip).or_default() += 1;
            connection.send("wrong").await?;
        }
    }
    Ok(())
}
