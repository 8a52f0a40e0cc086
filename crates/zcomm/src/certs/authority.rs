//! Checks whether the certificate authority of an earlier run can be kept.
//!
//! If the authority is kept, the user does not have to trust a new authority.
//!
//! An authority is refused if it has expired, if it may sign for any name, or if it may not
//! sign for a requested host. Each refusal shows the command that makes a new authority for
//! these hosts.
//!
//! If other users could read the authority's key, the program prints a warning.

use std::{
    io::{self, Write},
    path::Path,
};

use zcomm_core::{
    Certificate, DevelopmentCa, LOOPBACK_NAMES, PemError, PemPair, make_certificates,
};

use super::{
    files::{Files, make_private, read},
    quote::word,
};

/// Returns the authority in these files. Fails if the authority has expired, or if it may not
/// sign for one of these hosts.
pub(super) fn kept(
    files: &Files,
    folder: &Path,
    hosts: &[String],
) -> Result<DevelopmentCa, PemError> {
    let help = help(folder, hosts);
    let read = |file: &Path| read(file).map_err(|error| error.with_help(&help));
    let pair = PemPair {
        certificate: read(&files.ca)?,
        key: read(&files.ca_key)?,
    };
    let ca = DevelopmentCa::from_pem(&pair)
        .map_err(|error| PemError::new(&files.ca, error).with_help(&help))?;
    // The errors below tell the user to make a new authority. The new authority needs the hosts of
    // the old authority, and the requested hosts that the old authority may not sign for.
    let mut all = ca.hosts().split_off(LOOPBACK_NAMES.len());
    all.extend(hosts.iter().filter(|host| !ca.may_sign_for(host)).cloned());
    let refuse =
        |reason: String| PemError::new(&files.ca, reason).with_help(self::help(folder, &all));
    let certificate = ca.certificate();
    if let Some(host) = hosts.iter().find(|host| !ca.may_sign_for(host)) {
        let limits = certificate.permitted_names().join(", ");
        return Err(refuse(format!("may sign for {limits}, and not for {host}")));
    }
    if certificate.is_expired() {
        return Err(refuse(format!("expired on {}", certificate.not_after())));
    }
    if make_private(&files.ca_key)? {
        note(&format!(
            "other users of this computer could read {}; this is corrected. If one of them may \
             have copied it, make a new authority: --new-ca",
            files.ca_key.display()
        ));
    }
    Ok(ca)
}

/// Returns the authority's name, even if the authority has expired or has no key. Returns `None`
/// if the authority's certificate cannot be read.
pub(super) fn old_name(files: &Files) -> Option<String> {
    let chain = Certificate::read_all(&files.ca).ok()?;
    chain.first().map(|old| old.subject().to_owned())
}

/// Warns if the authority expires before the certificate that it signed.
pub(super) fn compare_ends(ca: &Certificate, leaf: &Certificate) {
    let (ca, leaf) = (ca.not_after(), leaf.not_after());
    // These dates can be compared as text, because the year comes first, then the month and the
    // day.
    if ca < leaf {
        note(&format!(
            "the authority ends on {ca}, before its certificate on {leaf}; clients refuse both \
             from then on. Make a new authority: --new-ca"
        ));
    }
}

/// Returns the command that makes a new authority for these hosts.
fn help(folder: &Path, hosts: &[String]) -> String {
    let mut command = make_certificates() + " --new-ca";
    if folder != Path::new("certs") {
        command += &format!(" --folder {}", word(folder.display()));
    }
    for host in hosts {
        command += &format!(" --host {host}");
    }
    format!("make a new authority, and trust it again: {command}")
}

/// Prints a warning on stderr, because the user may redirect stdout to a file.
fn note(text: &str) {
    writeln!(io::stderr(), "note: {text}").ok();
}
