//! # 3. Secure: TLS encrypts and proves who the server is
//!
//! Connects to a server over TLS and shows what the certificate proves.
//!
//! **New:** this program is a client. TLS encrypts the connection, and a certificate proves
//! that the server has the name that you typed. `ws://` gives you neither of these.
//!
//! - **Run** `cargo run --bin 3_websocket_secure`. It starts a server with a new certificate
//!   and connects to it. Then it shows seven connections that must fail, and keeps serving.
//! - **Open** `clients/3_client_secure.html` by double click. The browser refuses the server
//!   and does not tell the page why. `cargo run --bin zcomm -- certs` makes a certificate that
//!   your browser can trust.
//! - **Watch** the error of each connection that must fail.
//! - **Try** `cargo run --bin 3_websocket_secure -- wss://zolo.media/ws`, or another server.

use demos::secure::{Arguments, echo, gallery, own_server};
use std::{future::pending, process::ExitCode, time::Duration};
use tracing::{info, warn};
use zcomm_core::{ClientSocket, CloseReason, ConnectOptions, Result, program, shutdown_signal};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::read();
    program("", lesson(arguments)).await
}

async fn lesson(arguments: Arguments) -> Result<()> {
    if let Some(url) = &arguments.url {
        return visit(&arguments.options(url)?).await;
    }
    let (mut server, trust) = own_server(&arguments).await?;
    let options = server.own_options(&trust)?;
    let tour = async {
        let visited = visit(&options).await;
        gallery::show().await?;
        match visited {
            visited if arguments.once => return visited,
            Err(error) => warn!("{}", error.with_help()),
            Ok(()) => info!("serving until Ctrl-C; open the page: what does the browser say?"),
        }
        pending().await
    };
    tokio::select! {
        toured = tour => toured,
        served = server.run(echo, shutdown_signal()) => served,
    }
}

/// Connects, sends a message and waits for the answer. With `wss://`, `connect_with` fails if the
/// server cannot prove its name. No option turns this check off.
async fn visit(options: &ConnectOptions) -> Result<()> {
    let mut socket = ClientSocket::connect_with(options).await?;
    for line in socket.opening().to_string().lines() {
        info!("{line}");
    }
    socket.send("Hello over TLS").await?;
    // A server does not have to answer, so the wait has a limit.
    match tokio::time::timeout(Duration::from_secs(3), socket.recv()).await {
        Ok(Some(answer)) => info!(?answer, "received"),
        Ok(None) => info!("the server closed the connection"),
        Err(_) => info!("no answer within 3 s"),
    }
    let why = socket.close(CloseReason::NORMAL, "Goodbye").await?;
    info!(code = why.code(), reason = ?why.reason(), "closed");
    Ok(())
}
