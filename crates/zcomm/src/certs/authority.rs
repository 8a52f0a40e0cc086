//! Whether the authority of an earlier run can be kept.
//!
//! Keeping it saves the user from trusting a new one. An authority is refused if it could
//! sign for any name, and a warning says if other users could read its key. Each refusal ends
//! with the command that makes a new authority for the same hosts.

use std::{
    io::{self, Write},
    path::Path,
};

use zcomm_core::{
    Certificate, DevelopmentCa, LOOPBACK_NAMES, MAKE_CERTIFICATES, PemError, PemPair,
};

use super::{
    files::{Files, make_private, read},
    quote::word,
};

/// Returns the authority in these files. Fails unless it may sign for these hosts.
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
    // From here on the help names the hosts of the old authority, too.
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

/// Returns the name of the authority in these files, even if it cannot be used.
pub(super) fn old_name(files: &Files) -> Option<String> {
    let chain = Certificate::read_all(&files.ca).ok()?;
    chain.first().map(|old| old.subject().to_owned())
}

/// Warns if the authority ends before its certificate.
pub(super) fn compare_ends(ca: &Certificate, leaf: &Certificate) {
    let (ca, leaf) = (ca.not_after(), leaf.not_after());
    // As text, days (year, month, day) sort in the order of time.
    if ca < leaf {
        note(&format!(
            "the authority ends on {ca}, before its certificate on {leaf}; clients refuse both \
             from then on. Make a new authority: --new-ca"
        ));
    }
}

/// Returns the command that makes a new authority for these hosts.
fn help(folder: &Path, hosts: &[String]) -> String {
    let mut command = format!("{MAKE_CERTIFICATES} --new-ca");
    if folder != Path::new("certs") {
        command += &format!(" --folder {}", word(folder.display()));
    }
    for host in hosts {
        command += &format!(" --host {host}");
    }
    format!("make a new authority, and trust it again: {command}")
}

/// Prints a warning on stderr, because the output may go into a file.
fn note(text: &str) {
    writeln!(io::stderr(), "note: {text}").ok();
}
