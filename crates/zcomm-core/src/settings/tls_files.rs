//! The files of a server's certificate and private key.
//!
//! TLS needs three settings: `WEBSOCKET_SSL_ENABLED`, `WEBSOCKET_SSL_CERT` and
//! `WEBSOCKET_SSL_KEY`. If only some of them are set, the server does not start. Otherwise, it
//! would send plain text, although the user may want TLS. With `WEBSOCKET_SSL_ENABLED=false`,
//! the server needs no files.

use std::path::PathBuf;

use crate::{
    error::{Error, Result},
    settings::{
        parse::{file, switch},
        zenv::Settings,
    },
    text::secrets::SHORTEST_TOKEN,
    tls::{error::CertificateError, identity::Identity},
};

/// The files of a server's certificate and of its private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// `WEBSOCKET_SSL_CERT`: the file of the certificate (PEM).
    pub certificate: PathBuf,
    /// `WEBSOCKET_SSL_KEY`: the file of the private key (PEM).
    pub key: PathBuf,
}

impl TlsFiles {
    /// Reads both files. The help of an error names the setting of the file.
    ///
    /// # Errors
    /// The errors of [`Identity::from_files`].
    pub fn identity(&self) -> Result<Identity, CertificateError> {
        let (certificate, key) = (self.certificate.as_path(), self.key.as_path());
        let identity = Identity::from_files(certificate, key);
        identity.map_err(|error| {
            error.named_by(&[
                ("WEBSOCKET_SSL_CERT", certificate),
                ("WEBSOCKET_SSL_KEY", key),
            ])
        })
    }
}

pub(crate) fn path(settings: &Settings, name: &'static str) -> Result<Option<PathBuf>> {
    // An error about a file shows the path. If the user has written a token instead of a path,
    // return the error for an empty path, which does not show the token.
    settings.read(name, |text: &str| {
        match settings.contains_secret(text, SHORTEST_TOKEN) {
            true => file(""),
            false => file(text),
        }
    })
}

/// Returns the files that the settings name, but does not open the files. `None` if TLS is off.
pub(crate) fn tls_files(settings: &Settings) -> Result<Option<TlsFiles>> {
    let on = settings.read("WEBSOCKET_SSL_ENABLED", switch)?;
    let certificate = path(settings, "WEBSOCKET_SSL_CERT")?;
    let key = path(settings, "WEBSOCKET_SSL_KEY")?;
    let (name, reason) = match (on, certificate, key) {
        (Some(false), ..) | (None, None, None) => return Ok(None),
        (Some(true), Some(certificate), Some(key)) => {
            return Ok(Some(TlsFiles { certificate, key }));
        }
        (None, ..) => (
            "WEBSOCKET_SSL_ENABLED",
            "not set, but a certificate or key is set: write true to use it, or false for plain ws://",
        ),
        (_, None, _) => (
            "WEBSOCKET_SSL_CERT",
            "needed because WEBSOCKET_SSL_ENABLED is on: the file of the certificate (PEM)",
        ),
        (_, _, None) => (
            "WEBSOCKET_SSL_KEY",
            "needed because WEBSOCKET_SSL_ENABLED is on: the file of the private key (PEM)",
        ),
    };
    Err(Error::SettingMissing {
        name: name.to_owned(),
        reason: reason.to_owned(),
    })
}
