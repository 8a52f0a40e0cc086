// Come back, but not at once: reconnect with a pause that doubles, and never after 1008.

use std::process::ExitCode;
use zcomm_core::{ClientSocket, Result, Trust, program};

#[tokio::main]
async fn main() -> ExitCode {
    let url = std::env::args().nth(1);
    let url = url.unwrap_or_else(|| "ws://127.0.0.1:8765/".to_owned());
    program("", talk(url)).await
}

async fn talk(url: String) -> Result<()> {
    let trust = Trust::platform(&[])?;
    // TODO: connect again after the end, with a pause; but not after 1008.
    let mut socket = ClientSocket::connect(&url, &trust).await?;
    socket.send("hello").await?;
    while socket.recv().await.is_some() {}
    Ok(())
}
