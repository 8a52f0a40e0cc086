//! `--check`: a file of certificates in words, and what a client would say to it.
//!
//! The first certificate is the server's own, and each further one has signed one before
//! it. Two other files are often looked at, and neither is a mistake: an authority, to be
//! trusted and not to be served, and a chain with a certificate too many, which clients
//! leave aside. The exit code is for scripts: 1 when a client would refuse something today.

use std::{path::Path, process::ExitCode};

use zcomm_core::{Certificate, PemError, Result};

use super::words;

/// Explains each certificate of a file.
pub(crate) fn explain(file: &Path) -> Result<ExitCode> {
    let shown = words::printable(file);
    let named = |error: PemError| PemError {
        file: Path::new(&shown).to_owned(),
        ..error
    };
    let chain = Certificate::read_all(file).map_err(named)?;
    let mut text = String::new();
    let mut refused = false;
    for (index, certificate) in chain.iter().enumerate() {
        let (number, count) = (index + 1, chain.len());
        text += &format!("{shown}, certificate {number} of {count}\n{certificate}\n");
        let verdict = judge(&chain[..index], certificate);
        refused |= !verdict.refusals.is_empty();
        for refusal in verdict.refusals {
            text += &format!("a client refuses it: {refusal}\n");
        }
        for remark in verdict.remarks {
            text += &format!("{remark}\n");
        }
        if let Some(soon) = verdict.soon {
            text += &format!("warning: {soon}\n");
        }
        text += "\n";
    }
    words::print(&text)?;
    Ok(match refused {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

/// What a client says, and what its reader should know besides.
#[derive(Default)]
pub(crate) struct Verdict {
    pub(crate) refusals: Vec<String>,
    /// Whether it will end within days, though a client does not mind yet.
    pub(crate) soon: Option<String>,
    remarks: Vec<String>,
}

/// What a client says to a certificate after those before it.
pub(crate) fn judge(before: &[Certificate], certificate: &Certificate) -> Verdict {
    let mut verdict = Verdict::default();
    // A file that begins with an authority is no server's: each stands for itself.
    let first_is_authority = before.first().is_some_and(Certificate::is_authority);
    if before.is_empty() && !certificate.is_authority() {
        verdict.refusals = certificate.problems();
        if verdict.refusals.is_empty() {
            let (names, issuer) = (certificate.names().join(", "), certificate.issuer());
            let accepted = format!("a client accepts it for {names}, when it trusts {issuer}");
            verdict.remarks.push(accepted);
        }
    } else if before.is_empty() || first_is_authority && certificate.is_authority() {
        verdict.refusals.extend(certificate.out_of_date());
        let authority = "this is an authority: trust it, do not serve it";
        verdict.remarks.push(authority.into());
    } else if before
        .iter()
        .any(|one| one.issuer() == certificate.subject())
    {
        // It leads to the authority, so its dates count like those of the server's.
        verdict.refusals.extend(certificate.out_of_date());
    } else {
        // Clients do not look at it, so neither do its dates matter.
        let no_use = "of no use here: it did not sign one before it";
        verdict.remarks.push(no_use.into());
        return verdict;
    }
    verdict.soon = certificate.ends_soon();
    verdict
}
