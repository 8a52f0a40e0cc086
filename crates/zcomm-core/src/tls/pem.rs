//! PEM files (RFC 7468): certificates and private keys as text.
//!
//! An error names the file and the reason. The error never shows the contents of the file,
//! because a parser's own message can repeat a part of the key.
//!
//! Only a regular file of at most 1 MiB is read. A path in a setting can also name a device,
//! and reading from a device may never end.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use crate::text::secrets::shown_path;

/// Why a file with a certificate or a key cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", shown_path(file))]
pub struct PemError {
    /// The path of the file.
    pub file: PathBuf,
    /// What is wrong with the file.
    pub reason: String,
    /// What to do next.
    pub help: String,
}

/// Returns the command that makes certificates for this machine, as the user types it.
///
/// cargo leaves the file `.cargo-lock` near each program that cargo builds. A user who runs such
/// a program may not have installed `zcomm`, so the command uses cargo.
#[must_use]
pub fn make_certificates() -> String {
    let program = std::env::current_exe().unwrap_or_default();
    let mut folders = program.ancestors().skip(1).take(2);
    match folders.any(|folder| folder.join(".cargo-lock").exists()) {
        true => "cargo run --bin zcomm -- certs".to_owned(),
        false => "zcomm certs".to_owned(),
    }
}

impl PemError {
    /// Makes an error whose help is the command that makes new certificates.
    #[must_use]
    pub fn new(file: &Path, reason: impl fmt::Display) -> PemError {
        PemError {
            file: file.to_owned(),
            reason: reason.to_string(),
            help: format!("new certificates for this machine: {}", make_certificates()),
        }
    }

    /// Replaces the help of the error.
    #[must_use]
    pub fn with_help(self, help: impl Into<String>) -> PemError {
        let help = help.into();
        PemError { help, ..self }
    }
}

/// The size limit of a PEM file (bytes).
const MAX_PEM: u64 = 1024 * 1024;

/// Reads a PEM file.
///
/// # Errors
/// [`PemError`] if the file cannot be opened, is not a regular file, or is larger than 1 MiB.
pub fn read_pem(file: &Path) -> Result<Vec<u8>, PemError> {
    let wrong = |reason: &dyn fmt::Display| PemError::new(file, reason);
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::PermissionDenied => {
            wrong(&error).with_help("run this as the owner of the file")
        }
        _ => wrong(&error),
    };
    let found = fs::metadata(file).map_err(|error| match file.is_symlink() {
        true => wrong(&format!(
            "is a link, and its target cannot be read: {error}"
        )),
        false => unreadable(error),
    })?;
    if found.is_dir() {
        return Err(wrong(&"is a directory"));
    }
    if !found.is_file() {
        return Err(wrong(&"is not a regular file, but a pipe or a device"));
    }
    let mut bytes = Vec::new();
    // Read at most one byte more than the limit. If this byte exists, the file is too large.
    let opened = File::open(file).map(|file| file.take(MAX_PEM + 1));
    let read = opened.and_then(|mut file| file.read_to_end(&mut bytes));
    match read.map_err(unreadable)? as u64 {
        ..=MAX_PEM => Ok(without_marks(bytes)),
        _ => Err(wrong(
            &"is larger than 1 MiB, so it is not a certificate or a key",
        )),
    }
}

/// Removes byte order marks, which some editors write at the start of a file. After a mark, a
/// parser does not find the BEGIN line. PEM contains only ASCII, so a mark is never a part of
/// PEM.
fn without_marks(bytes: Vec<u8>) -> Vec<u8> {
    let text = String::from_utf8(bytes);
    text.map_or_else(
        |binary| binary.into_bytes(),
        |text| text.replace('\u{feff}', "").into_bytes(),
    )
}

/// Whether a PEM text contains a private key.
pub(crate) fn is_key(pem: &[u8]) -> bool {
    String::from_utf8_lossy(pem).contains("PRIVATE KEY-----")
}
