//! Renewal: a running server takes its new certificate.
//!
//! A certificate of a public authority ends after some weeks, so a timer writes a new one to the
//! same files. A server that reads its files only at the start would send the old certificate
//! until it has expired. So the server looks at both files every ten seconds.
//!
//! - The files are written one after the other, and each of them in parts. So new contents count
//!   only when two looks in a row find the same.
//! - New contents are checked as at the start. If the server cannot use them, it says so once in
//!   the log, and continues with the old certificate.
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

/// The time between two looks at the files.
const INTERVAL: Duration = Duration::from_secs(10);

/// The identity for new connections. All clones share it.
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

    /// Takes each new certificate. Never returns.
    pub(crate) async fn renew(self) {
        let Some(files) = self.get().files else {
            // The certificate does not come from files, so it cannot change.
            return pending().await;
        };
        let mut looks = Looks::new(&files);
        loop {
            sleep(INTERVAL).await;
            let old = self.get();
            // Reading a file can take long, e.g. from a network drive.
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

    /// Logs what a look has found, and takes a new identity.
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

/// What the last looks at the files have found.
struct Looks {
    files: Files,
    /// The contents at the last look.
    last: Digest,
    /// The last contents that were judged, good or bad.
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

    /// Looks at the files. Returns what they contain, if that is new and complete.
    fn look(&mut self, old: &Identity) -> Option<Result<Identity>> {
        let now = self.files.contents();
        let settled = now == self.last;
        self.last = now;
        let served = old.files.as_ref().is_some_and(|files| files.digest == now);
        if served {
            // A broken pair that was replaced by the old pair may be named again.
            self.judged = now;
        }
        if !settled || now == self.judged {
            return None;
        }
        let found = Identity::from_files(&self.files.certificate, &self.files.key);
        if self.files.contents() != now {
            // A file has changed during this look, so the next looks decide.
            return None;
        }
        self.judged = now;
        Some(found.and_then(|new| not_worse(old, new)))
    }
}

/// Refuses a certificate that clients would refuse, if clients accept the old one.
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

    /// Two files of a server, and an authority that signs for it.
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

        /// Begins to serve a pair.
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
        // The key comes between two looks, so the contents have changed again.
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

    /// For example after `git checkout`, or a backup that is restored.
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
