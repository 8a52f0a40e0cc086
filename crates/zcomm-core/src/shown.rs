//! Text from strangers, made safe to show.
//!
//! What a server calls itself is written by whoever runs it, and what is printed can move
//! the cursor, change the title, or turn the direction of writing so that a line reads as
//! another. So text from elsewhere is cut, and what cannot be seen becomes a question mark.
//!
//! Production logs it as data (JSON) and leaves the showing to a viewer that escapes.

/// A list of names that a stranger may have written: at most twenty, and how many more.
pub(crate) fn listed(names: &[String]) -> String {
    let shown = names[..names.len().min(20)].join(", ");
    match names.len() {
        0 => "none".to_owned(),
        1..=20 => shown,
        count => format!("{shown} and {} more", count - 20),
    }
}

/// Not what controls a terminal, turns the direction of writing, or cannot be seen at all.
pub(crate) fn is_visible(c: char) -> bool {
    use unicode_properties::{GeneralCategory::*, UnicodeGeneralCategory};
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    !matches!(
        c.general_category(),
        Control | Format | LineSeparator | ParagraphSeparator
    )
}

/// A stranger's text, cut and without anything that could control a terminal.
pub(crate) fn printable(text: &str) -> String {
    let shown = text.chars().take(200);
    shown.map(|c| if is_visible(c) { c } else { '?' }).collect()
}

/// A stranger's text, cut at so many characters, with a picture in place of what would
/// control a terminal: `\u{241b}` for ESC.
pub(crate) fn pictured(text: &str, most: usize) -> String {
    let picture = |c: char| match c {
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('?'),
        '\u{7f}' => '\u{2421}',
        c if is_visible(c) => c,
        _ => char::REPLACEMENT_CHARACTER,
    };
    let mut shown: String = text.chars().take(most).map(picture).collect();
    if text.chars().nth(most).is_some() {
        shown.push('\u{2026}');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_text_cannot_control_a_terminal() {
        assert_eq!(printable("a\x1b]0;b\x07\r\nc\u{9b}"), "a?]0;b???c?");
        assert_eq!(printable(&"x".repeat(500)).len(), 200);
    }

    #[test]
    fn nothing_turns_the_direction_or_hides() {
        assert_eq!(printable("a\u{202e}b\u{200b}c\u{2028}d"), "a?b?c?d");
    }

    #[test]
    fn a_picture_shows_what_was_there() {
        assert_eq!(pictured("\x1b]0;a\x07\r\n\x7f", 20), "␛]0;a␇␍␊␡");
        assert_eq!(pictured("a\u{202e}\u{9b}ü", 20), "a\u{fffd}\u{fffd}ü");
        assert_eq!(pictured("abc", 3), "abc");
        assert_eq!(pictured("abcd", 3), "abc…");
    }

    #[test]
    fn a_long_list_is_counted() {
        let names = |count: usize| vec!["n".to_owned(); count];
        assert_eq!(listed(&names(0)), "none");
        assert_eq!(listed(&names(2)), "n, n");
        assert!(listed(&names(20)).ends_with("n, n"));
        assert!(listed(&names(21)).ends_with("n and 1 more"));
    }
}
