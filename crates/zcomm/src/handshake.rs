//! What a client says of itself in the handshake: the options that every command shares
//! which opens a WebSocket.
//!
//! A browser lets a page say nothing but the subprotocols; a program may send any header,
//! which is why an origin protects users and not servers.
//!
//! What stands in a command is in the shell's history and in the list of processes, so a
//! token may come from a file.
//!
//! Production has a certificate for each client, or a token that soon ends.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use zcomm_core::{Certificate, ConnectOptions, Error, Result, Trust};

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

    /// A file with the token in its first line
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    token_file: Option<PathBuf>,

    /// A file with an authority to trust, beside those that this computer trusts
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

impl Handshake {
    /// The options to connect with, to this address.
    pub(crate) fn options(&self, url: &str) -> Result<ConnectOptions> {
        Ok(ConnectOptions {
            token: self.token()?,
            origin: self.origin.clone(),
            protocols: self.protocols.clone(),
            headers: self.headers.clone(),
            ..ConnectOptions::new(url, &trust(self.ca.as_deref())?)
        })
    }

    fn token(&self) -> Result<Option<String>> {
        let Some(file) = &self.token_file else {
            return Ok(self.token.clone());
        };
        // A token has at most 512 bytes; a file can have no end.
        let mut text = String::new();
        let read = File::open(file).and_then(|file| file.take(1024).read_to_string(&mut text));
        match (read, text.lines().next().map(str::trim)) {
            (Ok(_), Some(token)) if !token.is_empty() => Ok(Some(token.to_owned())),
            (read, _) => Err(Error::Ended {
                what: match read {
                    Err(error) => format!("{}: {error}", file.display()),
                    Ok(_) => format!("{}: the first line is empty", file.display()),
                },
                help: Some("--token-file names a file whose first line is the token"),
            }),
        }
    }
}

/// Whom to believe: whom this computer trusts, and the authorities in this file.
pub(crate) fn trust(ca: Option<&Path>) -> Result<Trust> {
    let also = ca.map(Certificate::read_all).transpose()?;
    Ok(Trust::platform(&also.unwrap_or_default())?)
}

fn header(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once(':').ok_or("expected NAME: VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}
