//! What can be wrong with a certificate, a key or the list of trusted authorities.

use std::path::Path;

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
    /// Adds a name to the help: the setting or the option that contains the path of the wrong
    /// file. The user needs this name, because the error may hide the path (see
    /// [`shown_path`](crate::shown_path)). `files` contains the names of settings or options,
    /// each with its file.
    #[must_use]
    pub fn named_by(self, files: &[(&str, &Path)]) -> CertificateError {
        let CertificateError::Pem(error) = self else {
            return self;
        };
        let named = files.iter().filter(|(_, file)| *file == error.file);
        let names: Vec<_> = named.map(|(name, _)| *name).collect();
        let help = format!(
            "this is the file of {}; {}",
            names.join(" and "),
            error.help
        );
        CertificateError::Pem(error.with_help(help))
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::pem::PemError;

    #[test]
    fn the_help_names_the_setting_of_the_file_and_no_other() {
        let (a, b) = (Path::new("a"), Path::new("b"));
        let help = |file| {
            let error = CertificateError::from(PemError::new(file, "is empty"));
            error
                .named_by(&[("ONE", a), ("TWO", b), ("THREE", b)])
                .help()
        };
        assert!(help(a).starts_with("this is the file of ONE; new certificates"));
        assert!(help(b).starts_with("this is the file of TWO and THREE; new certificates"));
    }
}
