//! Would a client accept the certificates?
//!
//! Those that the settings name are in use: what is wrong with them stops a server or its
//! clients. Those in `certs/` are looked at as well, because somebody is about to use them,
//! and nothing about them stops anybody yet.
//!
//! What a client says is decided where `zcomm certs --check` decides it.

use std::path::Path;

use zcomm_core::{Certificate, Identity, MAKE_CERTIFICATES, TlsFiles, readable_by_others};

use super::{
    Situation, addresses,
    finding::{Finding, Verdict, bad, look, note, ok},
};
use crate::certs::{judge, word};

const TOPIC: &str = "certificates";

pub(super) fn check(situation: &Situation) -> Vec<Finding> {
    if let Some(files) = &situation.settings.tls_files {
        let mut findings = examine(files);
        findings.extend(not_for(situation, files));
        return findings;
    }
    let files = TlsFiles {
        certificate: Path::new("certs").join("localhost.pem"),
        key: Path::new("certs").join("localhost.key"),
    };
    if !files.certificate.exists() && !files.key.exists() {
        let what = "none: the servers speak ws:// and http://";
        return vec![note(TOPIC, what).fix(format!("to make some: {MAKE_CERTIFICATES}"))];
    }
    let mut findings = examine(&files);
    for finding in &mut findings {
        match finding.verdict {
            Verdict::Bad => finding.verdict = Verdict::Look,
            Verdict::Ok => finding.what += "; the settings do not use it",
            _ => {}
        }
    }
    findings
}

fn examine(files: &TlsFiles) -> Vec<Finding> {
    let renew = || format!("renew them: {MAKE_CERTIFICATES}");
    let file = files.certificate.display();
    let chain = match Identity::from_files(&files.certificate, &files.key) {
        // Read again for what the identity does not tell: every certificate of the chain.
        Ok(_) => Certificate::read_all(&files.certificate).unwrap_or_default(),
        Err(error) => {
            let wrong = bad(TOPIC, error.to_string());
            return vec![wrong.fix(error.help())];
        }
    };
    let mut findings = Vec::new();
    for (index, certificate) in chain.iter().enumerate() {
        let verdict = judge(&chain[..index], certificate);
        for refusal in verdict.refusals {
            findings.push(bad(TOPIC, format!("clients refuse {file}: {refusal}")).fix(renew()));
        }
        if let Some(soon) = verdict.soon {
            findings.push(look(TOPIC, format!("{file}: {soon}")).fix(renew()));
        }
    }
    for key in [
        files.key.clone(),
        files.certificate.with_file_name("ca.key"),
    ] {
        if readable_by_others(&key) {
            let what = format!("{} is a private key that others can read", key.display());
            findings.push(look(TOPIC, what).fix(format!("chmod 600 {}", word(key.display()))));
        }
    }
    if let (true, Some(certificate)) = (findings.is_empty(), chain.first()) {
        let (names, until) = (certificate.names().join(", "), certificate.not_after());
        findings.push(ok(TOPIC, format!("{file} is for {names}, until {until}")));
    }
    findings
}

/// What a class would type, and the certificate is not for.
fn not_for(situation: &Situation, files: &TlsFiles) -> Option<Finding> {
    let chain = Certificate::read_all(&files.certificate).ok()?;
    let names = chain.first()?.names();
    let listening = addresses::of(&situation.config.host);
    let mut others = addresses::for_others(&listening, &addresses::own());
    others.retain(|ip| !names.contains(&ip.to_string()));
    let hosts: Vec<_> = others.iter().map(|ip| format!(" --host {ip}")).collect();
    let what = format!(
        "not for {}: browsers refuse it there",
        addresses::list(&others)
    );
    let fix = format!("{MAKE_CERTIFICATES}{}", hosts.concat());
    (!others.is_empty()).then(|| look(TOPIC, what).fix(fix))
}
