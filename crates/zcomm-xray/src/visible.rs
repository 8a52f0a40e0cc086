//! Decides which characters may be printed on a terminal.
//!
//! Text from a peer can move the cursor, change the window title, or reverse the direction of
//! a line. Such characters are replaced before the text is shown.

/// Whether a character can be shown. Returns false for a character that controls a terminal,
/// changes the direction of writing, or is invisible.
#[must_use]
pub fn is_visible(c: char) -> bool {
    use unicode_properties::{GeneralCategory::*, UnicodeGeneralCategory};
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    !matches!(
        c.general_category(),
        Control | Format | LineSeparator | ParagraphSeparator
    )
}

/// Returns at most `most` characters of a peer's text. If the text is longer, `\u{2026}` (…)
/// follows. A visible symbol replaces each control character, such as `\u{241b}` for ESC.
#[must_use]
pub fn pictured(text: &str, most: usize) -> String {
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
    fn a_control_character_becomes_a_picture() {
        assert_eq!(pictured("\x1b]0;a\x07\r\n\x7f", 20), "␛]0;a␇␍␊␡");
        assert_eq!(pictured("a\u{202e}\u{9b}ü", 20), "a\u{fffd}\u{fffd}ü");
        assert_eq!(pictured("abc", 3), "abc");
        assert_eq!(pictured("abcd", 3), "abc…");
    }
}
