//! TLS, the server's side: what turns `ws://` into `wss://`.
//!
//! TLS gives a connection two things: nobody on the way can read or change it, and the
//! client knows whom it talks to. The second is the one that goes wrong. A server shows an
//! [`Identity`]: a certificate, and by using it the private key that belongs to it. The
//! client compares it with its own idea of whom to believe (`trust`).
//!
//! rustls speaks TLS 1.2 and 1.3 and nothing older. Its cryptography comes from one
//! provider, named in one place: where two are compiled in and nobody chooses, rustls
//! panics at the first connection.
//!
//! Production renews the certificate without a restart, and often lets a proxy speak TLS.

use std::{
    fmt, fs,
    io::{self, ErrorKind},
    path::Path,
    sync::Arc,
};

use rustls::{
    AlertDescription, Error as TlsError, InvalidMessage, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{PrivateKeyDer, pem::PemObject},
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::tls::{
    certificate::Certificate,
    development_ca::PemPair,
    error::{CertificateError, Result},
    pem::{MAKE_CERTIFICATES, PemError, read_pem},
};

/// The one provider of cryptography.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// A server's certificate, and the private key that proves it is its own.
#[derive(Clone)]
pub struct Identity {
    config: Arc<ServerConfig>,
    certificate: Certificate,
}

impl Identity {
    /// Reads a certificate chain (the server's own certificate first) and its private key,
    /// both PEM.
    ///
    /// # Errors
    /// [`CertificateError::Pem`] with the file and the reason: missing, empty, not PEM, a key that
    /// does not fit.
    pub fn from_files(certificate: &Path, key: &Path) -> Result<Identity> {
        let chain = Certificate::read_all(certificate)?;
        let pem = read_pem(key)?;
        let identity = Identity::new(chain, &pem);
        Ok(identity.map_err(|reason| PemError::new(key, reason))?)
    }

    /// What is odd about files that can be used: what clients will refuse, a last week, a
    /// key that others can read.
    pub(crate) fn warnings(&self, certificate: &Path, key: &Path) -> Vec<String> {
        let mut warnings = Vec::new();
        let file = certificate.display();
        for problem in self.certificate.problems() {
            warnings.push(format!("clients will refuse {file}: {problem}"));
        }
        if let Some(soon) = self.certificate.ends_soon() {
            warnings.push(format!("{file}: {soon}; renew it: {MAKE_CERTIFICATES}"));
        }
        if readable_by_others(key) {
            warnings.push(format!(
                "{0} is a private key that other users can read: chmod 600 {0}",
                key.display()
            ));
        }
        warnings
    }

    /// The same from text, e.g. from a [`DevelopmentCa`](crate::DevelopmentCa) of this
    /// process.
    ///
    /// # Errors
    /// [`CertificateError::Invalid`] when the two do not fit.
    pub fn from_pem(pair: &PemPair) -> Result<Identity> {
        let chain = Certificate::from_pem(pair.certificate.as_bytes());
        let identity = chain.and_then(|chain| Identity::new(chain, pair.key.as_bytes()));
        identity.map_err(CertificateError::Invalid)
    }

    fn new(chain: Vec<Certificate>, key: &[u8]) -> Result<Identity, String> {
        let Some(certificate) = chain.first().cloned() else {
            return Err("there is no certificate for it".into());
        };
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| match error {
            rustls::pki_types::pem::Error::NoItemsFound => {
                "has no private key in it (no -----BEGIN PRIVATE KEY-----)".to_owned()
            }
            // What the reader says repeats what it read: it may be the key.
            _ => {
                "is not whole: a line that begins or ends the key is missing or damaged".to_owned()
            }
        })?;
        let chain = chain.into_iter().map(|certificate| certificate.der);
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_no_client_auth()
            .with_single_cert(chain.collect(), key)
            .map_err(|error| match error {
                TlsError::InconsistentKeys(_) => {
                    "this private key belongs to another certificate".to_owned()
                }
                error => format!("cannot be used: {error}"),
            })?;
        Ok(Identity {
            config: Arc::new(http1_only(config)),
            certificate,
        })
    }

    /// What clients will see.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The TLS handshake with one client. It has no time limit of its own.
    pub(crate) async fn accept<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.config));
        acceptor.accept(stream).await
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.certificate.subject())
    }
}

/// Names HTTP/1.1 as the one protocol after TLS: a client that speaks only HTTP/2 is refused
/// by an alert that says so, and not by junk.
fn http1_only(mut config: ServerConfig) -> ServerConfig {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

/// Whether a file with a secret is open to other users of this computer. On Windows the
/// rights of the folder count, and the answer is no.
#[cfg(unix)]
#[must_use]
pub fn readable_by_others(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(file).is_ok_and(|file| file.permissions().mode() & 0o077 != 0)
}

/// Whether a file with a secret is open to other users of this computer: on this system
/// the rights of the folder count.
#[cfg(not(unix))]
#[must_use]
pub fn readable_by_others(_: &Path) -> bool {
    false
}

/// Why a TLS handshake with a client failed, in words; `None` when the client left.
/// `address` is where it should have gone.
pub(crate) fn why_not(error: &io::Error, address: impl fmt::Display) -> Option<String> {
    let tls = error.get_ref().and_then(|error| error.downcast_ref());
    Some(match tls {
        Some(TlsError::InvalidMessage(InvalidMessage::InvalidContentType)) => format!(
            "plain HTTP on the TLS port, or no TLS at all: use wss://{address}/ and https://{address}/"
        ),
        Some(TlsError::AlertReceived(alert)) => match alert {
            AlertDescription::UnknownCA => {
                "the client does not know who signed our certificate".to_owned()
            }
            AlertDescription::CertificateExpired => {
                "the client says that our certificate has expired".to_owned()
            }
            AlertDescription::BadCertificate | AlertDescription::CertificateUnknown => {
                format!("the client refuses our certificate ({alert:?})")
            }
            alert => format!("the client ended the TLS handshake: {alert:?}"),
        },
        Some(TlsError::PeerIncompatible(what)) => {
            format!("no TLS in common: this server speaks 1.2 and 1.3 ({what:?})")
        }
        Some(error) => format!("the TLS handshake failed: {error}"),
        None if error.kind() == ErrorKind::UnexpectedEof => return None,
        None => format!("the TLS handshake failed: {error}"),
    })
}
