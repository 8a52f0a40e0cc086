//! What can be wrong with a certificate, a key or the list of trusted authorities.

use crate::tls::pem::{PemError, make_certificates};

/// The result of every function in the folder `tls` that can fail.
pub(crate) type Result<T, E = CertificateError> = std::result::Result<T, E>;

/// A certificate, a key or a list of authorities that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// A file with a certificate or a key cannot be used: replace the file.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// A certificate cannot be made or used: choose other names, or make a new certificate.
    #[error("certificate: {0}")]
    Invalid(String),
    /// This computer's list of trusted authorities cannot be read: install the list.
    #[error("this computer's list of trusted authorities cannot be read: {0}")]
    TrustStore(String),
}

impl CertificateError {
    /// What the user can do next.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            CertificateError::Pem(error) => error.help.clone(),
            CertificateError::Invalid(_) => {
                format!("new certificates for this machine: {}", make_certificates())
            }
            CertificateError::TrustStore(_) => {
                "on Debian: apt-get install ca-certificates; or name an authority with --ca FILE"
                    .into()
            }
        }
    }
}
