//! # 3. Secure: who is there, and who can listen
//!
//! Visits a server over TLS and shows what that proves.
//!
//! **New:** this program is a client. TLS encrypts, and it answers a question that `ws://`
//! leaves open: is this the server whose name I typed?
//!
//! - **Run** `cargo run --bin 3_websocket_secure`. It makes an authority and a server for
//!   this run, visits it, shows what must fail, and keeps serving.
//! - **Open** `clients/3_client_secure.html`, by double click. The browser refuses the server,
//!   without a word; `cargo run --bin zcomm -- certs` makes certificates it can be told to
//!   trust.
//! - **Watch** the sentence for each thing that must fail.
//! - **Try** `cargo run --bin 3_websocket_secure -- wss://zolo.media/ws`, or another server.

use demos::secure::{Arguments, echo, gallery, own_server};
use std::{future::pending, process::ExitCode, time::Duration};
use tracing::{info, warn};
use zcomm_core::{ClientSocket, CloseReason, ConnectOptions, Result, program, shutdown_signal};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::read();
    program(lesson(arguments)).await
}

async fn lesson(arguments: Arguments) -> Result<()> {
    if let Some(url) = &arguments.url {
        return visit(&arguments.options(url)?).await;
    }
    let (server, trust) = own_server(&arguments).await?;
    let options = ConnectOptions::new(server.url(), &trust);
    let tour = async {
        let visited = visit(&options).await;
        gallery::show().await?;
        match visited {
            visited if arguments.once => return visited,
            Err(error) => warn!("{}", error.with_help()),
            Ok(()) => info!("serving until Ctrl-C; now open the page: what does the browser say?"),
        }
        pending().await
    };
    tokio::select! {
        toured = tour => toured,
        served = server.run(echo, shutdown_signal()) => served,
    }
}

/// Everything of interest happens in the first line: it fails unless the server proves who
/// it is. There is no way to ask for less.
async fn visit(options: &ConnectOptions) -> Result<()> {
    let mut socket = ClientSocket::connect_with(options).await?;
    for line in socket.opening().to_string().lines() {
        info!("{line}");
    }
    socket.send("Hello over TLS").await?;
    // A server need not answer. This one is given three seconds, not for ever.
    match tokio::time::timeout(Duration::from_secs(3), socket.recv()).await {
        Ok(Some(answer)) => info!(?answer, "heard"),
        Ok(None) => info!("the server ended the conversation"),
        Err(_) => info!("no answer within 3 s"),
    }
    let why = socket.close(CloseReason::NORMAL, "Goodbye").await?;
    info!(code = why.code(), reason = ?why.reason(), "closed");
    Ok(())
}
