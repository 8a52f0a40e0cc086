//! The two files of a server: its certificate and its private key.
//!
//! A digest of the contents shows whether a file has changed. The date of a file does not show
//! this: a copy can keep an old date, and some file systems store only full seconds.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::tls::pem::read_pem;

/// The SHA-256 digest of the contents of both files.
pub(crate) type Digest = [u8; 32];

/// The paths of both files, and the digest of their contents when they were read.
#[derive(Clone)]
pub(crate) struct Files {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) digest: Digest,
}

impl Files {
    pub(crate) fn read(certificate: &Path, key: &Path) -> Files {
        Files {
            digest: digest(certificate, key),
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        }
    }

    /// Reads both files again and returns the new digest.
    pub(crate) fn contents(&self) -> Digest {
        digest(&self.certificate, &self.key)
    }
}

/// Returns the digest of both files. For a file that cannot be read, the text of the error
/// replaces the contents.
fn digest(certificate: &Path, key: &Path) -> Digest {
    let mut digest = Sha256::new();
    for file in [certificate, key] {
        let contents = read_pem(file).unwrap_or_else(|error| error.to_string().into_bytes());
        // Without the lengths, the files `ab` and `c` would have the same digest as `a` and `bc`.
        digest.update(contents.len().to_be_bytes());
        digest.update(contents);
    }
    digest.finalize().into()
}
