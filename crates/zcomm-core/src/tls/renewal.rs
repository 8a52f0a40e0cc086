//! Renewal: a running server changes to its new certificate.
//!
//! A certificate of a public authority expires after some weeks. Before that, another program
//! writes a new certificate to the file of the certificate. If the server read the file only
//! at the start, it would later send an expired certificate. So the server checks the files of
//! its certificate and its key every ten seconds.
//!
//! - Another program may still be writing a file during a check. So the server uses new contents
//!   only if two checks in a row find the same contents.
//! - If the server cannot use the new contents, it logs one warning and continues with the old
//!   certificate.
//! - Open connections continue. Only new connections get the new certificate.

use std::{
    future::pending,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{task::spawn_blocking, time::sleep};

use crate::{
    text::shown::listed,
    tls::{
        error::{CertificateError, Result},
        files::{Digest, Files},
        identity::Identity,
    },
};

/// The time between two checks of the files.
const INTERVAL: Duration = Duration::from_secs(10);

/// The certificate and the key for new connections. All clones share them.
#[derive(Clone)]
pub(crate) struct CurrentIdentity(Arc<Mutex<Identity>>);

impl CurrentIdentity {
    pub(crate) fn new(identity: Identity) -> CurrentIdentity {
        CurrentIdentity(Arc::new(Mutex::new(identity)))
    }

    pub(crate) fn get(&self) -> Identity {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Checks the files every ten seconds, and uses each new certificate. Never returns.
    pub(crate) async fn renew(self) {
        let Some(files) = self.get().files else {
            // The certificate does not come from files, so it cannot change.
            return pending().await;
        };
        let mut looks = Looks::new(&files);
        loop {
            sleep(INTERVAL).await;
            let old = self.get();
            // Reading a file can take long, e.g. from a network drive. So another thread reads it.
            let look = spawn_blocking(move || {
                let found = looks.look(&old);
                (looks, found)
            });
            match look.await {
                Ok((same, found)) => {
                    looks = same;
                    self.take(found);
                }
                Err(error) => {
                    tracing::error!("TLS: cannot look for new certificates: {error}");
                    return pending().await;
                }
            }
        }
    }

    /// Uses a new identity for new connections, or logs why it cannot be used.
    fn take(&self, found: Option<Result<Identity>>) {
        let old = self.get();
        match found {
            None => {}
            Some(Ok(new)) => {
                let (names, until) = (
                    listed(new.certificate().names()),
                    new.certificate().not_after(),
                );
                tracing::info!(
                    "TLS: new connections get the new certificate for {names}, valid until {until}"
                );
                if let Some(files) = &new.files {
                    for warning in new.warnings(&files.certificate, &files.key) {
                        tracing::warn!("{warning}");
                    }
                }
                *self.0.lock().unwrap_or_else(PoisonError::into_inner) = new;
            }
            Some(Err(error)) => tracing::warn!(
                "TLS: the new certificate is not used: {error}. The old one stays, valid until {}; \
                 when both files are right, the server takes them by itself",
                old.certificate().not_after()
            ),
        }
    }
}

struct Looks {
    files: Files,
    last: Digest,
    /// The digest of the last contents that the server accepted or refused.
    judged: Digest,
}

impl Looks {
    fn new(files: &Files) -> Looks {
        Looks {
            files: files.clone(),
            last: files.digest,
            judged: files.digest,
        }
    }

    /// Checks the files once. Returns a new identity, or an error if the new files cannot be
    /// used. Returns `None` if the files contain nothing new, or if they have just changed.
    fn look(&mut self, old: &Identity) -> Option<Result<Identity>> {
        let now = self.files.contents();
        let settled = now == self.last;
        self.last = now;
        let served = old.files.as_ref().is_some_and(|files| files.digest == now);
        if served {
            // The files contain the certificate in use, so forget the last broken files. If
            // these broken files come back, the server logs a warning again.
            self.judged = now;
        }
        if !settled || now == self.judged {
            return None;
        }
        let found = Identity::from_files(&self.files.certificate, &self.files.key);
        if self.files.contents() != now {
            // A file has changed during this check, so wait for the next check.
            return None;
        }
        self.judged = now;
        Some(found.and_then(|new| not_worse(old, new)))
    }
}

/// Refuses a new certificate that clients would refuse. But if clients would also refuse the old
/// certificate, accepts the new certificate.
fn not_worse(old: &Identity, new: Identity) -> Result<Identity> {
    let problems = new.certificate().problems();
    match problems.is_empty() || !old.certificate().problems().is_empty() {
        true => Ok(new),
        false => {
            let problems = problems.join("; ");
            let reason = format!("clients would refuse it: {problems}");
            Err(CertificateError::Invalid(reason))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::tls::development_ca::{DevelopmentCa, LOOPBACK_NAMES, PemPair};

    /// The two files of a server, and the authority that signs its certificates.
    struct Server {
        ca: DevelopmentCa,
        certificate: PathBuf,
        key: PathBuf,
    }

    impl Server {
        fn new(name: &str) -> Server {
            let folder = std::env::temp_dir().join(format!("zcomm-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&folder).unwrap();
            Server {
                ca: DevelopmentCa::new(&[]).unwrap(),
                certificate: folder.join("server.pem"),
                key: folder.join("server.key"),
            }
        }

        fn write(&self, pair: &PemPair) {
            std::fs::write(&self.certificate, &pair.certificate).unwrap();
            std::fs::write(&self.key, &pair.key).unwrap();
        }

        fn pair(&self) -> PemPair {
            self.ca.issue(&LOOPBACK_NAMES).unwrap()
        }

        /// Writes a certificate and a key, and reads them as a server does at its start.
        fn start(&self) -> (Identity, Looks) {
            self.write(&self.pair());
            let identity = Identity::from_files(&self.certificate, &self.key).unwrap();
            let looks = Looks::new(identity.files.as_ref().unwrap());
            (identity, looks)
        }
    }

    impl Drop for Server {
        fn drop(&mut self) {
            std::fs::remove_dir_all(self.key.parent().unwrap()).ok();
        }
    }

    #[test]
    fn a_new_pair_counts_at_the_second_look_and_only_once() {
        let server = Server::new("second-look");
        let (old, mut looks) = server.start();
        assert!(looks.look(&old).is_none());
        let new = server.pair();
        std::fs::write(&server.certificate, &new.certificate).unwrap();
        assert!(looks.look(&old).is_none());
        // The key is written after the first check, so the contents have changed again.
        std::fs::write(&server.key, &new.key).unwrap();
        assert!(looks.look(&old).is_none());
        let taken = looks.look(&old).unwrap().unwrap();
        assert_ne!(
            taken.certificate().fingerprint(),
            old.certificate().fingerprint()
        );
        assert!(looks.look(&taken).is_none());
        assert!(looks.look(&taken).is_none());
    }

    #[test]
    fn a_broken_pair_is_named_once_and_a_good_one_after_it_is_taken() {
        let server = Server::new("broken");
        let (old, mut looks) = server.start();
        let other_key = PemPair {
            key: server.pair().key,
            ..server.pair()
        };
        let expired = server.ca.issue_ending_in(&LOOPBACK_NAMES, -2).unwrap();
        let half = PemPair {
            certificate: expired.certificate[..99].into(),
            ..server.pair()
        };
        for (broken, reason) in [
            (other_key, "this private key belongs to another certificate"),
            (half, "is incomplete"),
            (expired, "clients would refuse it: it expired on"),
        ] {
            server.write(&broken);
            assert!(looks.look(&old).is_none());
            let error = looks.look(&old).unwrap().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
            for _ in 0..3 {
                assert!(looks.look(&old).is_none());
            }
        }
        std::fs::remove_file(&server.key).unwrap();
        assert!(looks.look(&old).is_none());
        let error = looks.look(&old).unwrap().unwrap_err().to_string();
        assert!(error.contains("server.key"), "{error}");
        server.write(&server.pair());
        assert!(looks.look(&old).is_none());
        looks.look(&old).unwrap().unwrap();
    }

    /// The old pair comes back, for example, when a backup is restored.
    #[test]
    fn the_old_pair_that_comes_back_is_not_new() {
        let server = Server::new("back");
        let (old, mut looks) = server.start();
        let [certificate, key] =
            [&server.certificate, &server.key].map(|file| std::fs::read_to_string(file).unwrap());
        server.write(&server.pair());
        assert!(looks.look(&old).is_none());
        server.write(&PemPair { certificate, key });
        for _ in 0..3 {
            assert!(looks.look(&old).is_none());
        }
    }
}
