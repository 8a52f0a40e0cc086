//! Are the settings as their reader will take them?
//!
//! The library reads them as a server would, and hands back what it would log or end with.
//! One question is added here: whether others on this computer can read a file that holds
//! a secret. A token is never printed, only the name of its setting.

use std::path::Path;

use zcomm_core::{DEMO_TOKEN, readable_by_others};

use super::{
    Situation, addresses,
    finding::{Finding, bad, look, note, ok},
};

pub(super) fn check(situation: &Situation) -> Vec<Finding> {
    let review = &situation.settings;
    let mut findings = Vec::new();
    match &review.config {
        Err(error) => {
            let help = error.help();
            let wrong = bad("settings", format!("no server starts: {error}"));
            findings.push(help.into_iter().fold(wrong, Finding::fix));
        }
        Ok(config) if !addresses::are_loopback(&addresses::of(&config.host)) => {
            let named = config.tokens.iter().map(|named| &named.token);
            let mut tokens = config.token.iter().chain(named);
            if tokens.any(|token| token.matches(DEMO_TOKEN)) {
                let what = format!(
                    "no server starts: WEBSOCKET_TOKEN is the course's public one, and others \
                     can reach {}",
                    config.host
                );
                findings.push(bad("settings", what).fix("delete its line in .zEnv"));
            }
        }
        Ok(_) => {}
    }
    for warning in &review.warnings {
        let put_right = "put it right in .zEnv, or in the environment";
        findings.push(look("settings", warning).fix(put_right));
    }
    if let Some(file) = &review.file
        && review.holds_secret
        && readable_by_others(file)
    {
        let what = format!(
            "{} can be read by others, and may hold a secret",
            file.display()
        );
        findings.push(look("settings", what).fix(format!("chmod 600 {}", file.display())));
    }
    if findings.is_empty() {
        findings.push(match &review.file {
            Some(file) => ok("settings", format!("{} can be read", file.display())),
            None => {
                let defaults = note("settings", "no .zEnv in this folder: the defaults");
                match Path::new(".zEnv.example").exists() {
                    true => defaults.fix("to change some: cp .zEnv.example .zEnv"),
                    false => defaults,
                }
            }
        });
    }
    findings
}
