// ✗ 2  a slow answer is the longest time, and not the median

use std::process::ExitCode;
use std::time::Instant;
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
        let start = Instant::now();
        socket.send(number.to_string()).await?;
        socket.recv().await;
        times.push(start.elapsed().as_millis());
    }
    socket.close(CloseReason::NORMAL, "").await?;
    println!("median {} ms, max {} ms", times[2], times[4]);
    Ok(())
}
