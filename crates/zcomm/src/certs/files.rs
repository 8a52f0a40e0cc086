//! The folder of the four files, and how they change: whole, one run at a time, and never
//! in a way that the next run cannot finish.
//!
//! An authority is two files, and no file system replaces two files at once. So the change
//! is one rename, that of `ca.pem`. Before it, the new key waits as `ca.next.key`; after
//! it, that key moves to its place. A run that is cut off leaves either the old authority
//! and a key that fits nothing, or the new one and a key that waits: the next run sees
//! which by trying, and removes or moves it.
//!
//! A private key is its owner's alone from the moment its file exists. On Windows the rights
//! of the folder count: a user's own folder is closed to others.
//!
//! Production keeps the key of an authority in hardware, where it cannot be copied at all.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use fs4::{FileExt, TryLockError};
use tempfile::NamedTempFile;
use zcomm_core::{DevelopmentCa, PemError, PemPair, read_pem};

/// How long to wait for another run. One takes a fraction of a second.
const PATIENCE: Duration = Duration::from_secs(5);
/// How files begin that are not yet in their place.
const BESIDE: &str = ".zcomm-";

/// The folder, while this run alone changes it.
pub(crate) struct Files {
    pub(crate) ca: PathBuf,
    pub(crate) ca_key: PathBuf,
    pub(crate) leaf: PathBuf,
    pub(crate) leaf_key: PathBuf,
    next_ca_key: PathBuf,
    folder: PathBuf,
    /// The system lets go of it when the run ends, however it ends: nothing can be stale.
    _lock: File,
}

impl Files {
    /// Makes the folder if need be, waits for other runs, and tidies up after one that was
    /// cut off.
    pub(crate) fn open(folder: &Path) -> Result<Files, PemError> {
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
        files.tidy_up()?;
        Ok(files)
    }

    /// Whether anything of an authority is there; half of one is not nothing.
    pub(crate) fn have_authority(&self) -> bool {
        self.ca.exists() || self.ca_key.exists()
    }

    /// Replaces the certificate of the servers, and the authority if there is a new one.
    /// Everything is written before anything is replaced: a full disk costs nothing.
    pub(crate) fn replace(&self, ca: Option<&PemPair>, leaf: &PemPair) -> Result<(), PemError> {
        let ca = ca.map(|ca| self.write(ca)).transpose()?;
        let leaf = self.write(leaf)?;
        if let Some((certificate, key)) = ca {
            put(key, &self.next_ca_key)?;
            put(certificate, &self.ca)?;
            rename(&self.next_ca_key, &self.ca_key)?;
        }
        // Cut off here, the two do not fit, a server says so, and the next run makes both.
        put(leaf.1, &self.leaf_key)?;
        put(leaf.0, &self.leaf)
    }

    fn write(&self, pair: &PemPair) -> Result<(NamedTempFile, NamedTempFile), PemError> {
        let certificate = write_public(&self.folder, &pair.certificate);
        let both = certificate.and_then(|file| Ok((file, write_private(&self.folder, &pair.key)?)));
        both.map_err(|error| PemError::new(&self.folder, error))
    }

    fn tidy_up(&self) -> Result<(), PemError> {
        let wrong = |error: io::Error| PemError::new(&self.folder, error);
        for entry in fs::read_dir(&self.folder).map_err(wrong)? {
            let entry = entry.map_err(wrong)?;
            if entry.file_name().to_string_lossy().starts_with(BESIDE) {
                // It may hold a key. If it stays, it is its owner's alone, as it was.
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

/// The text of a file of this folder. What is no text is skipped by whoever reads PEM.
pub(crate) fn read(file: &Path) -> Result<String, PemError> {
    Ok(String::from_utf8_lossy(&read_pem(file)?).into_owned())
}

/// Takes from others the right to read a private key; whether they had it.
#[cfg(unix)]
pub(crate) fn make_private(key: &Path) -> Result<bool, PemError> {
    use std::os::unix::fs::PermissionsExt;
    let wrong = |error: io::Error| PemError::new(key, error);
    let mode = fs::metadata(key).map_err(wrong)?.permissions().mode();
    let open = mode & 0o077 != 0;
    if open {
        fs::set_permissions(key, fs::Permissions::from_mode(0o600)).map_err(wrong)?;
    }
    Ok(open)
}

#[cfg(not(unix))]
pub(crate) fn make_private(_key: &Path) -> Result<bool, PemError> {
    Ok(false)
}

/// A file beside its place, the owner's alone: that is what temporary files are.
fn write_private(folder: &Path, text: &str) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new();
    fill(
        file.prefix(BESIDE).suffix(".key").tempfile_in(folder)?,
        text,
    )
}

/// A file beside its place that everybody may read, as far as the folder lets them.
fn write_public(folder: &Path, text: &str) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new();
    #[cfg(unix)]
    file.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    fill(file.prefix(BESIDE).tempfile_in(folder)?, text)
}

/// On the disk before it gets its name: after a power cut there is no empty file.
fn fill(mut file: NamedTempFile, text: &str) -> io::Result<NamedTempFile> {
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn put(beside: NamedTempFile, place: &Path) -> Result<(), PemError> {
    let moved = beside.persist(place);
    moved.map_err(|error| PemError::new(place, error.error))?;
    Ok(())
}

fn rename(from: &Path, to: &Path) -> Result<(), PemError> {
    fs::rename(from, to).map_err(|error| PemError::new(to, error))
}

/// Waits until no other run is at work here.
fn lock(file: &Path) -> Result<File, PemError> {
    let wrong = |error: io::Error| PemError::new(file, error);
    let mut options = OpenOptions::new();
    // Read as well: opened so, a pipe of this name does not wait for its other end.
    options.read(true).write(true).create(true).truncate(false);
    let lock = options.open(file).map_err(wrong)?;
    let start = Instant::now();
    loop {
        match FileExt::try_lock(&lock) {
            Ok(()) => return Ok(lock),
            Err(TryLockError::Error(error)) => return Err(wrong(error)),
            Err(TryLockError::WouldBlock) if start.elapsed() > PATIENCE => {
                let reason = "another run has been at work in this folder for 5 seconds";
                let help = "wait until it has ended, then run this again";
                return Err(PemError::new(file, reason).with_help(help));
            }
            Err(TryLockError::WouldBlock) => {
                #[allow(clippy::disallowed_methods, reason = "no task runs here")]
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}
