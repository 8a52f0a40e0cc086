//! TLS on the client: which servers to trust.
//!
//! Encryption without a check of the server protects nothing: any machine between client and
//! server could pretend to be the server. So a client has a [`Trust`]: the authorities that the
//! operating system trusts, as in a browser, plus the certificates that the user names. No
//! option turns the check off.
//!
//! A user can name two kinds of certificates:
//! - A certificate without names belongs to an authority. The client trusts every certificate
//!   that this authority signs.
//! - A certificate with names belongs to one server. The client trusts exactly this
//!   certificate, and no certificate that it signs.
//!
//! The second rule is necessary: `openssl req -x509` marks even the certificate of one server
//! as an authority. Without the rule, this server could sign for every server in the world.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use rustls::{
    ClientConfig, RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
};
use rustls_platform_verifier::Verifier;

use crate::{
    text::shown::listed,
    tls::{
        certificate::Certificate,
        development_ca::DevelopmentCa,
        error::{CertificateError, Result},
        identity::provider,
        witness::Witness,
    },
};

/// The certificates that a client trusts.
#[derive(Clone)]
pub struct Trust(Arc<Trusted>);

struct Trusted {
    /// Certificates that list names. Each is trusted for its own server only.
    exactly: Vec<Certificate>,
    /// Authorities that are trusted in addition to the authorities of this computer.
    also: Vec<Certificate>,
    /// The verifier for all other certificates. The first `wss://` connection makes the
    /// verifier. A `ws://` connection needs no verifier, so `ws://` works even in a small
    /// container without authorities.
    others: OnceLock<Arc<dyn ServerCertVerifier>>,
}

impl Trust {
    /// Trusts the authorities of this computer and, in addition, the certificates in `also`. A
    /// certificate that lists names is trusted for its own server only.
    ///
    /// This computer's list of authorities is read for the first `wss://` connection.
    ///
    /// # Errors
    /// [`CertificateError::Invalid`] if a certificate in `also` cannot be used.
    pub fn platform(also: &[Certificate]) -> Result<Trust> {
        let (also, exactly): (Vec<_>, Vec<_>) = also
            .iter()
            .cloned()
            .partition(|certificate| certificate.names().is_empty());
        roots(&also)?;
        let others = OnceLock::new();
        Ok(Trust(Arc::new(Trusted {
            exactly,
            also,
            others,
        })))
    }

    /// Trusts this authority and no other authority.
    ///
    /// # Errors
    /// [`CertificateError::Invalid`] if the authority cannot be used.
    pub fn only(ca: &DevelopmentCa) -> Result<Trust> {
        let roots = Arc::new(roots(&[ca.certificate().clone()])?);
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider());
        let verifier = verifier.build().map_err(|error| invalid(&error))?;
        Ok(Trust(Arc::new(Trusted {
            exactly: Vec::new(),
            also: Vec::new(),
            others: OnceLock::from(verifier as Arc<_>),
        })))
    }

    /// The TLS settings of one connection, and the witness that keeps the server's
    /// certificates.
    ///
    /// # Errors
    /// [`CertificateError::TrustStore`] if the client trusts no certificate at all.
    pub(crate) fn client(&self) -> Result<(Arc<ClientConfig>, Arc<Witness>)> {
        let others = match self.0.others() {
            Ok(others) => Some(others),
            Err(_) if !self.0.exactly.is_empty() => None,
            Err(error) => return Err(error),
        };
        let witness = Arc::new(Witness::new(self.0.exactly.clone(), others));
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| invalid(&error))?
            // For rustls, every verifier of our own is dangerous. The witness is safe: it
            // checks the certificates that the user named, and passes all others on to the
            // verifier of rustls or of the operating system.
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&witness) as Arc<_>)
            .with_no_client_auth();
        Ok((Arc::new(config), witness))
    }
}

impl Trusted {
    /// Returns the verifier for the authorities of this computer and the authorities in `also`.
    /// The first call makes the verifier.
    fn others(&self) -> Result<Arc<dyn ServerCertVerifier>> {
        if let Some(known) = self.others.get() {
            return Ok(Arc::clone(known));
        }
        let also = self.also.iter().map(|certificate| certificate.der.clone());
        let verifier = Verifier::new_with_extra_roots(also, provider());
        let verifier = verifier.map_err(|error| CertificateError::TrustStore(error.to_string()))?;
        Ok(Arc::clone(self.others.get_or_init(|| Arc::new(verifier))))
    }
}

impl Certificate {
    /// Returns a warning for a user who trusts exactly this certificate: what the certificate is
    /// trusted for, and what is wrong with the certificate. Returns `None` for a certificate
    /// without names, because such a certificate belongs to an authority.
    #[must_use]
    pub fn caveat(&self) -> Option<String> {
        if self.names().is_empty() {
            return None;
        }
        let lacks = match (self.subject() == self.issuer(), self.is_authority()) {
            (true, true) => {
                "it signed itself and is marked as an authority (CA:TRUE), so Firefox and other \
                 clients refuse it"
                    .to_owned()
            }
            (true, false) => "it signed itself, so each client needs its file".to_owned(),
            (false, _) => format!("its authority \"{}\" is not checked", self.issuer()),
        };
        Some(format!(
            "this certificate is trusted for {}, and nothing that it signs: {lacks}",
            listed(self.names())
        ))
    }
}

/// Puts authorities into a list, in the form that rustls needs.
fn roots(authorities: &[Certificate]) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        let added = roots.add(authority.der.clone());
        added.map_err(|error| invalid(&error))?;
    }
    Ok(roots)
}

fn invalid(error: &dyn fmt::Display) -> CertificateError {
    CertificateError::Invalid(error.to_string())
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trust")
    }
}
