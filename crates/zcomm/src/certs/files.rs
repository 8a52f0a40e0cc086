//! The folder of the four files. One run at a time changes it, each file is replaced as a
//! whole, and the next run can finish an interrupted one.
//!
//! An authority is two files, and no file system replaces two files at once. So the change is
//! one rename, that of `ca.pem`. Before it, the new key is stored as `ca.next.key`; after it,
//! that key is renamed, too. An interrupted run leaves the old authority and a key that does
//! not fit, or the new authority and its waiting key: the next run tries the key, and removes
//! or renames it.
//!
//! Only the owner can read a private key, from the moment its file exists. On Windows the
//! folder decides: other users cannot open a user's own folder.
//!
//! In production, the key of an authority is in hardware that does not let it be copied.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use fs4::{FileExt, TryLockError};
use tempfile::NamedTempFile;
use zcomm_core::{DevelopmentCa, PemError, PemPair, read_pem, readable_by_others};

/// The longest wait for another run, which takes a fraction of a second.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// The prefix of files that are not renamed yet.
const TEMPORARY: &str = ".zcomm-";

/// The folder, locked for this run.
pub(super) struct Files {
    pub(super) ca: PathBuf,
    pub(super) ca_key: PathBuf,
    pub(super) leaf: PathBuf,
    pub(super) leaf_key: PathBuf,
    next_ca_key: PathBuf,
    folder: PathBuf,
    /// The system releases the lock when the run ends, even after a crash.
    _lock: File,
}

impl Files {
    /// Makes the folder if it does not exist, waits for other runs, and cleans up after an
    /// interrupted one.
    pub(super) fn open(folder: &Path) -> Result<Files, PemError> {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        let made = builder.recursive(true).create(folder);
        made.map_err(|error| PemError::new(folder, error))?;
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
        self.ca.exists() || self.ca_key.exists()
    }

    /// Replaces the certificate of the servers, and the authority if there is a new one. All
    /// files are written before the first is replaced, so a full disk changes nothing.
    pub(super) fn replace(&self, ca: Option<&PemPair>, leaf: &PemPair) -> Result<(), PemError> {
        let ca = ca.map(|ca| self.write(ca)).transpose()?;
        let leaf = self.write(leaf)?;
        if let Some((certificate, key)) = ca {
            put(key, &self.next_ca_key)?;
            put(certificate, &self.ca)?;
            rename(&self.next_ca_key, &self.ca_key)?;
        }
        // After an interruption here the two do not fit. The next run makes both again.
        put(leaf.1, &self.leaf_key)?;
        put(leaf.0, &self.leaf)
    }

    /// Writes two temporary files. Only their owner can read the key; all users may read the
    /// certificate, unless the folder forbids it.
    fn write(&self, pair: &PemPair) -> Result<(NamedTempFile, NamedTempFile), PemError> {
        let write = |suffix: &str, mode: u32, text: &str| {
            write(&self.folder, suffix, mode, text)
                .map_err(|error| PemError::new(&self.folder, error))
        };
        let certificate = write(".pem", 0o644, &pair.certificate)?;
        Ok((certificate, write(".key", 0o600, &pair.key)?))
    }

    fn clean_up(&self) -> Result<(), PemError> {
        let wrong = |error: io::Error| PemError::new(&self.folder, error);
        for entry in fs::read_dir(&self.folder).map_err(wrong)? {
            let entry = entry.map_err(wrong)?;
            if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
                // It may hold a key. If it cannot be removed, only its owner can read it.
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
                .map_err(|error| PemError::new(&self.next_ca_key, error)),
        }
    }
}

/// Returns the text of a file. The PEM parser skips what is not text.
pub(super) fn read(file: &Path) -> Result<String, PemError> {
    Ok(String::from_utf8_lossy(&read_pem(file)?).into_owned())
}

/// Removes the right of other users to read a private key. Returns whether they had it.
pub(super) fn make_private(key: &Path) -> Result<bool, PemError> {
    let open = readable_by_others(key);
    #[cfg(unix)]
    if open {
        let only_owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        let changed = fs::set_permissions(key, only_owner);
        changed.map_err(|error| PemError::new(key, error))?;
    }
    Ok(open)
}

/// Writes the text to the disk before the rename: a power cut leaves no empty file.
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
    moved.map_err(|error| PemError::new(place, error.error))?;
    Ok(())
}

fn rename(from: &Path, to: &Path) -> Result<(), PemError> {
    fs::rename(from, to).map_err(|error| PemError::new(to, error))
}

/// Waits until no other run uses this folder, for at most [`MAX_WAIT`].
fn lock(file: &Path) -> Result<File, PemError> {
    let wrong = |error: io::Error| PemError::new(file, error);
    let mut options = OpenOptions::new();
    // With read access, opening a named pipe does not block.
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
