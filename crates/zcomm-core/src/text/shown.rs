//! Text from strangers, made safe to show.
//!
//! What a server calls itself is written by whoever runs it, and what is printed can move
//! the cursor, change the title, or turn the direction of writing so that a line reads as
//! another. So text from elsewhere is cut, and what cannot be seen becomes a question mark.
//!
//! Production logs it as data (JSON) and leaves the showing to a viewer that escapes.

use zcomm_xray::is_visible;

/// A list of names that a stranger may have written: at most twenty, and how many more.
pub(crate) fn listed(names: &[String]) -> String {
    let shown = names[..names.len().min(20)].join(", ");
    match names.len() {
        0 => "none".to_owned(),
        1..=20 => shown,
        count => format!("{shown} and {} more", count - 20),
    }
}

/// A stranger's text, cut and without anything that could control a terminal.
pub(crate) fn printable(text: &str) -> String {
    let shown = text.chars().take(200);
    shown.map(|c| if is_visible(c) { c } else { '?' }).collect()
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
    fn a_long_list_is_counted() {
        let names = |count: usize| vec!["n".to_owned(); count];
        assert_eq!(listed(&names(0)), "none");
        assert_eq!(listed(&names(2)), "n, n");
        assert!(listed(&names(20)).ends_with("n, n"));
        assert!(listed(&names(21)).ends_with("n and 1 more"));
    }
}
