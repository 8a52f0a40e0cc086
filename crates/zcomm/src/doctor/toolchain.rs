//! Is Rust new enough to build the lessons?
//!
//! This program is already built. So an old compiler is only a warning, and a missing compiler
//! is only a note.

use std::process::{Command, Stdio};

use super::finding::{Finding, note, ok, warning};

/// The Rust version that the lessons need, from `Cargo.toml`.
const NEEDED: &str = env!("CARGO_PKG_RUST_VERSION");

pub(super) fn check() -> Finding {
    let mut rustc = Command::new("rustc");
    // Without this variable, rustup would download a missing toolchain.
    rustc.arg("--version").env("RUSTUP_AUTO_INSTALL", "0");
    rustc.stdin(Stdio::null());
    let output = rustc.output().ok().filter(|done| done.status.success());
    let said = output.map(|done| String::from_utf8_lossy(&done.stdout).into_owned());
    judge(&said.unwrap_or_default())
}

fn judge(said: &str) -> Finding {
    let version = said.split(' ').nth(1).unwrap_or_default();
    match number(version) {
        None => note(format!("rustc does not run; the lessons need {NEEDED}"))
            .fix("to install it: https://rustup.rs"),
        found if found >= number(NEEDED) => ok(format!("{version}; the lessons need {NEEDED}")),
        _ => {
            warning(format!("{version}, but the lessons need {NEEDED}")).fix("rustup update stable")
        }
    }
}

/// Returns the first two numbers of a version such as `1.88.0` or `1.90.0-nightly`. Returns `None`
/// if the text is not a version.
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
            ("rustc 1.88.0 (6b00bc388 2025-06-23)\n", Verdict::Ok),
            ("rustc 1.100.0-nightly (abc 2027-01-01)\n", Verdict::Ok),
            ("rustc 1.87.0 (abc 2025-05-09)\n", Verdict::Warning),
            ("rustc 1.9.0\n", Verdict::Warning),
            ("nonsense", Verdict::Note),
            ("", Verdict::Note),
        ] {
            assert_eq!(judge(said).verdict, verdict, "{said:?}");
        }
    }
}
