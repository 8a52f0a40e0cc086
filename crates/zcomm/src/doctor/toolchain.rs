//! Is Rust new enough to build the lessons?
//!
//! Whoever reads this has built them, or was handed the programs: so an old one, or none,
//! is good to know and no more.

use std::process::{Command, Stdio};

use super::{
    Situation,
    finding::{Finding, look, note, ok},
};

const TOPIC: &str = "rust";
/// What the lessons need: the same number as in `Cargo.toml`.
const NEEDED: &str = env!("CARGO_PKG_RUST_VERSION");

pub(super) fn check(_: &Situation) -> Vec<Finding> {
    let mut rustc = Command::new("rustc");
    // rustup would fetch a toolchain that is missing; nothing is fetched here.
    rustc.arg("--version").env("RUSTUP_AUTO_INSTALL", "0");
    rustc.stdin(Stdio::null());
    let said = rustc.output().ok().filter(|done| done.status.success());
    let said = said.map(|done| String::from_utf8_lossy(&done.stdout).into_owned());
    vec![judge(said.as_deref())]
}

fn judge(said: Option<&str>) -> Finding {
    let version = said.and_then(|said| said.split(' ').nth(1));
    match version.and_then(number).zip(number(NEEDED)) {
        None => note(
            TOPIC,
            format!("rustc does not answer; the lessons need {NEEDED}"),
        )
        .fix("to build them: https://rustup.rs"),
        Some((found, needed)) => {
            let version = version.unwrap_or_default();
            match found >= needed {
                true => ok(TOPIC, format!("{version}; the lessons need {NEEDED}")),
                false => look(TOPIC, format!("{version}, and the lessons need {NEEDED}"))
                    .fix("rustup update stable"),
            }
        }
    }
}

/// `1.88.0`, `1.90.0-nightly` and `1.88` as numbers that can be compared.
fn number(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim().split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn a_version_is_compared_as_numbers() {
        for (said, verdict) in [
            (Some("rustc 1.88.0 (6b00bc388 2025-06-23)\n"), Verdict::Ok),
            (
                Some("rustc 1.100.0-nightly (abc 2027-01-01)\n"),
                Verdict::Ok,
            ),
            (Some("rustc 1.87.0 (abc 2025-05-09)\n"), Verdict::Look),
            (Some("rustc 1.9.0\n"), Verdict::Look),
            (Some("nonsense"), Verdict::Note),
            (None, Verdict::Note),
        ] {
            assert_eq!(judge(said).verdict, verdict, "{said:?}");
        }
    }
}
