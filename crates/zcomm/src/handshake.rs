//! What a client says of itself in the handshake: the options that every command shares
//! which opens a WebSocket.
//!
//! A browser lets a page say nothing but the subprotocols; a program may send any header,
//! which is why an origin protects users and not servers.
//!
//! Production reads a token from a file or from the environment: what stands in a command
//! is in the shell's history, and in the list of processes.

use std::path::{Path, PathBuf};

use zcomm_core::{Certificate, ConnectOptions, Result, Trust};

/// Options for the handshake.
#[derive(Clone, Default, clap::Args)]
pub(crate) struct Handshake {
    /// A header for the handshake; may be given several times
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,

    /// The origin to claim, as a browser does for its page
    #[arg(long)]
    origin: Option<String>,

    /// A subprotocol to offer; may be given several times, the preferred one first
    #[arg(long = "protocol", value_name = "NAME")]
    protocols: Vec<String>,

    /// Shown as `Authorization: Bearer`; it stands in your shell's history
    #[arg(long)]
    token: Option<String>,

    /// A file with an authority to trust, beside those that this computer trusts
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

impl Handshake {
    /// The options to connect with, to this address.
    pub(crate) fn options(&self, url: &str) -> Result<ConnectOptions> {
        Ok(ConnectOptions {
            token: self.token.clone(),
            origin: self.origin.clone(),
            protocols: self.protocols.clone(),
            headers: self.headers.clone(),
            ..ConnectOptions::new(url, &trust(self.ca.as_deref())?)
        })
    }
}

/// Whom to believe: whom this computer trusts, and the authorities in this file.
pub(crate) fn trust(ca: Option<&Path>) -> Result<Trust> {
    let also = ca.map(Certificate::read_all).transpose()?;
    Trust::platform(&also.unwrap_or_default())
}

fn header(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once(':').ok_or("expected NAME: VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}
