//! An error that a page explains is one that a program has.
//!
//! `docs/reference/troubleshooting.md` has a heading of the third level for each, the text in
//! code quotes, in a chapter that says whose it is. Texts of ours must stand in the sources;
//! what differs from time to time is `…` in the page, and `{…}` or a field in the source. And
//! every text of an error type or of a refusal is explained.

use std::fs;

use libtest_mimic::Failed;
use regex::Regex;

use crate::root;

const PAGE: &str = "docs/reference/troubleshooting.md";
/// Chapters of texts that are not ours.
const OF_OTHERS: [&str; 3] = ["In Chromium", "In Firefox", "Of other programs"];
/// The files with an error type.
const ERRORS: [&str; 5] = [
    "error/mod.rs",
    "error/connect.rs",
    "tls/distrust.rs",
    "tls/error.rs",
    "wire/end.rs",
];

/// Whether each text stands in the sources.
pub fn check() -> Result<(), Failed> {
    let page = fs::read_to_string(root().join(PAGE))?;
    let sources = crate::sources(&["crates", "demos", "clients"]);
    // As the compiler joins a text over several lines, and as formats write a brace.
    let joined = Regex::new(r"\\\n\s*")?;
    let whole: String = sources
        .iter()
        .map(|(_, source)| joined.replace_all(source, "").replace("\\\"", "\""))
        .collect();
    let mut of_others = false;
    let mut count = 0;
    let mut wrong = Vec::new();
    for line in page.lines() {
        if line.starts_with("## ") {
            of_others = OF_OTHERS.iter().any(|chapter| line.contains(chapter));
        }
        let Some(text) = line
            .strip_prefix("### `")
            .and_then(|line| line.strip_suffix('`'))
        else {
            continue;
        };
        if of_others {
            continue;
        }
        count += 1;
        let missing = pieces(text).find(|piece| !whole.contains(piece));
        if let Some(piece) = missing {
            wrong.push(format!("{text:?}: no program says {piece:?}"));
        }
    }
    for (file, source) in &sources {
        for text in told(file, source) {
            let piece = text.split(['{', '}']).max_by_key(|piece| piece.len());
            let piece = piece.unwrap_or_default().trim_matches([' ', ':']);
            if piece.len() >= 8 && !page.contains(piece) {
                wrong.push(format!("{file} says {text:?}: it is not explained"));
            }
        }
    }
    if count < 20 {
        wrong.push(format!("only {count} errors of ours are explained"));
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong.join("\n").into()),
    }
}

/// What stands between the `…` of a heading.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let pieces = text.split('…').map(|piece| piece.trim_matches([' ', ':']));
    pieces.filter(|piece| !piece.is_empty())
}

/// The texts of a file that says what went wrong: of its error types, and of refusals.
fn told(file: &str, source: &str) -> Vec<String> {
    let joined = Regex::new(r"\\\n\s*").unwrap();
    let source = joined.replace_all(source, "");
    // What to do stands behind what happened, and in the page anyway.
    let source = source.split("fn help(").next().unwrap_or_default();
    let is_one = |names: &[&str]| names.iter().any(|name| file.ends_with(name));
    let pattern = if is_one(&ERRORS) {
        r#"#\[error\(\s*"((?:[^"\\]|\\.)*)""#
    } else if is_one(&["access/refusal.rs"]) {
        r#"Refusal::\w+ => "([^"]+ [^"]+)","#
    } else {
        return Vec::new();
    };
    let texts = Regex::new(pattern).unwrap();
    let texts = texts.captures_iter(source);
    texts.map(|text| text[1].replace("\\\"", "\"")).collect()
}
