//! A certificate for the learner's server, from an authority that only the grader trusts.

use std::{fs, path::Path};

use tempfile::TempDir;
use zcomm_core::{DevelopmentCa, LOOPBACK_NAMES, Trust};

use crate::shared::failure::Failure;

pub(super) struct Certificate {
    pub(super) trust: Trust,
    /// The folder with both files. It is deleted with this value.
    folder: TempDir,
}

impl Certificate {
    pub(super) fn new() -> Result<Certificate, Failure> {
        let ca = DevelopmentCa::new(&[])?;
        let pair = ca.issue(&LOOPBACK_NAMES)?;
        let folder = tempfile::tempdir()?;
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text);
        write("cert.pem", &pair.certificate)?;
        write("key.pem", &pair.key)?;
        private(&folder.path().join("key.pem"))?;
        Ok(Certificate {
            trust: Trust::only(&ca)?,
            folder,
        })
    }

    /// The settings that name the files.
    pub(super) fn settings(&self) -> Vec<(String, String)> {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        vec![
            ("WEBSOCKET_SSL_ENABLED".to_owned(), "true".to_owned()),
            ("WEBSOCKET_SSL_CERT".to_owned(), path("cert.pem")),
            ("WEBSOCKET_SSL_KEY".to_owned(), path("key.pem")),
        ]
    }
}

/// Makes a key readable only for its owner: a server refuses a key that others can read.
fn private(key: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(key, fs::Permissions::from_mode(0o600))?;
    }
    #[cfg(not(unix))]
    let _ = key;
    Ok(())
}
