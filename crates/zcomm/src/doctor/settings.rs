//! Are the settings valid?
//!
//! The library reads the settings as a server does, and returns the warnings and the error
//! that a server would report. This check also warns if other users can read a file that
//! contains a secret.
//!
//! The doctor never prints a token. It prints only the name of the token's setting.

use std::path::Path;

use zcomm_core::{Config, DEMO_TOKEN, readable_by_others};

use super::{
    addresses,
    finding::{Finding, error, note, ok, warning},
    situation::Situation,
};

pub(super) fn check(situation: &Situation) -> Vec<Finding> {
    let review = &situation.settings;
    let mut findings = Vec::new();
    match &review.config {
        Err(why) => {
            let mut finding = error(format!("no server starts: {why}"));
            finding.fixes.extend(why.help());
            findings.push(finding);
        }
        Ok(config) => findings.extend(public_token(config)),
    }
    for what in &review.warnings {
        findings.push(warning(what).fix("correct it in .zEnv or in the environment"));
    }
    if let Some(file) = &review.file
        && review.holds_secret
        && readable_by_others(file)
    {
        let file = file.display();
        let what = format!("{file} can be read by other users and may hold a secret");
        findings.push(warning(what).fix(format!("chmod 600 {file}")));
    }
    if findings.is_empty() {
        findings.push(match &review.file {
            Some(file) => ok(format!("{} has no errors", file.display())),
            None => no_file(),
        });
    }
    findings
}

/// Returns an error if other machines can reach a server with the course's public token. A
/// server with this problem does not start.
fn public_token(config: &Config) -> Option<Finding> {
    let only_here = addresses::of(&config.host).is_some_and(|ip| ip.is_loopback());
    let named = config.tokens.iter().map(|named| &named.token);
    let mut tokens = config.token.iter().chain(named);
    if only_here || !tokens.any(|token| token.matches(DEMO_TOKEN)) {
        return None;
    }
    let host = &config.host;
    let what = format!(
        "no server starts: WEBSOCKET_TOKEN is the course's public token, and other machines \
         can reach {host}"
    );
    Some(error(what).fix("delete its line in .zEnv"))
}

fn no_file() -> Finding {
    let defaults = note("no .zEnv in this folder: the defaults apply");
    match Path::new(".zEnv.example").exists() {
        true => defaults.fix("to change some: cp .zEnv.example .zEnv"),
        false => defaults,
    }
}
