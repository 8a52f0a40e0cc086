//! What must fail: seven connections that a client has to refuse.
//!
//! A lesson about trust that shows only what works teaches nothing: a client that believes
//! everybody passes it, too. So here are seven servers, each with one thing wrong, on free
//! ports of this machine. The lesson fails if a client talks to one of them.
//!
//! Production runs such a list against each new version of its clients.

use std::future::pending;

use tracing::info;
use zcomm_core::{
    ClientSocket, Config, Connection, DevelopmentCa, Error, Identity, LOOPBACK_NAMES, PemPair,
    Result, Server, Trust,
};

/// Shows each of them, and what the client says.
///
/// # Errors
/// When a client talks to a server that it must refuse.
pub async fn show() -> Result<()> {
    let (ca, other) = (DevelopmentCa::new(&[])?, DevelopmentCa::new(&[])?);
    let good = ca.issue(&LOOPBACK_NAMES)?;

    let nobody_knows = "a certificate signed by an authority that this client does not know";
    refused(nobody_knows, Some(&good), "wss", &other).await?;

    let expired = ca.issue_ending_in(&LOOPBACK_NAMES, -1)?;
    refused(
        "a certificate that expired yesterday",
        Some(&expired),
        "wss",
        &ca,
    )
    .await?;

    let name = "a good certificate, for another address than this one";
    refused(name, Some(&ca.issue(&["127.0.0.2"])?), "wss", &ca).await?;

    let authority = "the authority itself as a server: what many recipes make";
    refused(authority, Some(&ca.pem()), "wss", &ca).await?;

    let bank = "a certificate for a bank, signed by our authority: it may not";
    refused(bank, Some(&ca.issue(&["bank.example"])?), "wss", &ca).await?;

    refused("ws:// to a port that speaks TLS", Some(&good), "ws", &ca).await?;
    refused("wss:// to a port that does not", None, "wss", &ca).await
}

/// Starts a server with this certificate, or without TLS, and connects to it.
async fn refused(
    what: &str,
    certificate: Option<&PemPair>,
    scheme: &str,
    trusted: &DevelopmentCa,
) -> Result<()> {
    let config = Config {
        port: 0,
        announce: false,
        tls: certificate.map(Identity::from_pem).transpose()?,
        ..Config::default()
    };
    let server = Server::bind(config).await?;
    let (url, trust) = (
        format!("{scheme}://{}/", server.local_addr()),
        Trust::only(trusted)?,
    );
    info!("must fail: {what}");
    tokio::select! {
        connected = ClientSocket::connect(&url, &trust) => match connected {
            Ok(_) => Err(Error::Certificate(format!("{what}: it was believed"))),
            Err(error) => {
                info!("it does:   {error}");
                Ok(())
            }
        },
        ended = server.run(silent, pending()) => ended,
    }
}

async fn silent(mut connection: Connection) -> Result<()> {
    while connection.recv().await.is_some() {}
    Ok(())
}
