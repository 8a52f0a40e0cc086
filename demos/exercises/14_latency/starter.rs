// Measure a round trip: the median and the longest of five.

use std::process::ExitCode;
use zcomm_core::{ClientSocket, CloseReason, Result, Trust, program};

#[tokio::main]
async fn main() -> ExitCode {
    let url = std::env::args().nth(1);
    let url = url.unwrap_or_else(|| "ws://127.0.0.1:8765/".to_owned());
    program("", talk(url)).await
}

async fn talk(url: String) -> Result<()> {
    let mut socket = ClientSocket::connect(&url, &Trust::platform(&[])?).await?;
    let mut times = Vec::new();
    for number in 1..=5 {
        // TODO: send the number, wait for the answer, and measure the time.
        times.push(number);
    }
    socket.close(CloseReason::NORMAL, "").await?;
    // TODO: the median and the longest time.
    println!("{times:?}");
    Ok(())
}
