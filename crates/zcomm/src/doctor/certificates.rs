//! Would a client accept the certificates?
//!
//! If the settings name certificates, a problem with them is an error: a server does not start,
//! or clients refuse to connect. If the settings name no certificates, the doctor checks the
//! certificates in `certs/`, because the user may soon use them. Then a problem is only a
//! warning.
//!
//! This check judges a certificate by the same rules as `zcomm certs --check`.

use std::path::Path;

use zcomm_core::{
    Certificate, CertificateError, Identity, TlsFiles, make_certificates, readable_by_others,
};

use super::{
    addresses,
    finding::{Finding, Verdict, error, note, ok, warning},
    situation::Situation,
};
use crate::certs::{is_there, judge, word};

pub(super) fn check(situation: &Situation) -> Vec<Finding> {
    if let Some(files) = &situation.settings.tls_files {
        let mut findings = examine(files, files.identity());
        findings.extend(missing_names(situation, files));
        return findings;
    }
    let files = TlsFiles {
        certificate: Path::new("certs").join("localhost.pem"),
        key: Path::new("certs").join("localhost.key"),
    };
    if !is_there(&files.certificate) && !is_there(&files.key) {
        let none = note("none: servers use ws:// and http://");
        return vec![none.fix(format!("to make some: {}", make_certificates()))];
    }
    let identity = Identity::from_files(&files.certificate, &files.key);
    let mut findings = examine(&files, identity);
    for finding in &mut findings {
        match finding.verdict {
            Verdict::Error => finding.verdict = Verdict::Warning,
            Verdict::Ok => finding.what += "; the settings do not use it",
            _ => {}
        }
    }
    findings
}

fn examine(files: &TlsFiles, identity: Result<Identity, CertificateError>) -> Vec<Finding> {
    let chain = match identity {
        // Read the file again, because an `Identity` does not show its certificates.
        Ok(_) => Certificate::read_all(&files.certificate).unwrap_or_default(),
        Err(why) => return vec![error(why.to_string()).fix(why.help())],
    };
    let file = files.certificate.display();
    let renew = format!("renew them: {}", make_certificates());
    let mut findings = Vec::new();
    for (index, certificate) in chain.iter().enumerate() {
        let verdict = judge(&chain[..index], certificate);
        for why in verdict.refusals {
            findings.push(error(format!("clients refuse {file}: {why}")).fix(&renew));
        }
        if let Some(soon) = verdict.soon {
            findings.push(warning(format!("{file}: {soon}")).fix(&renew));
        }
    }
    let ca_key = files.certificate.with_file_name("ca.key");
    for key in [&files.key, &ca_key] {
        if readable_by_others(key) {
            let key = key.display();
            let what = format!("{key} is a private key that other users can read");
            findings.push(warning(what).fix(format!("chmod 600 {}", word(key))));
        }
    }
    if let (true, Some(certificate)) = (findings.is_empty(), chain.first()) {
        let (names, until) = (certificate.names().join(", "), certificate.not_after());
        findings.push(ok(format!("{file} is for {names}, until {until}")));
    }
    findings
}

/// Returns a warning if other machines can reach the server at an address that the certificate
/// does not contain.
fn missing_names(situation: &Situation, files: &TlsFiles) -> Option<Finding> {
    let chain = Certificate::read_all(&files.certificate).ok()?;
    let names = chain.first()?.names();
    let listening = addresses::of(&situation.config.host)?;
    let mut missing = addresses::for_others(listening, &addresses::own());
    missing.retain(|ip| !names.contains(&ip.to_string()));
    let hosts: String = missing.iter().map(|ip| format!(" --host {ip}")).collect();
    let list = addresses::list(&missing);
    let what =
        format!("browsers refuse the certificate at {list}: it does not contain that address");
    let fix = make_certificates() + &hosts;
    (!missing.is_empty()).then(|| warning(what).fix(fix))
}
