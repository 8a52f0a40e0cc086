//! What lesson 3 needs beside its conversation: what it is told to do, and a server to visit.
//!
//! The certificate is made at the start and is gone at the end, so there is nothing to
//! install and nothing to steal. With `WEBSOCKET_SSL_CERT` set, the server shows that one
//! instead, which a browser can have been told to trust.
//!
//! Production never makes an authority by the way: it is a decision, and somebody's job.

pub mod gallery;

use std::path::PathBuf;

use clap::Parser;
use tracing::info;
use zcomm_core::{
    Certificate, Config, ConnectOptions, Connection, DevelopmentCa, Identity, LOOPBACK_NAMES,
    PemError, Result, Server, Trust, xray::Xray,
};

use crate::pages::SECURE_PAGE;

/// Lesson 3: a WebSocket over TLS.
#[derive(Parser)]
#[command(
    version,
    after_help = "Without a URL the lesson visits a server of its own, shows what must fail, and keeps serving."
)]
pub struct Arguments {
    /// Where to go, e.g. wss://zolo.media/ws
    pub url: Option<String>,

    /// A file with an authority to trust, beside those that this computer trusts
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,

    /// End after the visit, instead of serving on
    #[arg(long, conflicts_with = "url")]
    pub once: bool,

    /// Show every byte that passes, TLS taken off; =json for programs. Without a URL it is
    /// the server that shows
    // Only named here: it is a setting, and is read with the others.
    #[arg(long, value_name = "FORM", num_args = 0..=1, require_equals = true, default_missing_value = "on")]
    xray: Option<String>,
}

impl Arguments {
    /// Reads the command line; ends the program where it is wrong or asks for help.
    #[must_use]
    pub fn read() -> Arguments {
        Arguments::parse()
    }

    /// How to visit a server of others: who is believed is whom this computer believes, and
    /// who is named by `--ca`.
    ///
    /// # Errors
    /// When the file holds no authority, or this computer has no list of them; for wrong
    /// settings.
    pub fn options(&self, url: &str) -> Result<ConnectOptions> {
        let trust = Trust::platform(&self.authorities()?)?;
        Ok(ConnectOptions {
            xray: Xray::from_env()?,
            ..ConnectOptions::new(url, &trust)
        })
    }

    fn authorities(&self) -> Result<Vec<Certificate>> {
        let Some(file) = &self.ca else {
            return Ok(Vec::new());
        };
        let chain = Certificate::read_all(file)?;
        match chain.iter().all(Certificate::is_authority) {
            true => Ok(chain),
            false => {
                let reason = "is a server's certificate, and no authority to trust";
                let help = "zcomm certs keeps the authority beside it, in ca.pem";
                Err(PemError::new(file, reason).with_help(help).into())
            }
        }
    }
}

/// The lesson's own server, and whom to believe to believe it.
///
/// # Errors
/// For wrong settings, or when it cannot listen.
pub async fn own_server(arguments: &Arguments) -> Result<(Server, Trust)> {
    let default = Config {
        port: 8766,
        ..Config::default()
    };
    let mut config = Config::from_env_over(default)?;
    let also = arguments.authorities()?;
    let trust = match config.tls {
        Some(_) => Trust::platform(&also)?,
        None => {
            if !also.is_empty() {
                info!(
                    "--ca is not needed: the certificate of this run is made by an authority of this run"
                );
            }
            let ca = DevelopmentCa::new(&[])?;
            config.tls = Some(Identity::from_pem(&ca.issue(&LOOPBACK_NAMES)?)?);
            Trust::only(&ca)?
        }
    };
    let server = Server::bind(config).await?.page(SECURE_PAGE);
    Ok((server, trust))
}

/// Sends each message back, as in lesson 2.
///
/// # Errors
/// When the connection has ended.
pub async fn echo(mut connection: Connection) -> Result<()> {
    while let Some(message) = connection.recv().await {
        connection.send(message).await?;
    }
    Ok(())
}
