//! Makes text safe for a terminal, and prints, wraps and colours text.
//!
//! Text from another program may contain control characters, which could move the cursor or
//! change the title. [`visible`] replaces each control character.
//!
//! The output is clear without its colours, because words and symbols show the same facts.
//! `anstream` removes the colours in a pipe, in a file, with `NO_COLOR` and on a terminal
//! without colours.

use std::io::{self, ErrorKind, Write};

use anstyle::{AnsiColor, Style};
use zcomm_core::xray::pictured;

/// The colour of a success, and of data that arrives.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// The colour of an error.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// The colour of a warning, and of data that is sent.
pub(crate) const NOTE: Style = AnsiColor::Cyan.on_default();
/// The style of a detail.
pub(crate) const FAINT: Style = Style::new().dimmed();

/// Prints the whole text on stdout and flushes.
///
/// It is not an error if the next program in the pipe ends early (`| head -1`). A full disk is an
/// error, because the user must learn that only a part of the text was written.
pub(crate) fn print(text: impl AsRef<[u8]>) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_ref()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// Returns a count with its noun: `1 byte`, `2 bytes`.
pub(crate) fn counted(count: u64, thing: &str) -> String {
    match count {
        1 => format!("1 {thing}"),
        count => format!("{count} {thing}s"),
    }
}

/// Returns the text with a picture in place of each control character: `␛` for ESC.
pub(crate) fn visible(text: &str) -> String {
    pictured(text, usize::MAX)
}

/// Returns a name that another person has chosen. A name with other characters than letters,
/// digits and `#-_.` is put into quotes. Otherwise the name `Ada to everybody` would look like a
/// message to everybody.
pub(crate) fn named(name: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "#-_.".contains(c);
    match !name.is_empty() && name.chars().all(is_plain) {
        true => name.to_owned(),
        false => {
            let name = visible(name).replace('\\', r"\\").replace('"', r#"\""#);
            format!("\"{name}\"")
        }
    }
}

/// Cuts a text to 64 characters, so that it fits on a line.
pub(crate) fn cut(text: &str) -> String {
    let mut cut: String = text.chars().take(64).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}

/// Breaks a text into lines of at most `width` characters. A word that is longer than `width`
/// stays whole, on its own line.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// a12: a hostile server cannot move the cursor, change the title or begin a new line.
    #[test]
    fn a12_a_control_character_becomes_a_picture() {
        let hostile = "\x1b]0;pwn\x07\r\nforged\u{9b}2J\u{202e}x\x7f";
        let shown = "␛]0;pwn␇␍␊forged\u{fffd}2J\u{fffd}x␡";
        assert_eq!(visible(hostile), shown);
        assert_eq!(visible("Grüße, 世界 🌍"), "Grüße, 世界 🌍");
    }

    #[test]
    fn a_name_that_could_be_other_words_is_in_quotes() {
        for (name, shown) in [
            ("Ada", "Ada"),
            ("guest#7", "guest#7"),
            ("Zoë-Ann_2.0", "Zoë-Ann_2.0"),
            ("世界", "世界"),
            ("Ada to everybody", r#""Ada to everybody""#),
            ("Ada:", r#""Ada:""#),
            ("*", r#""*""#),
            ("", r#""""#),
            (r#"a" to "b\"#, r#""a\" to \"b\\""#),
            ("a\n", r#""a␊""#),
        ] {
            assert_eq!(named(name), shown);
        }
    }

    #[test]
    fn a_text_is_wrapped_between_its_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("one two three", 6), ["one", "two", "three"]);
        assert_eq!(wrapped("longer than that", 3), ["longer", "than", "that"]);
        assert_eq!(wrapped("", 3), [""]);
    }
}
