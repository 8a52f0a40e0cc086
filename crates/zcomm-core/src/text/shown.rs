//! Text from the other side of a connection, made safe to show.
//!
//! The other side of a connection chooses the text. A text can control a terminal: it can move
//! the cursor, change the window title, or reverse the direction of a line. So the text is
//! shortened, and each invisible character becomes a question mark.

use zcomm_xray::is_visible;

use crate::text::hidden::hidden_start;

/// Returns the first 20 names as one text, with the number of the names that are not shown.
pub(crate) fn listed(names: &[String]) -> String {
    let shown = names[..names.len().min(20)].join(", ");
    match names.len() {
        0 => "none".to_owned(),
        1..=20 => shown,
        count => format!("{shown} and {} more", count - 20),
    }
}

/// Returns the first 200 characters of a text. A question mark replaces every invisible
/// character, and `***` replaces each token.
pub(crate) fn printable(text: &str) -> String {
    let shown = hidden_start(text, 200);
    let shown = shown.chars();
    shown.map(|c| if is_visible(c) { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peers_text_cannot_control_a_terminal() {
        assert_eq!(printable("a\x1b]0;b\x07\r\nc\u{9b}"), "a?]0;b???c?");
        assert_eq!(printable(&"x".repeat(500)).len(), 200);
    }

    #[test]
    fn no_character_reverses_the_direction_or_is_invisible() {
        assert_eq!(printable("a\u{202e}b\u{200b}c\u{2028}d"), "a?b?c?d");
    }

    /// If the text were cut first, the start of a token would stay at the end.
    #[test]
    fn a_token_at_the_cut_is_hidden() {
        let token = "cut-at-200-7Qp2xV9d4Ks8";
        crate::text::hidden::hide(token);
        for before in 200 - token.len()..200 {
            let text = "x".repeat(before) + token + " and more";
            let shown = printable(&text);
            assert!(!shown.contains("cut"), "{shown}");
            assert!(shown.starts_with(&("x".repeat(before) + "***")), "{shown}");
        }
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
