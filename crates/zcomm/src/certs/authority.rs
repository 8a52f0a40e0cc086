//! The authority of an earlier run: may it go on?

use std::path::Path;

use zcomm_core::{DevelopmentCa, PemError, PemPair};

use super::files::{Files, read};

/// The authority in these files, if it may sign for these hosts as well.
pub(crate) fn kept(files: &Files, hosts: &[String]) -> Result<DevelopmentCa, PemError> {
    let help = "--new-ca makes a new authority, which then has to be trusted anew";
    let read = |file: &Path| read(file).map_err(|error| error.with_help(help));
    let pair = PemPair {
        certificate: read(&files.ca)?,
        key: read(&files.ca_key)?,
    };
    let refuse = |reason: String| PemError::new(&files.ca, reason).with_help(help);
    let ca = DevelopmentCa::from_pem(&pair).map_err(|error| refuse(error.to_string()))?;
    if let Some(host) = hosts.iter().find(|host| !ca.may_sign_for(host)) {
        let limits = ca.certificate().permitted_names().join(", ");
        return Err(refuse(format!("may sign for {limits}, and not for {host}")));
    }
    match ca.certificate().is_expired() {
        true => Err(refuse(format!(
            "expired on {}",
            ca.certificate().not_after()
        ))),
        false => Ok(ca),
    }
}
