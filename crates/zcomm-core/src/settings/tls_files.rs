//! The files that make a server speak TLS.
//!
//! Three settings, all or none: half of them is a mistake, and a mistake must not end in
//! plain text. What is in the files is another matter (`tls`).
//!
//! Production watches them, because certificates are renewed while the server runs.

use std::path::PathBuf;

use crate::{
    error::{Error, Result},
    settings::{
        parse::{file, read, switch},
        zenv::Settings,
    },
};

/// The files of a server's certificate and of its private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// `WEBSOCKET_SSL_CERT`.
    pub certificate: PathBuf,
    /// `WEBSOCKET_SSL_KEY`.
    pub key: PathBuf,
}

/// The files that the settings name, unread; `None` when TLS is off.
pub(crate) fn tls_files(settings: &Settings) -> Result<Option<TlsFiles>> {
    let on = read(settings, "WEBSOCKET_SSL_ENABLED", switch)?;
    let certificate = read(settings, "WEBSOCKET_SSL_CERT", file)?;
    let key = read(settings, "WEBSOCKET_SSL_KEY", file)?;
    let missing = |name: &str, reason: &str| Error::SettingMissing {
        name: name.to_owned(),
        reason: reason.to_owned(),
    };
    match (on, certificate, key) {
        (Some(false), ..) | (None, None, None) => Ok(None),
        (None, ..) => Err(missing(
            "WEBSOCKET_SSL_ENABLED",
            "not set, though a certificate or key is: say true to use them, false for plain ws://",
        )),
        (_, None, _) => Err(missing(
            "WEBSOCKET_SSL_CERT",
            "needed because WEBSOCKET_SSL_ENABLED is on: the file of the certificate (PEM)",
        )),
        (_, _, None) => Err(missing(
            "WEBSOCKET_SSL_KEY",
            "needed because WEBSOCKET_SSL_ENABLED is on: the file of the private key (PEM)",
        )),
        (_, Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
    }
}
