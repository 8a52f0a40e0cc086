// ✗ 3  a new connection does not begin at zero

use std::process::ExitCode;
use zcomm_core::{CloseReason, Config, Connection, Result, Server, program, shutdown_signal};

#[tokio::main]
async fn main() -> ExitCode {
    program("", serve()).await
}

async fn serve() -> Result<()> {
    let server = Server::bind(Config::from_env()?).await?;
    server.run(handle, shutdown_signal()).await
}

const PASSWORD: &str = "open-sesame-12345";
/// So many wrong passwords are allowed.
const MOST: u32 = 3;

/// Runs once for each client.
async fn handle(mut connection: Connection) -> Result<()> {
    let mut guesses = 0;
    while let Some(message) = connection.recv().await {
        if guesses >= MOST {
            connection.close(CloseReason::POLICY, "");
            break;
        }
        // A real server compares passwords in constant time.
        if message == PASSWORD {
            connection.send("welcome").await?;
        } else {
            guesses += 1;
            connection.send("wrong").await?;
        }
    }
    Ok(())
}
