// ✗ 4  the second pause is longer, and so is the third

use std::process::ExitCode;
use std::time::Duration;
use tokio::time::sleep;
use zcomm_core::{ClientSocket, CloseReason, End, Error, Result, Trust, program};

#[tokio::main]
async fn main() -> ExitCode {
    let url = std::env::args().nth(1);
    let url = url.unwrap_or_else(|| "ws://127.0.0.1:8765/".to_owned());
    program("", talk(url)).await
}

async fn talk(url: String) -> Result<()> {
    let trust = Trust::platform(&[])?;
    let pause = Duration::from_millis(200);
    loop {
        let mut socket = ClientSocket::connect(&url, &trust).await?;
        // An error means that the connection has ended: `recv` says so, too.
        socket.send("hello").await.ok();
        while socket.recv().await.is_some() {}
        if let Some(End::ByPeer(why)) = socket.end()
            && why.code() == CloseReason::POLICY
        {
            let (what, help) = ("the server has refused this client".to_owned(), None);
            return Err(Error::Ended { what, help });
        }
        // A real client limits the pause, and makes it random.
        sleep(pause).await;
    }
}
