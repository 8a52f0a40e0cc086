//! Checks the certificate of one server, and keeps the certificates that the server sent.
//!
//! When a client refuses a certificate, TLS ends the connection, and the certificate is lost.
//! So a [`Witness`] stores the certificate, and then calls the verifier (the code that checks
//! certificates). The error can then show the contents of the certificate.
//!
//! A user can name the certificate of one server. The client trusts this certificate without
//! an authority. So the witness itself checks the dates, the usage and the names of this
//! certificate.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::{
    CertificateError as WrongCertificate, DigitallySignedStruct, Error as TlsError,
    SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};

use crate::tls::{
    certificate::{Certificate, day_of},
    distrust::Distrust,
    identity::provider,
};

/// The maximum number of stored certificates. A server may send a longer chain.
const MAX_CHAIN: usize = 10;

/// Checks and stores the certificates of one connection.
#[derive(Debug)]
pub(crate) struct Witness {
    /// Certificates that the user has named. Each is trusted for its own server only.
    exactly: Vec<Certificate>,
    /// The verifier for all other certificates. `None` if this computer has no list of
    /// authorities.
    others: Option<Arc<dyn ServerCertVerifier>>,
    chain: Mutex<Vec<Certificate>>,
}

impl Witness {
    pub(crate) fn new(
        exactly: Vec<Certificate>,
        others: Option<Arc<dyn ServerCertVerifier>>,
    ) -> Witness {
        let chain = Mutex::default();
        Witness {
            exactly,
            others,
            chain,
        }
    }

    /// The certificates that the server sent, its own certificate first.
    pub(crate) fn chain(&self) -> Vec<Certificate> {
        let chain = self.chain.lock().unwrap_or_else(PoisonError::into_inner);
        chain.clone()
    }

    /// Returns why the client does not trust the certificate. `None` if `error` is not about a
    /// certificate. `wanted` is the name in the address.
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
        // Do not read the dates of the first certificate: the error may be about another
        // certificate in the chain. So use the date in the error.
        let date = |date: UnixTime| day_of(date.as_secs());
        Some(match error {
            WrongCertificate::UnknownIssuer => {
                let issuer = issuer();
                // A certificate that signed itself has no other issuer. For any other
                // certificate, the user may have named the certificate of the issuer.
                let signed_itself = first.is_some_and(|first| first.subject() == issuer);
                let named = |own: &Certificate| own.subject() == issuer;
                match !signed_itself && self.exactly.iter().any(named) {
                    true => Distrust::IssuerIsServer { issuer },
                    false => Distrust::UnknownIssuer { issuer },
                }
            }
            WrongCertificate::ExpiredContext { not_after, .. } => Distrust::Expired {
                not_after: date(*not_after),
            },
            WrongCertificate::NotValidYetContext { not_before, .. } => Distrust::NotYetValid {
                not_before: date(*not_before),
            },
            WrongCertificate::NotValidForName | WrongCertificate::NotValidForNameContext { .. } => {
                Distrust::WrongName {
                    wanted: wanted.to_owned(),
                    valid: first
                        .map(|first| first.names().to_vec())
                        .unwrap_or_default(),
                }
            }
            // rustls has no variants for these two errors, so compare the text of the error.
            // The verifiers of macOS and Windows write other texts, which become `Other`.
            WrongCertificate::Other(other) => match other.to_string().as_str() {
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
        others_sent: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let chain = [first].into_iter().chain(others_sent).take(MAX_CHAIN);
        // Skip a certificate that cannot be read: the verifier refuses it later.
        let chain = chain.filter_map(|der| Certificate::from_der(der.clone()).ok());
        *self.chain.lock().unwrap_or_else(PoisonError::into_inner) = chain.collect();
        match (
            self.exactly.iter().find(|own| own.der == *first),
            &self.others,
        ) {
            (Some(own), _) => own.check(name, now),
            (None, Some(others)) => others.verify_server_cert(first, others_sent, name, ocsp, now),
            (None, None) => Err(WrongCertificate::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let known = provider().signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, &known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let known = provider().signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, &known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

impl Certificate {
    /// Checks the dates, the usage and the names of a certificate that the user has named.
    fn check(&self, name: &ServerName<'_>, now: UnixTime) -> Result<ServerCertVerified, TlsError> {
        let (not_before, not_after) = self.dates();
        let wrong = if now > not_after {
            WrongCertificate::ExpiredContext {
                time: now,
                not_after,
            }
        } else if now < not_before {
            WrongCertificate::NotValidYetContext {
                time: now,
                not_before,
            }
        } else if self.is_not_for_servers() {
            WrongCertificate::InvalidPurpose
        } else {
            verify_server_name(&ParsedCertificate::try_from(&self.der)?, name)?;
            return Ok(ServerCertVerified::assertion());
        };
        Err(wrong.into())
    }
}
