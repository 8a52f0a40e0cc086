//! Files with certificates and keys (PEM, RFC 7468): reading them, and what is wrong with one.
//!
//! What a reader of PEM complains of can be the key itself, so its words are never repeated:
//! an error names the file and the reason, and nothing of what is in it. And a file is a
//! real one, of a sensible size; a name in a setting can lead to a device without end.
//!
//! Production reads its keys from a store that hands them to one process.

use std::{
    fmt,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

/// A file with a certificate or a key that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", file.display())]
pub struct PemError {
    /// The file, as it was opened.
    pub file: PathBuf,
    /// What is wrong with it.
    pub reason: String,
    /// What to do next.
    pub help: String,
}

/// What makes certificates for this machine, as a learner types it.
pub const MAKE_CERTIFICATES: &str = "cargo run --bin zcomm -- certs";

impl PemError {
    /// A file, and what is wrong with it. The help is to make a new one.
    #[must_use]
    pub fn new(file: &Path, reason: impl fmt::Display) -> PemError {
        PemError {
            file: file.to_owned(),
            reason: reason.to_string(),
            help: format!("new certificates for this machine: {MAKE_CERTIFICATES}"),
        }
    }

    /// The same with another help.
    #[must_use]
    pub fn with_help(self, help: impl Into<String>) -> PemError {
        let help = help.into();
        PemError { help, ..self }
    }
}

/// The largest file with certificates or a key (bytes).
const MAX_PEM: u64 = 1024 * 1024;

/// Reads a file of PEM text: a real one, for a pipe never ends, nor does `/dev/zero`.
///
/// # Errors
/// [`PemError`] with the reason; also for more than 1 MiB.
pub fn read_pem(file: &Path) -> Result<Vec<u8>, PemError> {
    let wrong = |reason: &dyn fmt::Display| PemError::new(file, reason);
    let found = fs::metadata(file).map_err(|error| wrong(&error))?;
    if found.is_dir() {
        return Err(wrong(&"is a directory"));
    }
    if !found.is_file() {
        return Err(wrong(&"is no regular file (a pipe or a device)"));
    }
    let mut bytes = Vec::new();
    // The limit holds for the reading, too: the file may grow after the look at it.
    let opened = File::open(file).map(|file| file.take(MAX_PEM + 1));
    let read = opened.and_then(|mut file| file.read_to_end(&mut bytes));
    match read.map_err(|error| wrong(&error))? as u64 {
        ..=MAX_PEM => Ok(bytes),
        _ => Err(wrong(&"is larger than 1 MiB: no certificate and no key is")),
    }
}

/// Whether a PEM text holds a private key.
pub(crate) fn is_key(pem: &[u8]) -> bool {
    String::from_utf8_lossy(pem).contains("PRIVATE KEY-----")
}
