//! A link that a program or a page prints is followed by a blank or the end of the text. Most
//! programs take a link up to there, so a comma after a link would be a part of its token.

use regex::Regex;

use super::tidy::{files_below, read};

/// A link with something after its scheme, and one sign too many.
const LINK: &str = r#"\b(?:wss?|https?)://[^\s"'`<>\\|]*[^\s"'`<>\\|,.;:)!?][,.;:)!?]+(?:[\s"]|$)"#;
/// A link that is put into a text, and the sign after it.
const PLACE: &str = r"\{(?:\w+\.)*(?:url|link|origin|look|page)\}/?[,.;:)!?]";

#[test]
fn a_printed_link_is_followed_by_a_blank() {
    let [link, place] = [LINK, PLACE].map(|pattern| Regex::new(pattern).unwrap());
    for near in [
        "see http://a/ or",
        "use ws:// or http://: the",
        "\"ws://a:1/\"",
    ] {
        assert!(!link.is_match(near), "{near}");
    }
    for wrong in [
        "open http://a/#token=x, or",
        "(http://a/)",
        "at {origin}, or",
        "${url}.",
    ] {
        assert!(link.is_match(wrong) || place.is_match(wrong), "{wrong}");
    }
    let mut sources = files_below("crates", ".rs");
    for (folder, ending) in [
        ("demos/src", ".rs"),
        ("clients", ".js"),
        ("clients", ".html"),
    ] {
        sources.extend(files_below(folder, ending));
    }
    sources.retain(|file| !file.ends_with("tests.rs"));
    let mut wrong = Vec::new();
    for file in sources {
        let source = read(&file);
        let program = source.split("#[cfg(test)]").next().unwrap_or_default();
        for line in program.lines().map(str::trim) {
            // The help of a command is in its `///` comments.
            let is_comment = line.starts_with("//") && !line.starts_with("///");
            if !is_comment && (link.is_match(line) || place.is_match(line)) {
                wrong.push(format!("{file}: {line}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
