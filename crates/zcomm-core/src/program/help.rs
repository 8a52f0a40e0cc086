//! The answer to `--help`: what the program does, its arguments and its settings.
//!
//! The source file of a lesson begins with a comment about the lesson: what the program does,
//! what to open and what to try. The same comment is the help of the program, so the comment
//! and the help always agree. The list of settings is made from the table of settings.

use crate::settings::table::SETTINGS;

/// The help of a program. `about` is the source of the program, or any other text.
pub(crate) fn help(about: &str) -> String {
    format!(
        "{}\n\n\
         Arguments:\n  \
           --xray, --xray=json   show every byte of each connection, explained\n  \
           -h, --help            show this text\n\n{}",
        first_comment(about),
        settings_list()
    )
}

/// The comment at the start of a Rust source (`//!`), without its marks for headings and for
/// bold. A text without such a comment is returned unchanged.
#[must_use]
pub fn first_comment(source: &str) -> String {
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    let lines = lines.map(|line| line.strip_prefix(' ').unwrap_or(line));
    let lines: Vec<_> = lines
        .map(|line| line.trim_start_matches("# ").replace("**", ""))
        .collect();
    match lines.is_empty() {
        true => source.to_owned(),
        false => lines.join("\n").trim_end().to_owned(),
    }
}

/// Every setting with its default and the first sentence of its meaning, for a help text.
#[must_use]
pub fn settings_list() -> String {
    let mut text = "Settings, in the environment (WEBSOCKET_PORT=9000 before the command) or in a \
                    file .zEnv:\n"
        .to_owned();
    for known in SETTINGS {
        let default = known
            .default
            .map(|default| format!(" [default: {default}]"));
        let default = default.unwrap_or_default();
        let meaning = first_sentence(known.meaning);
        text += &format!("  {}{default}\n      {meaning}\n", known.name);
    }
    text + "Each setting is explained in docs/reference/settings.md\n"
}

/// Returns the first sentence of `text`. The full stops of `e.g.` do not end a sentence.
fn first_sentence(text: &str) -> &str {
    let mut ends = text.match_indices(". ").map(|(at, _)| at + 1);
    let end = ends.find(|end| !text[..*end].ends_with("e.g."));
    &text[..end.unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_is_the_first_comment_of_the_source() {
        let source = "//! # 1. A lesson\n//!\n//! **New:** a `word`.\n\nuse std;\n//! no\n";
        assert_eq!(first_comment(source), "1. A lesson\n\nNew: a `word`.");
        assert_eq!(first_comment("Any text\n//! x"), "Any text\n//! x");
    }

    #[test]
    fn a_sentence_does_not_end_at_an_abbreviation() {
        for (text, sentence) in [("One. Two.", "One."), ("One, e.g. x. Two.", "One, e.g. x.")] {
            assert_eq!(first_sentence(text), sentence);
        }
        assert_eq!(first_sentence("One."), "One.");
    }

    #[test]
    fn the_help_names_every_setting_and_argument() {
        let help = help("Any text");
        for known in SETTINGS {
            assert!(help.contains(&format!("\n  {}", known.name)), "{help}");
        }
        assert!(
            help.starts_with("Any text\n\nArguments:\n  --xray"),
            "{help}"
        );
    }
}
