//! `--check`: explains the certificates of a file, and says whether a client accepts them.
//!
//! A server's file contains a chain. The first certificate is the server's own certificate.
//! Each later certificate has signed an earlier certificate of the chain. Clients ignore all
//! other certificates of the file.
//!
//! A client's file contains the authorities that the client trusts.

use std::{path::Path, process::ExitCode};

use zcomm_core::{Certificate, CertificateError, PemError};

use crate::shared::{
    failure::Failure,
    text::{print, visible},
};

/// The reason to refuse a certificate that is an authority and also contains the names of a
/// server. `openssl req -x509` makes such a certificate.
const AUTHORITY_AS_SERVER: &str = "it is for a server and is marked as an authority (CA:TRUE); \
                                   zcomm certs makes two certificates, one for each purpose";

/// Explains each certificate of a file. The exit code is 1 if a client would refuse at least one
/// certificate.
pub(super) fn explain(file: &Path) -> Result<ExitCode, Failure> {
    let shown = visible(&file.to_string_lossy());
    let make_new = PemError::new(file, "").help;
    let named = |error: PemError| PemError {
        file: Path::new(&shown).to_owned(),
        // New certificates do not help to explain this file.
        help: match error.help == make_new {
            true => "name a file with certificates (PEM): --check certs/localhost.pem".into(),
            false => error.help,
        },
        ..error
    };
    let chain = Certificate::read_all(file).map_err(|error| {
        let error = CertificateError::from(named(error));
        Failure::misuse(error.named_by(&[("--check", Path::new(&shown))]))
    })?;
    let mut texts = Vec::new();
    let mut refused = false;
    for (index, certificate) in chain.iter().enumerate() {
        let (number, count) = (index + 1, chain.len());
        let mut text = format!("{shown}, certificate {number} of {count}\n{certificate}\n");
        let verdict = judge(&chain[..index], certificate);
        refused |= !verdict.refusals.is_empty();
        for refusal in verdict.refusals {
            text += &format!("a client refuses it: {refusal}\n");
        }
        if let Some(remark) = verdict.remark {
            text += &format!("{remark}\n");
        }
        if let Some(soon) = verdict.soon {
            text += &format!("warning: {soon}\n");
        }
        texts.push(text);
    }
    print(texts.join("\n"))?;
    Ok(ExitCode::from(u8::from(refused)))
}

/// Whether a client accepts a certificate, and why.
#[derive(Default)]
pub(crate) struct Verdict {
    pub(crate) refusals: Vec<String>,
    /// A warning if the certificate expires in a few days. Clients still accept the certificate.
    pub(crate) soon: Option<String>,
    remark: Option<String>,
}

/// Judges a certificate as a client does. `before` contains the earlier certificates of the
/// file.
pub(crate) fn judge(before: &[Certificate], certificate: &Certificate) -> Verdict {
    let mut verdict = Verdict {
        soon: certificate.ends_soon(),
        ..Verdict::default()
    };
    // A file that begins with an authority is not a chain. So judge each authority alone.
    let first_is_authority = before.first().is_some_and(Certificate::is_authority);
    if before.is_empty() && !certificate.is_authority() {
        verdict.refusals = certificate.problems();
        if verdict.refusals.is_empty() {
            let (names, issuer) = (certificate.names().join(", "), certificate.issuer());
            let condition = match certificate.subject() == issuer {
                true => "its user names this file with --ca".to_owned(),
                false => format!("it trusts {issuer}"),
            };
            let accepted = format!("a client accepts it for {names}, if {condition}");
            verdict.remark = Some(accepted);
        }
    } else if before.is_empty() || first_is_authority && certificate.is_authority() {
        verdict.refusals.extend(certificate.out_of_date());
        verdict.remark = Some(match certificate.caveat() {
            Some(caveat) => {
                verdict.refusals.push(AUTHORITY_AS_SERVER.to_owned());
                format!("named with --ca, {caveat}")
            }
            None => "this is an authority: trust it, do not serve it".into(),
        });
    } else if before
        .iter()
        .any(|one| one.issuer() == certificate.subject())
    {
        // This certificate is part of the chain to the authority, so clients check its dates.
        verdict.refusals.extend(certificate.out_of_date());
    } else {
        // Clients ignore this certificate, so its dates do not matter.
        let unused = "not used: it did not sign an earlier certificate";
        verdict.remark = Some(unused.into());
        verdict.soon = None;
    }
    verdict
}
