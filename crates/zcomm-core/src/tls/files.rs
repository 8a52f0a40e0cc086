//! The two files of a server: its certificate and its private key.
//!
//! A digest of the contents shows whether a file has changed. The time in the file system does
//! not: a copy can keep an old time, and some clocks count only seconds.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::tls::pem::read_pem;

/// The SHA-256 digest of the contents of both files.
pub(crate) type Digest = [u8; 32];

/// The paths of both files, and what the files contained when they were read.
#[derive(Clone)]
pub(crate) struct Files {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) digest: Digest,
}

impl Files {
    /// Reads both files.
    pub(crate) fn read(certificate: &Path, key: &Path) -> Files {
        Files {
            digest: digest(certificate, key),
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        }
    }

    /// The digest of what the files contain now.
    pub(crate) fn contents(&self) -> Digest {
        digest(&self.certificate, &self.key)
    }
}

/// A file that cannot be read has a digest too: of its error.
fn digest(certificate: &Path, key: &Path) -> Digest {
    let mut digest = Sha256::new();
    for file in [certificate, key] {
        let contents = read_pem(file).unwrap_or_else(|error| error.to_string().into_bytes());
        // With the length, the end of one file cannot be the start of the other.
        digest.update(contents.len().to_be_bytes());
        digest.update(contents);
    }
    digest.finalize().into()
}
