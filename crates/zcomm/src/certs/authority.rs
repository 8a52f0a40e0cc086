//! The authority of an earlier run: may it go on?
//!
//! What was trusted once is worth keeping, because trusting is work. But a key that others
//! may have read, or an authority that could sign for anybody, is not kept in silence; and
//! each refusal ends in the command that gets a new authority for the same hosts.

use std::path::Path;

use zcomm_core::{
    Certificate, DevelopmentCa, LOOPBACK_NAMES, MAKE_CERTIFICATES, PemError, PemPair,
};

use super::{
    files::{Files, make_private, read},
    words::{note, word},
};

/// The authority in these files, if it may sign for these hosts as well.
pub(crate) fn kept(
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
    // From here on it is known what it was made for, and a new one is for the same.
    let mut all = ca.hosts().split_off(LOOPBACK_NAMES.len());
    all.extend(hosts.iter().filter(|host| !ca.may_sign_for(host)).cloned());
    let refuse =
        |reason: String| PemError::new(&files.ca, reason).with_help(self::help(folder, &all));
    let (certificate, limits) = (
        ca.certificate(),
        ca.certificate().permitted_names().join(", "),
    );
    if let Some(host) = hosts.iter().find(|host| !ca.may_sign_for(host)) {
        return Err(refuse(format!("may sign for {limits}, and not for {host}")));
    }
    if certificate.is_expired() {
        return Err(refuse(format!("expired on {}", certificate.not_after())));
    }
    if make_private(&files.ca_key)? {
        note(&format!(
            "{} could be read by other users of this computer; now it is yours alone. If one of \
             them may have copied it: --new-ca",
            files.ca_key.display()
        ));
    }
    Ok(ca)
}

/// The name of the authority in these files, whatever else is wrong with it.
pub(crate) fn old_name(files: &Files) -> Option<String> {
    let chain = Certificate::read_all(&files.ca).ok()?;
    chain.first().map(|old| old.subject().to_owned())
}

/// Says when the certificate outlives its authority.
pub(crate) fn compare_ends(ca: &Certificate, leaf: &Certificate) {
    let (ca, leaf) = (ca.not_after(), leaf.not_after());
    // Year, month, day: as text they are in the order of time.
    if ca < leaf {
        note(&format!(
            "the authority ends on {ca}, before its certificate does on {leaf}; clients refuse \
             both from then on, and --new-ca makes a new one"
        ));
    }
}

/// The whole command that makes a new authority for these hosts.
fn help(folder: &Path, hosts: &[String]) -> String {
    let mut command = format!("{MAKE_CERTIFICATES} --new-ca");
    if folder != Path::new("certs") {
        command += &format!(" --folder {}", word(folder.display()));
    }
    for host in hosts {
        command += &format!(" --host {host}");
    }
    format!("a new authority, to be trusted anew: {command}")
}
