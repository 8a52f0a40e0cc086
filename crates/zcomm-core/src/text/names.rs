//! Names that people choose.
//!
//! A name stands in front of what somebody says, so it must not be a trick: not empty to
//! the eye, not written backwards, not so long that it hides the text, not the same as
//! another to everybody but a computer. One rule for people and for rooms: 1 to 32
//! characters that can be seen, with single spaces between them.
//!
//! Unicode writes the same letter in several ways (`é` is one character or two); the
//! composed form, NFC, is the one that is kept, so that equal names are equal bytes.
//!
//! Letters of different scripts can still look alike (Latin `a`, Cyrillic `а`). Production
//! that must know who is who does not go by names, and warns of mixed scripts (UTS 39).

use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// The longest name (characters).
pub const MAX_NAME: usize = 32;

/// What the rule says, for people.
pub const NAME_RULE: &str = "a name has 1 to 32 visible characters";

/// The name that is meant, trimmed and composed; `None` when it breaks the rule.
#[must_use]
pub fn name(text: &str) -> Option<String> {
    let mut name = String::new();
    let mut length = 0;
    let words = text.split(' ').filter(|word| !word.is_empty());
    for (at, word) in words.enumerate() {
        // A mark sits on the character before it, and here there is none.
        if word.nfc().next().is_none_or(is_mark) {
            return None;
        }
        let space = (at > 0).then_some(' ');
        for character in space.into_iter().chain(word.nfc()) {
            // Counted as it goes, so that a long one is not built first.
            length += 1;
            if length > MAX_NAME || (character != ' ' && !is_visible(character)) {
                return None;
            }
            name.push(character);
        }
    }
    (length > 0).then_some(name)
}

/// The same for names that differ only in case: `Ada` and `ada` are one person.
#[must_use]
pub fn folded(name: &str) -> String {
    name.to_lowercase()
}

fn is_visible(character: char) -> bool {
    use GeneralCategory::{
        Control, Format, LineSeparator, ParagraphSeparator, PrivateUse, SpaceSeparator, Surrogate,
        Unassigned,
    };
    // Blanks that count as letters, marks or symbols: joiner, Hangul fillers, Khmer vowels,
    // empty Braille, variation selectors.
    let blank = matches!(
        character,
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}'
            | '\u{e0100}'..='\u{e01ef}'
    );
    let hidden = matches!(
        character.general_category(),
        Control
            | Format
            | LineSeparator
            | ParagraphSeparator
            | PrivateUse
            | SpaceSeparator
            | Surrogate
            | Unassigned
    );
    !blank && !hidden
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
    fn a10_what_cannot_be_seen_or_is_too_long_is_no_name() {
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

    #[test]
    fn names_that_differ_in_case_are_the_same_person() {
        assert_eq!(folded("Ada"), folded("aDA"));
    }
}
