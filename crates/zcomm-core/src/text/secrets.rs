//! Keeps tokens and passwords out of error messages.
//!
//! An error message is shown on projectors and stays in logs. The message often repeats a text
//! that the user wrote. This text may be a secret: a token in the wrong setting, a link that
//! ends with `#token=…`, or an address with a password. So an error message shows a text only
//! if the text is shorter than a token, and no part of the text looks like a secret. Otherwise
//! the message contains only the name of the setting and the number of the line.

use std::{borrow::Cow, path::Path};

/// The minimum length of a token (bytes).
pub(crate) const SHORTEST_TOKEN: usize = 16;

/// The text that replaces a possible secret.
pub(crate) const HIDDEN: &str = "***";

/// Whether a text may be a secret. Never write a possible secret to a terminal or a log.
#[must_use]
pub fn may_be_secret(text: &str) -> bool {
    // In an address, a password is before `@`, and a token is after `?`, `#`, `&` or `=`.
    text.len() >= SHORTEST_TOKEN || text.contains(['@', '?', '#', '&', '=']) || names_secret(text)
}

/// Whether a text contains a word for a secret, e.g. `token`. The start of a word is enough,
/// because the word may have a typing error.
pub(crate) fn names_secret(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    let words = ["TOK", "SECRET", "PASS", "BEARER", "-----BEGIN"];
    words.iter().any(|word| upper.contains(word))
}

/// Returns a path as text for an error message, or `***` if the path may be a secret. The path
/// is shown if the file exists, or if the text looks like a path and not like a token.
#[must_use]
pub fn shown_path(path: &Path) -> Cow<'_, str> {
    let text = path.to_string_lossy();
    let like_a_path = text.starts_with(['/', '\\', '~', '.']) || text.contains('.');
    let longest_part = text.split(['/', '\\', '.']).map(str::len).max();
    let secret = text.contains(['@', '?', '#', '&', '='])
        || text.contains("://")
        || longest_part > Some(40)
        || (text.len() >= SHORTEST_TOKEN && !like_a_path);
    match secret && path.symlink_metadata().is_err() {
        true => HIDDEN.into(),
        false => text,
    }
}

/// Removes possible secrets from an address: the text before `@`, and the text after the first
/// `?`, `#`, `&`, `;` or `=`.
pub(crate) fn without_secrets(url: &str) -> &str {
    let shown = url.split(['?', '#', '&', ';', '=']).next();
    let shown = shown.unwrap_or_default();
    if let Some((_, host)) = shown.rsplit_once('@') {
        return host;
    }
    // A password may contain `?` or `#`. Then the text before `?` or `#` contains no `@`, but
    // it contains the start of the password. So remove everything after the scheme.
    let scheme = shown.find("://").map_or(0, |at| at + 3);
    match url.contains('@') && !shown[scheme..].contains('/') {
        true => &shown[..scheme],
        false => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_and_plain_text_is_shown_and_no_other() {
        for shown in [
            "",
            "abc",
            "70000",
            "http://a.b",
            "a b",
            "x".repeat(15).as_str(),
        ] {
            assert!(!may_be_secret(shown), "{shown}");
        }
        for secret in [
            "http://u:pw@h",
            "/?t=abc",
            "h/#abc",
            "a=b",
            "My-Token: a",
            "Bearer abc",
            "x".repeat(16).as_str(),
        ] {
            assert!(may_be_secret(secret), "{secret}");
        }
    }

    #[test]
    fn a_path_is_shown_and_a_token_in_its_place_is_not() {
        for path in [
            "certs/localhost.pem",
            "/run/secrets/server_key",
            "./certificate_without_dot",
            "missing",
            r"C:\certs\localhost.pem",
        ] {
            assert_eq!(shown_path(Path::new(path)), path);
        }
        for secret in [
            "canary-token-7Qp2xV9d",
            "wss://host/?token=abc",
            "http://user:abc@h/a.pem",
            &format!("MIGH{}", "Ag/1".repeat(40)),
            &format!("{0}.{0}.{0}", "eyJh".repeat(12)),
        ] {
            assert_eq!(shown_path(Path::new(secret)), HIDDEN);
        }
    }

    #[test]
    fn an_address_is_shown_up_to_its_first_possible_secret() {
        for (url, shown) in [
            ("ws://host:1/path", "ws://host:1/path"),
            ("ws://host/?token=abc", "ws://host/"),
            ("ws://host/?mail=a@b", "ws://host/"),
            ("http://host/#token=abc", "http://host/"),
            ("ws://host/&token=abc", "ws://host/"),
            ("ws://host/token=abc", "ws://host/token"),
            ("ws://user:abc@host/", "host/"),
            ("ws://user:a?bc@host/", "ws://"),
            ("ws://user:a#bc@host/", "ws://"),
            ("ws://user:a/bc@host/", "host/"),
        ] {
            assert_eq!(without_secrets(url), shown, "{url}");
        }
    }
}
