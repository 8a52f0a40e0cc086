//! TLS, the client's side: whom to believe.
//!
//! A client that encrypts without asking whom it talks to has a secret conversation with
//! anybody. So it has a [`Trust`]: the authorities it believes, which are those of the
//! operating system, as for a browser, and one more where a lesson brings its own. There
//! is no switch to believe everybody.
//!
//! When a certificate is refused, TLS breaks the connection off and the certificate is
//! gone. A [`Witness`] beside the verifier keeps what the server showed, so that the
//! reason can be told with names and dates.
//!
//! Production adds revocation (the platform's verifier asks for it where the system does)
//! and, between its own services, certificates for clients.

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

/// Certificates that are kept of what a server shows.
const MAX_CHAIN: usize = 10;

/// Whom a client believes.
#[derive(Clone)]
pub struct Trust(Arc<dyn ServerCertVerifier>);

impl Trust {
    /// The authorities that this computer trusts, and these in addition.
    ///
    /// # Errors
    /// [`CertificateError::TrustStore`] when the computer has no such list and none is given.
    pub fn platform(also: &[Certificate]) -> Result<Trust> {
        let also = also.iter().map(|certificate| certificate.der.clone());
        let verifier = Verifier::new_with_extra_roots(also, provider());
        let verifier = verifier.map_err(|error| CertificateError::TrustStore(error.to_string()))?;
        Ok(Trust(Arc::new(verifier)))
    }

    /// This authority and no other.
    ///
    /// # Errors
    /// [`CertificateError::Invalid`] when it cannot be used.
    pub fn only(ca: &DevelopmentCa) -> Result<Trust> {
        let wrong = |error: &dyn fmt::Display| CertificateError::Invalid(error.to_string());
        let mut roots = RootCertStore::empty();
        let added = roots.add(ca.certificate().der.clone());
        added.map_err(|error| wrong(&error))?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider());
        let verifier = verifier.build().map_err(|error| wrong(&error))?;
        Ok(Trust(verifier))
    }

    /// For one connection: its settings, and who will have seen the server's certificates.
    pub(crate) fn client(&self) -> Result<(Arc<ClientConfig>, Arc<Witness>), TlsError> {
        let witness = Arc::new(Witness {
            verifier: Arc::clone(&self.0),
            chain: Mutex::default(),
        });
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            // rustls calls every verifier dangerous that is not its own. This one passes
            // each question on to one that is, or to the operating system's.
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

/// Passes every question on, and keeps what the server showed.
#[derive(Debug)]
pub(crate) struct Witness {
    verifier: Arc<dyn ServerCertVerifier>,
    chain: Mutex<Vec<Certificate>>,
}

impl Witness {
    /// What the server showed, its own certificate first.
    pub(crate) fn chain(&self) -> Vec<Certificate> {
        let chain = self.chain.lock().unwrap_or_else(PoisonError::into_inner);
        chain.clone()
    }

    /// Why the certificate was not believed; `None` when that was not what failed.
    pub(crate) fn distrust(&self, error: &TlsError, wanted: &str) -> Option<Distrust> {
        let TlsError::InvalidCertificate(error) = error else {
            return None;
        };
        let chain = self.chain();
        let first = chain.first();
        // The last one that was shown leads to whom the client would have to know.
        let issuer = || {
            let last = chain.last().map(|last| last.issuer().to_owned());
            last.unwrap_or_default()
        };
        // Of the whole chain: what is out of date need not be the server's own.
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
            // rustls has no name for these two, and passes on what its verifier said. The
            // verifiers of macOS and Windows say other things, which end in `Other`.
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
        // What cannot be read cannot be shown, and will be refused below.
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
