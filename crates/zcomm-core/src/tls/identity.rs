//! TLS on the server, for the addresses `wss://` and `https://`.
//!
//! TLS protects a connection in two ways. First, no machine between client and server can read
//! or change the data. Second, the client can check which server it has reached. This check
//! fails more often than the encryption.
//!
//! An [`Identity`] is a certificate and its private key. The server sends the certificate, and
//! a proof that it has the private key. The client then checks which authority has signed the
//! certificate (see `trust`).
//!
//! rustls supports TLS 1.2 and 1.3, and no older version. A provider is the library that does
//! the cryptography for rustls. This file chooses the provider. If a program contains two
//! providers and does not choose one, rustls panics at the first connection.
//!
//! A server uses a renewed certificate without a restart (see `renewal`). In production, a
//! proxy often does TLS.

use std::{
    fmt,
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
    files::Files,
    formats::not_a_key,
    pem::{PemError, make_certificates, read_pem},
};

/// The provider of cryptography that rustls uses: ring.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// A server's certificate and its private key.
#[derive(Clone)]
pub struct Identity {
    config: Arc<ServerConfig>,
    certificate: Arc<Certificate>,
    /// The files of the certificate and the key. `None` if the certificate does not come from
    /// files.
    pub(crate) files: Option<Arc<Files>>,
}

impl Identity {
    /// Reads a certificate chain (the server's own certificate first) and its private key. Both
    /// files are PEM. A running server reads both files again when their contents change.
    ///
    /// # Errors
    /// [`CertificateError::Pem`] if a file is missing, empty or not PEM, or if the key belongs
    /// to another certificate. The error names the file and the reason.
    pub fn from_files(certificate: &Path, key: &Path) -> Result<Identity> {
        // Read the digest first. If a file changes after this line, the next check (see
        // `renewal`) finds another digest.
        let files = Some(Arc::new(Files::read(certificate, key)));
        let chain = Certificate::read_all(certificate)?;
        let pem = read_pem(key)?;
        let identity = Identity::new(chain, &pem);
        let identity = identity
            .map_err(|reason| not_a_key(key, &pem).unwrap_or_else(|| PemError::new(key, reason)))?;
        Ok(Identity { files, ..identity })
    }

    /// Returns a warning for each of these problems: clients will refuse the certificate, the
    /// certificate ends within a week, other users can read the key. The server can use its
    /// files in spite of these problems.
    #[must_use]
    pub fn warnings(&self, certificate: &Path, key: &Path) -> Vec<String> {
        let mut warnings = Vec::new();
        let file = certificate.display();
        for problem in self.certificate.problems() {
            warnings.push(format!("clients will refuse {file}: {problem}"));
        }
        if let Some(soon) = self.certificate.ends_soon() {
            warnings.push(format!("{file}: {soon}; renew it: {}", make_certificates()));
        }
        if readable_by_others(key) {
            warnings.push(format!(
                "{0} is a private key that other users can read: chmod 600 {0}",
                key.display()
            ));
        }
        warnings
    }

    /// Reads a certificate and its key from text, e.g. from a
    /// [`DevelopmentCa`](crate::DevelopmentCa).
    ///
    /// # Errors
    /// [`CertificateError::Invalid`] if a text is not valid PEM, or if the key belongs to
    /// another certificate.
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
            // Do not show the parser's own message: it can repeat a part of the key.
            _ => "is incomplete: its BEGIN or END line is missing or damaged".to_owned(),
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
            certificate: Arc::new(certificate),
            files: None,
        })
    }

    /// The certificate that the server sends to clients.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Does the TLS handshake with one client. This function has no time limit, so the caller
    /// must set one.
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

/// Offers only HTTP/1.1 inside TLS. If a client supports only HTTP/2, it gets a TLS alert that
/// names this reason.
fn http1_only(mut config: ServerConfig) -> ServerConfig {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

/// Whether other users of this computer can read a file. Always `false` on Windows, where the
/// rights of the folder decide who can read a file.
#[must_use]
#[cfg_attr(
    not(unix),
    allow(unused_variables, reason = "only Unix has these rights")
)]
pub fn readable_by_others(file: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(file).is_ok_and(|file| file.permissions().mode() & 0o077 != 0)
    }
    #[cfg(not(unix))]
    false
}

/// Returns why a TLS handshake with a client failed. `None` if the client closed the
/// connection. `address` is the address of the server.
pub(crate) fn why_not(error: &io::Error, address: impl fmt::Display) -> Option<String> {
    let tls = error.get_ref().and_then(|error| error.downcast_ref());
    Some(match tls {
        Some(TlsError::InvalidMessage(InvalidMessage::InvalidContentType)) => format!(
            "this is not TLS, and this port speaks TLS: use wss://{address}/ and https://{address}/"
        ),
        Some(TlsError::AlertReceived(alert)) => match alert {
            AlertDescription::UnknownCA => {
                "the client does not trust the authority that signed the certificate".to_owned()
            }
            AlertDescription::CertificateExpired => {
                "the client reports that the certificate has expired".to_owned()
            }
            AlertDescription::BadCertificate | AlertDescription::CertificateUnknown => {
                format!("the client refuses the certificate ({alert:?})")
            }
            alert => format!("the client ended the TLS handshake: {alert:?}"),
        },
        Some(TlsError::PeerIncompatible(what)) => {
            format!(
                "the client offers no version or cipher of TLS that this server speaks, which is \
                 1.2 and 1.3 ({what:?})"
            )
        }
        Some(TlsError::NoApplicationProtocol) => {
            "the client does not offer HTTP/1.1 (ALPN), and this server speaks only HTTP/1.1"
                .to_owned()
        }
        Some(error) => format!("the TLS handshake failed: {error}"),
        None if has_left(error.kind()) => return None,
        None => format!("the TLS handshake failed: {error}"),
    })
}

/// Whether the other side ended the connection.
fn has_left(kind: ErrorKind) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(
        kind,
        UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe
    )
}
