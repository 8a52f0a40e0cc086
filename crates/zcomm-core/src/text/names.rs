//! The names of users and rooms.
//!
//! A chat shows a name before each message, so a name must not deceive other users. A name
//! must not be invisible, reverse the direction of writing, or fill the whole line. So a name
//! has 1 to 32 visible characters, with single spaces between words.
//!
//! A chat stores its messages in logs, and each log has a name. The log of a room has the name
//! of the room. The log `*` has the messages to everyone. The log `@` has the messages to one
//! user alone. So a room or a user cannot have the name `*` or `@`. Otherwise, two logs could
//! have the same name, and a client would lose messages.
//!
//! Unicode can write the same letter in several ways: `é` is one character, or `e` and an
//! accent. A name is stored in the form with one character, NFC, so that equal names have
//! equal bytes.
//!
//! Letters of different scripts can still look alike (Latin `a`, Cyrillic `а`), so a name does
//! not prove who the user is. The Unicode standard UTS 39 describes how to find names that mix
//! scripts.

use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};
use zcomm_xray::is_visible;

/// The maximum length of a name (characters).
pub const MAX_NAME: usize = 32;

/// The rule for names, as an error message says it.
pub const NAME_RULE: &str = "a name has 1 to 32 visible characters and is not * or @ alone";

/// `*` and `@`, and the characters that Unicode treats as their variants.
const NOT_NAMES: [&str; 6] = ["*", "\u{ff0a}", "\u{fe61}", "@", "\u{ff20}", "\u{fe6b}"];

/// Returns the text as a name: trimmed, and in NFC. `None` if the text breaks the rule for
/// names.
#[must_use]
pub fn name(text: &str) -> Option<String> {
    let mut name = String::new();
    let mut length = 0;
    let words = text.split(' ').filter(|word| !word.is_empty());
    for (at, word) in words.enumerate() {
        // A combining mark, e.g. an accent, changes the character before it. So no word may
        // start with a combining mark.
        if word.nfc().next().is_none_or(is_mark) {
            return None;
        }
        let space = (at > 0).then_some(' ');
        for character in space.into_iter().chain(word.nfc()) {
            // Count the characters before the copy, so that a very long text is not copied.
            length += 1;
            if length > MAX_NAME || (character != ' ' && !may_be_in_a_name(character)) {
                return None;
            }
            name.push(character);
        }
    }
    (length > 0 && !NOT_NAMES.contains(&name.as_str())).then_some(name)
}

/// Returns a key to compare names. Names that differ only in case have the same key: `Ada`,
/// `ada`.
#[must_use]
pub fn folded(name: &str) -> String {
    name.to_lowercase()
}

fn may_be_in_a_name(character: char) -> bool {
    use GeneralCategory::{PrivateUse, SpaceSeparator, Surrogate, Unassigned};
    // These letters, marks and symbols are invisible: a joiner, Hangul fillers, Khmer vowels,
    // the empty Braille pattern, variation selectors.
    let blank = matches!(
        character,
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}'
            | '\u{e0100}'..='\u{e01ef}'
    );
    let excluded = matches!(
        character.general_category(),
        PrivateUse | SpaceSeparator | Surrogate | Unassigned
    );
    is_visible(character) && !blank && !excluded
}

fn is_mark(character: char) -> bool {
    use GeneralCategory::{EnclosingMark, NonspacingMark, SpacingMark};
    matches!(
        character.general_category(),
        EnclosingMark | NonspacingMark | SpacingMark
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_trimmed_and_composed() {
        for (text, meant) in [
            ("Ada", "Ada"),
            ("  Ada   Lovelace ", "Ada Lovelace"),
            ("Jose\u{301}", "Jos\u{e9}"),
            ("李 雷", "李 雷"),
            ("นิด", "นิด"),
            ("🦀", "🦀"),
        ] {
            assert_eq!(name(text).as_deref(), Some(meant));
        }
        assert_eq!(name(&"ä".repeat(32)).map(|name| name.len()), Some(64));
        assert_eq!(
            name(&"a\u{308}".repeat(32)).map(|name| name.len()),
            Some(64)
        );
    }

    #[test]
    fn a10_an_invisible_or_too_long_text_is_not_a_name() {
        for text in [
            "",
            "   ",
            &"x".repeat(33),
            "\u{202e}moc.live",
            "Ada\u{200b}",
            "Ada\u{fe0f}",
            "\u{3164}",
            "Ada\u{a0}Lovelace",
            "Ada\n",
            "\x1b[2J",
            "\u{9b}",
            "\u{2028}",
            "\u{301}",
            "Ada \u{301}",
            "\u{e000}",
            &format!("a{}", "\u{301}".repeat(500)),
        ] {
            assert_eq!(name(text), None, "{text:?}");
        }
    }

    /// `*` and `@` are allowed as a part of a name.
    #[test]
    fn a10_a_sign_that_stands_for_everyone_or_for_private_messages_is_not_a_name() {
        for text in [
            "*", "@", " * ", "@ ", "\u{ff0a}", "\u{fe61}", "\u{ff20}", "\u{fe6b}",
        ] {
            assert_eq!(name(text), None, "{text:?}");
        }
        for text in ["**", "@@", "* *", "*a", "@Ada", "#", "lobby"] {
            assert_eq!(name(text).as_deref(), Some(text));
        }
    }

    #[test]
    fn names_that_differ_in_case_are_equal() {
        assert_eq!(folded("Ada"), folded("aDA"));
    }
}
