//! TLS on the client: which servers to trust.
//!
//! Encryption without a check of the server protects nothing: any machine between client and
//! server could pretend to be the server. So a client has a [`Trust`]: the authorities that the
//! operating system trusts, as in a browser, plus the lesson's own authority if there is one.
//! No option skips the check.
//!
//! When a client refuses a certificate, TLS ends the connection, and the certificate is lost.
//! So a [`Witness`] around the verifier (the code that checks certificates) keeps the
//! certificate. Then the error can show the contents of the certificate.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{
    ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use rustls_platform_verifier::Verifier;

use crate::tls::{
    certificate::{Certificate, day_of},
    development_ca::DevelopmentCa,
    distrust::Distrust,
    error::{CertificateError, Result},
    identity::provider,
};

/// A server sends a chain of certificates. At most this number of certificates is kept.
const MAX_CHAIN: usize = 10;

/// The authorities that a client trusts.
#[derive(Clone)]
pub struct Trust(Arc<dyn ServerCertVerifier>);

impl Trust {
    /// Trusts the authorities of this computer and, in addition, the certificates in `also`.
    ///
    /// # Errors
    /// [`CertificateError::TrustStore`] if the computer has no list of authorities and `also`
    /// is empty.
    pub fn platform(also: &[Certificate]) -> Result<Trust> {
        let also = also.iter().map(|certificate| certificate.der.clone());
        let verifier = Verifier::new_with_extra_roots(also, provider());
        let verifier = verifier.map_err(|error| CertificateError::TrustStore(error.to_string()))?;
        Ok(Trust(Arc::new(verifier)))
    }

    /// Trusts this authority and no other authority.
    ///
    /// # Errors
    /// [`CertificateError::Invalid`] if the authority cannot be used.
    pub fn only(ca: &DevelopmentCa) -> Result<Trust> {
        let wrong = |error: &dyn fmt::Display| CertificateError::Invalid(error.to_string());
        let mut roots = RootCertStore::empty();
        let added = roots.add(ca.certificate().der.clone());
        added.map_err(|error| wrong(&error))?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider());
        let verifier = verifier.build().map_err(|error| wrong(&error))?;
        Ok(Trust(verifier))
    }

    /// The TLS settings of one connection, and the witness that keeps the server's
    /// certificates.
    pub(crate) fn client(&self) -> Result<(Arc<ClientConfig>, Arc<Witness>), TlsError> {
        let witness = Arc::new(Witness {
            verifier: Arc::clone(&self.0),
            chain: Mutex::default(),
        });
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            // For rustls, every custom verifier is dangerous. The witness is safe, because it
            // passes every check on to the verifier of rustls or of the operating system.
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&witness) as Arc<_>)
            .with_no_client_auth();
        Ok((Arc::new(config), witness))
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trust")
    }
}

/// Passes every check on to `verifier`, and keeps the certificates that the server sent.
#[derive(Debug)]
pub(crate) struct Witness {
    verifier: Arc<dyn ServerCertVerifier>,
    chain: Mutex<Vec<Certificate>>,
}

impl Witness {
    /// The certificates that the server sent, its own certificate first.
    pub(crate) fn chain(&self) -> Vec<Certificate> {
        let chain = self.chain.lock().unwrap_or_else(PoisonError::into_inner);
        chain.clone()
    }

    /// Returns why the client does not trust the certificate. `None` if the error is not about
    /// a certificate.
    pub(crate) fn distrust(&self, error: &TlsError, wanted: &str) -> Option<Distrust> {
        let TlsError::InvalidCertificate(error) = error else {
            return None;
        };
        let chain = self.chain();
        let first = chain.first();
        // The last certificate names the authority that the client must know to trust the chain.
        let issuer = || {
            let last = chain.last().map(|last| last.issuer().to_owned());
            last.unwrap_or_default()
        };
        // Use the date in the error, because it may be the date of another certificate in the
        // chain.
        let date = |date: UnixTime| day_of(date.as_secs());
        Some(match error {
            rustls::CertificateError::UnknownIssuer => Distrust::UnknownIssuer { issuer: issuer() },
            rustls::CertificateError::ExpiredContext { not_after, .. } => Distrust::Expired {
                not_after: date(*not_after),
            },
            rustls::CertificateError::NotValidYetContext { not_before, .. } => {
                Distrust::NotYetValid {
                    not_before: date(*not_before),
                }
            }
            rustls::CertificateError::NotValidForName
            | rustls::CertificateError::NotValidForNameContext { .. } => Distrust::WrongName {
                wanted: wanted.to_owned(),
                valid: first
                    .map(|first| first.names().to_vec())
                    .unwrap_or_default(),
            },
            // rustls has no variants for these two errors, so compare the text of its verifier.
            // The verifiers of macOS and Windows write other texts, which become `Other`.
            rustls::CertificateError::Other(other) => match other.to_string().as_str() {
                "CaUsedAsEndEntity" => Distrust::CaAsServer,
                "NameConstraintViolation" => Distrust::OutsideConstraints { issuer: issuer() },
                other => Distrust::Other(other.to_owned()),
            },
            other => Distrust::Other(other.to_string()),
        })
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        first: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let chain = [first].into_iter().chain(others).take(MAX_CHAIN);
        // Skip a certificate that cannot be read: the verifier below refuses it.
        let chain = chain.filter_map(|der| Certificate::from_der(der.clone()).ok());
        *self.chain.lock().unwrap_or_else(PoisonError::into_inner) = chain.collect();
        self.verifier
            .verify_server_cert(first, others, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.verifier
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.verifier
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
