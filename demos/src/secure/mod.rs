//! The command line and the server of lesson 3. `gallery` has the servers with faults.
//!
//! The server makes a certificate when it starts, and stores the private key in memory only. So
//! there is no key file to install or to steal. If `WEBSOCKET_SSL_CERT` is set, the server uses
//! that certificate instead: a browser may already trust that certificate.

pub mod gallery;

use std::path::PathBuf;

use clap::Parser;
use tracing::{info, warn};
use zcomm_core::{
    Certificate, Config, ConnectOptions, Connection, DevelopmentCa, Identity, LOOPBACK_NAMES,
    PemError, Result, Server, Trust, first_comment, settings_list, xray::Xray,
};

use crate::{command_line, pages::SECURE_PAGE};

/// Lesson 3: a WebSocket over TLS.
#[derive(Parser)]
#[command(
    version,
    long_about = first_comment(include_str!("../bin/3_websocket_secure.rs")),
    after_long_help = settings_list(),
    after_help = "Without a URL, the lesson starts its own server, connects to it, shows connections that must fail, and keeps serving."
)]
pub struct Arguments {
    /// The address to connect to, e.g. wss://zolo.media/ws
    pub url: Option<String>,

    /// Also trust the certificates in this file: an authority, or one server's own
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,

    /// Exit after the connections instead of waiting for Ctrl-C
    #[arg(long, conflicts_with = "url")]
    pub once: bool,

    /// Show and explain every byte after decryption; --xray=json prints JSON. Without a URL, the
    /// server prints the bytes
    // Declared only for --help: `Xray::from_env` reads this option with the other settings.
    #[arg(long, value_name = "FORM", num_args = 0..=1, require_equals = true, default_missing_value = "on")]
    xray: Option<String>,
}

impl Arguments {
    /// Reads the command line. Exits if the command line is wrong or asks for help.
    #[must_use]
    pub fn read() -> Arguments {
        command_line()
    }

    /// Returns the options to connect to `url`. The client trusts the authorities of this
    /// computer, and the certificates in the file of `--ca`.
    ///
    /// # Errors
    /// When the file contains a certificate that is neither an authority nor signed by itself,
    /// or when a setting is wrong.
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
        let signed_itself = |one: &Certificate| one.is_authority() || one.subject() == one.issuer();
        if !chain.iter().all(signed_itself) {
            let reason = "is a server's certificate, not an authority";
            let help = "name the authority's file: zcomm certs writes it to ca.pem";
            return Err(PemError::new(file, reason).with_help(help).into());
        }
        for caveat in chain.iter().filter_map(Certificate::caveat) {
            warn!("{caveat}");
        }
        Ok(chain)
    }
}

/// Returns the lesson's own server, and the authorities that its clients must trust.
///
/// # Errors
/// When a setting is wrong, or when the server cannot listen on its port.
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
                    "--ca is ignored: this run makes its own authority, and the client trusts only that authority"
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
