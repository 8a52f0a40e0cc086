//! `--check`: a file of certificates in words, and what a client would say to it.

use std::{path::Path, process::ExitCode};

use zcomm_core::{Certificate, Result};

use super::{files::regular, words::print};

pub(super) fn explain(file: &Path) -> Result<ExitCode> {
    regular(file)?;
    let chain = Certificate::read_all(file)?;
    let mut text = String::new();
    let mut code = ExitCode::SUCCESS;
    for (index, certificate) in chain.iter().enumerate() {
        let (number, count) = (index + 1, chain.len());
        text += &format!(
            "{}, certificate {number} of {count}\n{certificate}\n",
            file.display()
        );
        let problems = certificate.problems();
        if index > 0 {
            // Only the first is the server's own; the others lead to the authority.
            if chain[index - 1].issuer() != certificate.subject() {
                text += "a client refuses the chain: this one did not sign the one before it\n";
                code = ExitCode::FAILURE;
            }
        } else if problems.is_empty() {
            let (names, issuer) = (certificate.names().join(", "), certificate.issuer());
            text += &format!("a client accepts it for {names}, when it trusts {issuer}\n");
        }
        for problem in problems.iter().filter(|_| index == 0) {
            text += &format!("a client refuses it as a server's: {problem}\n");
            code = ExitCode::FAILURE;
        }
        text += "\n";
    }
    print(text.trim_end());
    Ok(code)
}
