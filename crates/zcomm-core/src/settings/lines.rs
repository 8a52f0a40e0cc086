//! The lines of the settings file.
//!
//! A line ends with LF, CRLF or CR, because editors write all three. If the parser knew only
//! LF, it would read a file with CR as one line. If this line began with `#`, every setting
//! would be part of a comment, and the server would start without a token.
//!
//! Some editors also show other characters as a line end, e.g. a form feed or U+2028. These
//! characters are errors. Every other control character except the tab is also an error. The
//! error contains the number of the line. A file in UTF-16 or UTF-32 is an error, too.

/// What is wrong with the settings file: the number of the line and the reason. The number is
/// `None` if the error is not in one line.
pub(crate) type Unreadable = (Option<usize>, String);

pub(crate) fn lines(bytes: &[u8]) -> Result<Vec<&str>, Unreadable> {
    // The byte order mark of UTF-32 begins like the mark of UTF-16, so check UTF-32 first.
    let encoding = match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("UTF-16"),
        _ => None,
    };
    if let Some(encoding) = encoding {
        return Err((None, format!("is {encoding} text: save it as UTF-8")));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let reason = "is not UTF-8 text: save the file as UTF-8";
        (Some(split(&good).count()), reason.to_owned())
    })?;
    if text.starts_with('\u{feff}') {
        let reason = "starts with a byte order mark: save it as UTF-8 without BOM";
        return Err((Some(1), reason.into()));
    }
    let lines: Vec<_> = split(text).collect();
    for (number, line) in (1..).zip(&lines) {
        if let Some(odd) = line.chars().find(|c| is_forbidden(*c)) {
            return Err((Some(number), forbidden(odd)));
        }
    }
    Ok(lines)
}

fn split(text: &str) -> impl Iterator<Item = &str> {
    // Remove the CR of each CRLF first, because CRLF is one line end. Then split at every other
    // CR.
    let lines = text.split('\n');
    let lines = lines.map(|line| line.strip_suffix('\r').unwrap_or(line));
    lines.flat_map(|line| line.split('\r'))
}

/// Whether some editors show a character as a line end, or do not show it at all.
fn is_forbidden(character: char) -> bool {
    let separator = matches!(character, '\u{2028}' | '\u{2029}');
    separator || (character.is_control() && character != '\t')
}

fn forbidden(odd: char) -> String {
    let code = u32::from(odd);
    match odd {
        '\0' => "has a zero byte, as UTF-16 and UTF-32 text has: save the file as UTF-8".into(),
        '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => format!(
            "has the character U+{code:04X}, which some editors show as a line end: replace it by \
             a line end (Enter)"
        ),
        _ => format!("has the invisible character U+{code:04X}: delete it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lf_crlf_and_cr_end_a_line_also_mixed_and_the_last_line_needs_no_end() {
        for text in [
            "a\nb\nc",
            "a\r\nb\r\nc",
            "a\rb\rc",
            "a\rb\nc",
            "a\r\nb\rc",
            "a\nb\r\nc",
        ] {
            assert_eq!(lines(text.as_bytes()).unwrap(), ["a", "b", "c"], "{text:?}");
        }
        assert_eq!(lines(b"a\r\rb\n\r\n").unwrap(), ["a", "", "b", "", ""]);
        assert_eq!(lines("\tä \u{a0}#\u{200d}".as_bytes()).unwrap().len(), 1);
    }

    #[test]
    fn another_character_that_may_look_like_a_line_end_is_refused_with_its_line() {
        for odd in [
            "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}", "\u{1c}", "\u{1b}", "\0",
        ] {
            let (line, why) = lines(format!("a\r# b{odd}C=1\r").as_bytes()).unwrap_err();
            let code = format!("U+{:04X}", u32::from(odd.chars().next().unwrap()));
            assert_eq!(line, Some(2), "{odd:?}");
            assert!(why.contains(&code) || odd == "\0", "{why}");
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_refused_with_their_line() {
        let (line, why) = lines(b"# a\r\n# b\r# \xe4\nC=1").unwrap_err();
        assert_eq!(line, Some(3));
        assert!(why.contains("not UTF-8"), "{why}");
    }

    #[test]
    fn utf32_is_refused_with_and_without_its_mark() {
        let encode = |text: &str, bytes: fn(u32) -> [u8; 4]| -> Vec<u8> {
            text.chars().map(u32::from).flat_map(bytes).collect()
        };
        for (text, words) in [
            ("\u{feff}# a\nB=1", "is UTF-32 text"),
            ("# a\nB=1", "UTF-16 and UTF-32"),
        ] {
            for bytes in [
                encode(text, u32::to_le_bytes),
                encode(text, u32::to_be_bytes),
            ] {
                let (_, why) = lines(&bytes).unwrap_err();
                assert!(why.contains(words) && why.contains("UTF-8"), "{why}");
            }
        }
        // UTF-16 begins with the same two bytes as UTF-32.
        let (_, why) = lines(b"\xff\xfeA\0").unwrap_err();
        assert!(why.contains("is UTF-16 text"), "{why}");
    }

    #[test]
    fn utf16_is_refused_with_and_without_its_mark() {
        let utf16 = |text: &str| -> Vec<u8> {
            let units = text.encode_utf16();
            units.flat_map(u16::to_le_bytes).collect()
        };
        for text in ["\u{feff}# a\nB=1", "# a\nB=1", "B=1"] {
            let little = utf16(text);
            let big: Vec<u8> = little.chunks(2).flat_map(|two| [two[1], two[0]]).collect();
            for bytes in [little, big] {
                let (_, why) = lines(&bytes).unwrap_err();
                assert!(why.contains("UTF-16") && why.contains("UTF-8"), "{why}");
            }
        }
    }
}
