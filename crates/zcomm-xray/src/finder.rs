//! Finds the parts of a handshake line that may be secrets.
//!
//! Some secrets are found by the text around them: the value of `token=`, the text after
//! `Bearer`, the password in an address.
//!
//! Other secrets are found by their form: a long word that looks random. A password such as
//! `correct-horse` does not look random, so it is found only by the text around it.

use std::ops::Range;

/// A value is a secret if its name contains one of these words.
const WORDS: [&str; 14] = [
    "auth",
    "bearer",
    "cookie",
    "token",
    "secret",
    "session",
    "passw",
    "pwd",
    "credential",
    "api-key",
    "api_key",
    "apikey",
    "signature",
    "ticket",
];
/// A value is a secret if its name is one of these words.
const NAMES: [&str; 7] = ["sid", "sig", "pass", "passphrase", "pw", "key", "jwt"];
/// The minimum length of a word that may be a token (bytes).
pub(crate) const TOKEN: usize = 16;
/// The minimum number of changes between lower case, upper case and digits in a random word.
const CHANGES: usize = 4;
/// The maximum number of percent-encodings to remove. An address may contain an encoded
/// address, and this encoded address may contain another one.
const DEPTH: usize = 3;

/// Whether a value with this name is a secret.
pub(crate) fn is_secret(name: &str) -> bool {
    let name = name.trim().to_ascii_lowercase();
    NAMES.contains(&name.as_str()) || WORDS.iter().any(|word| name.contains(word))
}

/// Finds the secrets in a text. The ranges are in order and do not touch each other.
pub(crate) fn secrets_in(text: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    find(text, DEPTH, &mut found);
    found.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in found {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

fn find(text: &[u8], depth: usize, found: &mut Vec<Range<usize>>) {
    find_named(text, found);
    find_encoded(text, depth, found);
    find_users(text, found);
    let random = words(text, is_of_word).filter(|word| looks_random(&text[word.clone()]));
    found.extend(random);
    let bearer = text
        .windows(7)
        .position(|word| word.eq_ignore_ascii_case(b"bearer "));
    found.extend(bearer.map(|at| at + 7..text.len()));
}

/// Returns the position of the first byte, at `from` or later, for which `ends` is true. Without
/// such a byte, returns the end of the text.
fn until(text: &[u8], from: usize, ends: impl Fn(u8) -> bool) -> usize {
    let found = text[from..].iter().position(|byte| ends(*byte));
    found.map_or(text.len(), |length| from + length)
}

/// Returns the words of a text. `is_in` is true for each byte that belongs to a word.
fn words(text: &[u8], is_in: fn(u8) -> bool) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = until(text, at, is_in);
        at = until(text, start, |byte| !is_in(byte));
        (start < at).then_some(start..at)
    })
}

/// Finds the values of secret names. A value ends before the next `&`, as in a query.
fn find_named(text: &[u8], found: &mut Vec<Range<usize>>) {
    let mut end = 0;
    for name in words(text, is_of_name) {
        let is_value = text.get(name.end) == Some(&b'=') && name.start >= end;
        if is_value && is_secret(&String::from_utf8_lossy(&text[name.clone()])) {
            end = until(text, name.end, |byte| byte == b'&');
            found.push(name.end + 1..end);
        }
    }
}

/// Finds the parameters that contain a secret after their percent-encoding is removed:
/// `%74oken` means `token`.
fn find_encoded(text: &[u8], depth: usize, found: &mut Vec<Range<usize>>) {
    let mut end = 0;
    let is_of_part = |byte: u8| !b"?&#".contains(&byte) && !byte.is_ascii_whitespace();
    for part in words(text, is_of_part) {
        let bytes = &text[part.clone()];
        if depth == 0 || part.start < end || !bytes.contains(&b'%') {
            continue;
        }
        let is_hidden = |text: &str| {
            let mut inside = Vec::new();
            find(text.as_bytes(), depth - 1, &mut inside);
            !inside.is_empty()
        };
        let mut pairs = form_urlencoded::parse(bytes);
        if pairs.any(|(name, value)| is_secret(&name) || is_hidden(&name) || is_hidden(&value)) {
            let value = bytes.iter().position(|byte| *byte == b'=');
            let start = part.start + value.map_or(0, |at| at + 1);
            end = until(text, start, |byte| byte == b'&');
            found.push(start..end);
        }
    }
}

/// Finds `user:password` in `http://user:password@host`, also without `http://`.
fn find_users(text: &[u8], found: &mut Vec<Range<usize>>) {
    for part in words(text, |byte| !byte.is_ascii_whitespace()) {
        let bytes = &text[part.clone()];
        let authority = bytes.windows(2).position(|pair| pair == b"//");
        let start = authority.map_or(0, |at| at + 2);
        let rest = &bytes[start..];
        let end = until(rest, 0, |byte| b"/?#".contains(&byte));
        let last_at = |text: &[u8]| text.iter().rposition(|byte| *byte == b'@');
        // A password may contain `/`. Then the text before `/` has a `:` without a port number.
        let port = rest[..end].rsplit(|byte| *byte == b':').next();
        let has_port = port.is_some_and(|port| port.iter().all(u8::is_ascii_digit));
        let has_colon = rest[..end].contains(&b':');
        let user = match last_at(&rest[..end]) {
            Some(at) if authority.is_some() || has_colon => Some(at),
            _ if has_colon && !has_port => last_at(rest),
            _ => None,
        };
        found.extend(user.map(|at| part.start + start..part.start + start + at));
    }
}

fn is_of_name(byte: u8) -> bool {
    !byte.is_ascii_whitespace() && !b"?&#;,/=\"'(){}[]<>|".contains(&byte)
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_~%+*".contains(&byte)
}

/// Whether a word looks like a random token. Such a word is long, and often changes between lower
/// case, upper case and digits. Also returns true for a word of stars: the stars replace a secret.
fn looks_random(word: &[u8]) -> bool {
    if is_hidden(word) {
        return true;
    }
    let kind = |byte: &u8| match byte {
        b'a'..=b'z' => 1,
        b'A'..=b'Z' => 2,
        b'0'..=b'9' => 3,
        _ => 0,
    };
    // Many names begin with a capital letter, so a change from upper to lower case is not counted.
    let is_change = |pair: &[u8]| match (kind(&pair[0]), kind(&pair[1])) {
        (0, _) | (_, 0) | (2, 1) => false,
        (before, after) => before != after,
    };
    let changes = word.windows(2).filter(|pair| is_change(pair)).count();
    word.len() >= TOKEN && changes >= CHANGES
}

/// Whether a word is already hidden: it consists of at least four stars.
pub(crate) fn is_hidden(word: &[u8]) -> bool {
    word.len() > 3 && word.iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(text: &str) -> String {
        let mut shown = text.to_owned();
        for secret in secrets_in(text.as_bytes()).into_iter().rev() {
            shown.replace_range(secret, "***");
        }
        shown
    }

    #[test]
    fn a_secret_is_found_by_its_name_and_nothing_else_is() {
        for (text, shown) in [
            ("/?token=abc", "/?token=***"),
            ("/?token=abc&a=1", "/?token=***&a=1"),
            ("/ws?a=1&session=x.y#z", "/ws?a=1&session=***"),
            ("/ws?x=1;token=abc", "/ws?x=1;token=***"),
            ("/ws;token=abc/b?c=d", "/ws;token=***"),
            ("/token=abc", "/token=***"),
            ("/?%74oken=abc", "/?%74oken=***"),
            ("/?TOKEN=abc", "/?TOKEN=***"),
            ("/?token=a;b?c=d e,f", "/?token=***"),
            ("/?a=b?token=abc", "/?a=b?token=***"),
            ("/?next=%2F%3Ftoken%3Dabc&a=1", "/?next=***&a=1"),
            ("/?next=%252F%253Ftoken%253Dabc", "/?next=***"),
            ("/?token%3Dabc", "/?***"),
            ("http://a/#token=abc", "http://a/#token=***"),
            ("/?a?b=c&token=x&token=y", "/?a?b=c&token=***&token=***"),
            ("curl/8 (token=abc)", "curl/8 (token=***"),
            ("say Bearer abc", "say Bearer ***"),
            // These texts look like secrets but are not, so they are shown.
            ("/token/abc", "/token/abc"),
            ("/?tok=abc", "/?tok=abc"),
            ("/?attempt=token", "/?attempt=token"),
            ("/?token", "/?token"),
            ("/?a=%3Ftoken", "/?a=%3Ftoken"),
            ("the bearer", "the bearer"),
            ("", ""),
        ] {
            assert_eq!(hidden(text), shown, "{text}");
        }
    }

    #[test]
    fn the_user_and_the_password_of_an_address_are_found() {
        for (text, shown) in [
            ("http://u:abc@h:80/a", "http://***@h:80/a"),
            ("http://abc@h/", "http://***@h/"),
            ("http://u:a@b@h/", "http://***@h/"),
            ("http://u:a/b@h/", "http://***@h/"),
            ("http://u:a?b@h/", "http://***@h/"),
            ("u:abc@h:80", "***@h:80"),
            ("a http://u:b@h c", "a http://***@h c"),
            ("/?a=http%3A%2F%2Fu%3Ab%40h", "/?a=***"),
            // These addresses have no user.
            ("http://h:80/@ada", "http://h:80/@ada"),
            ("http://h/?mail=a@b", "http://h/?mail=a@b"),
            ("/@ada", "/@ada"),
            ("a@b", "a@b"),
            ("http://[::1]:80/", "http://[::1]:80/"),
        ] {
            assert_eq!(hidden(text), shown, "{text}");
        }
    }

    #[test]
    fn a_random_word_is_found_by_its_form_and_a_name_is_not() {
        for (text, shown) in [
            ("/ws/canary-token-7Qp2xV9d", "/ws/***"),
            ("canary-token-7Qp2xV9d.example", "***.example"),
            ("/550e8400-e29b-41d4-a716-446655440000/x", "/***/x"),
            ("eyJhbGciOiJIUzI1NiJ9.e30.x", "***.e30.x"),
            ("/?x=****", "/?x=***"),
            // 15 bytes.
            ("7Qp2xV9d7Qp2xV9", "7Qp2xV9d7Qp2xV9"),
        ] {
            assert_eq!(hidden(text), shown, "{text}");
        }
        for shown in [
            "/2_websocket_echo.html",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/120.0.6099.71",
            "python-websockets-13.1 tokio-tungstenite",
            "permessage-deflate; client_max_window_bits; server_max_window_bits=15",
            "[2001:db8:85a3:1234:5678:8a2e:370:7334]:8080",
            "Mon, 30 Nov 2026 16:59:20 GMT",
            "*/*, ***",
            "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
        ] {
            assert_eq!(hidden(shown), shown);
        }
    }
}
