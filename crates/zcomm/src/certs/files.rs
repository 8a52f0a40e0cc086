//! The folder with the four files of `zcomm certs`. Only one run at a time changes the folder.
//! Each file is replaced as a whole. If a run is interrupted, the next run can finish the
//! interrupted work.
//!
//! An authority has two files: its certificate (`ca.pem`) and its key (`ca.key`). No file system
//! can replace two files at once. So a run writes the new key to `ca.next.key` and replaces
//! `ca.pem`. Then it renames `ca.next.key` to `ca.key`.
//!
//! If the run is interrupted, the next run finds `ca.next.key`. If this key belongs to `ca.pem`,
//! only the last step is missing: the next run renames `ca.next.key` to `ca.key`. If this key does
//! not belong to `ca.pem`, then `ca.pem` is still the old file: the next run removes `ca.next.key`.
//!
//! Only the owner can read the file of a private key, from the moment when the file is created.
//! On Windows, the folder protects the file: other users cannot open a user's home folder.
//!
//! In production, special hardware stores the key of an authority, so that no program can copy
//! it.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use fs4::{FileExt, TryLockError};
use tempfile::NamedTempFile;
use zcomm_core::{DevelopmentCa, PemError, PemPair, read_pem, readable_by_others};

/// The time limit to wait for another run. A run normally needs less than a second.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// The name of each temporary file begins with this text.
const TEMPORARY: &str = ".zcomm-";

/// The locked folder of this run, and the paths of its files.
pub(super) struct Files {
    pub(super) ca: PathBuf,
    pub(super) ca_key: PathBuf,
    pub(super) leaf: PathBuf,
    pub(super) leaf_key: PathBuf,
    next_ca_key: PathBuf,
    folder: PathBuf,
    /// The lock of the folder. The system releases it when the run ends, even after a crash.
    _lock: File,
}

impl Files {
    /// Makes the folder if it does not exist, and waits until no other run uses the folder. Then
    /// finishes or removes the work of an interrupted run.
    pub(super) fn open(folder: &Path) -> Result<Files, PemError> {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        let made = builder.recursive(true).create(folder);
        made.map_err(|error| unusable(folder, &error))?;
        let files = Files {
            ca: folder.join("ca.pem"),
            ca_key: folder.join("ca.key"),
            leaf: folder.join("localhost.pem"),
            leaf_key: folder.join("localhost.key"),
            next_ca_key: folder.join("ca.next.key"),
            folder: folder.to_owned(),
            _lock: lock(&folder.join(".lock"))?,
        };
        files.clean_up()?;
        Ok(files)
    }

    /// Whether at least one file of an authority exists.
    pub(super) fn have_authority(&self) -> bool {
        is_there(&self.ca) || is_there(&self.ca_key)
    }

    /// Replaces the certificate of the servers, and the authority if `ca` contains a new
    /// authority. All new files are written before an old file is replaced. So if the disk is
    /// full, no old file changes.
    pub(super) fn replace(&self, ca: Option<&PemPair>, leaf: &PemPair) -> Result<(), PemError> {
        let ca = ca.map(|ca| self.write(ca)).transpose()?;
        let leaf = self.write(leaf)?;
        if let Some((certificate, key)) = ca {
            put(key, &self.next_ca_key)?;
            put(certificate, &self.ca)?;
            rename(&self.next_ca_key, &self.ca_key)?;
        }
        // If a run is interrupted between these two lines, the key does not fit the certificate.
        // Then the next run replaces both files.
        put(leaf.1, &self.leaf_key)?;
        put(leaf.0, &self.leaf)
    }

    /// Writes a certificate and its key to temporary files. Only the owner can read the key.
    /// All users can read the certificate, if they can open the folder.
    fn write(&self, pair: &PemPair) -> Result<(NamedTempFile, NamedTempFile), PemError> {
        let write = |suffix: &str, mode: u32, text: &str| {
            write(&self.folder, suffix, mode, text).map_err(|error| unusable(&self.folder, &error))
        };
        let certificate = write(".pem", 0o644, &pair.certificate)?;
        Ok((certificate, write(".key", 0o600, &pair.key)?))
    }

    fn clean_up(&self) -> Result<(), PemError> {
        let wrong = |error: io::Error| unusable(&self.folder, &error);
        for entry in fs::read_dir(&self.folder).map_err(wrong)? {
            let entry = entry.map_err(wrong)?;
            if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
                // Ignore an error: if the file contains a key, only the owner can read it.
                fs::remove_file(entry.path()).ok();
            }
        }
        if !self.next_ca_key.exists() {
            return Ok(());
        }
        let fits = self.ca.exists() && {
            let (certificate, key) = (read(&self.ca)?, read(&self.next_ca_key)?);
            DevelopmentCa::from_pem(&PemPair { certificate, key }).is_ok()
        };
        match fits {
            true => rename(&self.next_ca_key, &self.ca_key),
            false => fs::remove_file(&self.next_ca_key)
                .map_err(|error| unusable(&self.next_ca_key, &error)),
        }
    }
}

/// Makes the error for a folder or a file that cannot be written.
fn unusable(file: &Path, error: &io::Error) -> PemError {
    let help = match error.kind() {
        io::ErrorKind::StorageFull => "free some space on the disk, then run this again",
        _ => "name a folder that you can write to: --folder FOLDER",
    };
    PemError::new(file, error).with_help(help)
}

/// Whether a file, a folder or a link has this name. A link to a missing file counts, too,
/// because a new file must not replace the link.
pub(crate) fn is_there(file: &Path) -> bool {
    let missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    !file.symlink_metadata().is_err_and(|error| missing(&error))
}

/// Returns the text of a PEM file. Replaces invalid bytes, because a comment in the file may
/// contain some. The PEM parser skips comments.
pub(super) fn read(file: &Path) -> Result<String, PemError> {
    Ok(String::from_utf8_lossy(&read_pem(file)?).into_owned())
}

/// Makes a private key readable only for its owner. Returns `true` if other users could read the
/// key before this call.
pub(super) fn make_private(key: &Path) -> Result<bool, PemError> {
    let open = readable_by_others(key);
    #[cfg(unix)]
    if open {
        let only_owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        let changed = fs::set_permissions(key, only_owner);
        changed.map_err(|error| unusable(key, &error))?;
    }
    Ok(open)
}

/// Writes a temporary file, and waits until its text is on the disk. Without this wait, the file
/// could be empty after a power failure.
#[cfg_attr(not(unix), allow(unused_variables, reason = "Windows has no mode"))]
fn write(folder: &Path, suffix: &str, mode: u32, text: &str) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    let named = builder.prefix(TEMPORARY).suffix(suffix);
    let mut file = named.tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn put(temporary: NamedTempFile, place: &Path) -> Result<(), PemError> {
    let moved = temporary.persist(place);
    moved.map_err(|error| unusable(place, &error.error))?;
    Ok(())
}

fn rename(from: &Path, to: &Path) -> Result<(), PemError> {
    fs::rename(from, to).map_err(|error| unusable(to, &error))
}

/// Locks the folder. If another run uses the folder, waits for at most [`MAX_WAIT`].
fn lock(file: &Path) -> Result<File, PemError> {
    let wrong = |error: io::Error| unusable(file, &error);
    let mut options = OpenOptions::new();
    // Open the file for reading, too. If the file were a named pipe, opening it only for writing
    // would block.
    options.read(true).write(true).create(true).truncate(false);
    let lock = options.open(file).map_err(wrong)?;
    let start = Instant::now();
    loop {
        match FileExt::try_lock(&lock) {
            Ok(()) => return Ok(lock),
            Err(TryLockError::Error(error)) => return Err(wrong(error)),
            Err(TryLockError::WouldBlock) if start.elapsed() > MAX_WAIT => {
                let reason = "another run has used this folder for more than 5 seconds";
                let help = "wait until it ends, then run this again";
                return Err(PemError::new(file, reason).with_help(help));
            }
            Err(TryLockError::WouldBlock) => {
                #[allow(clippy::disallowed_methods, reason = "no task runs here")]
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}
