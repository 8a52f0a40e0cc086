//! Finds the secrets in a handshake and replaces them before an event is made.
//!
//! An X-ray may be on a projector or in a file, and a handshake may contain tokens. The value of
//! a header, or of a parameter in an address, is a secret if its name contains `authorization`,
//! `cookie`, `token`, `secret`, `session`, `password`, `api-key` or `api_key`. No event contains
//! a secret. But events show the content of messages, because an X-ray exists to show messages.

use std::ops::Range;

/// The text that replaces a secret.
const HIDDEN: &str = "***";
/// If a name contains one of these words, its value is a secret.
const SECRET: [&str; 8] = [
    "authorization",
    "cookie",
    "token",
    "secret",
    "session",
    "password",
    "api-key",
    "api_key",
];

/// Whether a value with this name is a secret.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET.iter().any(|word| name.contains(word))
}

/// Returns the value of a header without its secrets.
pub(crate) fn header_value(name: &str, value: &str) -> String {
    match is_secret(name) {
        true => HIDDEN.to_owned(),
        false => address(value),
    }
}

/// Replaces the secrets in a text that may contain an address. A secret ends before the next
/// `&`, because a server ends the value of a parameter at the `&`.
pub(crate) fn address(text: &str) -> String {
    let mut shown = text.to_owned();
    // Start with the last secret, so that the ranges of the earlier secrets stay valid.
    for secret in secrets_in(text.as_bytes()).into_iter().rev() {
        shown.replace_range(secret, HIDDEN);
    }
    shown
}

/// Finds the secrets in a text. A secret begins after a `=`. It ends before the next `&` or at
/// the end of the text.
fn secrets_in(text: &[u8]) -> Vec<Range<usize>> {
    let until = |from: usize, ends: &[u8]| {
        let found = text[from..].iter().position(|byte| ends.contains(byte));
        found.map_or(text.len(), |length| from + length)
    };
    let (mut secrets, mut at) = (Vec::new(), 0);
    loop {
        let name = until(at, b"?&#") + 1;
        if name >= text.len() {
            return secrets;
        }
        let end = until(name, b"=&");
        at = name;
        // Decode the name as a server does: `%74oken` means `token`.
        let mut names = form_urlencoded::parse(&text[name..end]);
        if text.get(end) == Some(&b'=') && names.any(|(name, _)| is_secret(&name)) {
            at = until(end, b"&");
            secrets.push(end + 1..at);
        }
    }
}

/// Returns the length of the first line of a head, without ` HTTP/1.1` at its end. The address
/// of a request ends there.
pub(crate) fn end_of_target(line: &[u8]) -> usize {
    let version = b" HTTP/";
    let found = line
        .windows(version.len())
        .rposition(|part| part == version);
    let is_version = |rest: &[u8]| rest.iter().all(|c| c.is_ascii_digit() || *c == b'.');
    match found {
        Some(at) if is_version(&line[at + version.len()..]) => at,
        _ => line.len(),
    }
}

/// Whether the first line of a head looks like a request or a status line. If it does not, it
/// may be a header with a secret.
pub(crate) fn is_request_or_status(line: &[u8]) -> bool {
    let word = line.split(|byte| *byte == b' ').next().unwrap_or_default();
    word.starts_with(b"HTTP/") || word.iter().all(u8::is_ascii_uppercase)
}

/// Returns a head of the same length, with `*` in place of each hidden byte. A line is hidden
/// completely if it is not a header, or if it continues the header before it (an obsolete
/// form). If the first line is neither a request nor a status line, only its first byte is
/// shown. A head without secrets is returned unchanged, so this function may run twice.
pub(crate) fn without_secrets(head: &[u8]) -> Vec<u8> {
    let mut shown = Vec::with_capacity(head.len());
    let mut first = true;
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        let at = shown.len();
        shown.extend_from_slice(line);
        let length = line.trim_ascii_end().len();
        let (line, shown) = (&line[..length], &mut shown[at..at + length]);
        if line.is_empty() {
            continue;
        }
        let mut hide = |from: usize, to: usize| shown[from..to].fill(b'*');
        let mut hide_in = |from: usize, text: &[u8]| {
            for secret in secrets_in(text) {
                hide(from + secret.start, from + secret.end);
            }
        };
        if std::mem::take(&mut first) {
            match is_request_or_status(line) {
                true => hide_in(0, &line[..end_of_target(line)]),
                false => hide(1, length),
            }
            continue;
        }
        let begin = line.len() - line.trim_ascii_start().len();
        let colon = line.iter().position(|byte| *byte == b':');
        let name = &line[..colon.unwrap_or(0)];
        let value = name.len() + 1;
        let is_space = |byte: &u8| byte.is_ascii_whitespace();
        if name.is_empty() || begin > 0 || name.trim_ascii_end().iter().any(is_space) {
            hide(begin, length);
        } else if is_secret(&String::from_utf8_lossy(name)) {
            hide_in(0, name);
            hide(value, length);
        } else {
            hide_in(0, name);
            hide_in(value, &line[value..]);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_of_a_secret_is_replaced_and_nothing_else() {
        for (text, shown) in [
            ("/?token=abc", "/?token=***"),
            ("/?token=abc&a=1", "/?token=***&a=1"),
            ("/ws?a=1&session=x.y#z", "/ws?a=1&session=***"),
            ("/?%74oken=abc", "/?%74oken=***"),
            ("/?TOKEN=abc", "/?TOKEN=***"),
            ("/?token=a;b?c=d e,f", "/?token=***"),
            ("/?a=b?token=abc", "/?a=b?token=***"),
            ("http://a/#token=abc", "http://a/#token=***"),
            ("/?a?b=c&token=x&token=y", "/?a?b=c&token=***&token=***"),
            // These texts look like secrets but are not, so they are shown.
            ("/token=abc", "/token=abc"),
            ("/?tok=abc", "/?tok=abc"),
            ("/?attempt=token", "/?attempt=token"),
            ("/?token", "/?token"),
            ("", ""),
        ] {
            assert_eq!(address(text), shown, "{text}");
        }
    }

    #[test]
    fn a_secret_header_is_found_by_its_name() {
        for name in [
            "Authorization",
            "cookie",
            "SET-COOKIE",
            "X-Api-Key",
            "Proxy-Authorization",
        ] {
            assert_eq!(header_value(name, "abc"), "***", "{name}");
        }
        assert_eq!(header_value("Sec-WebSocket-Key", "abc"), "abc");
        assert_eq!(
            header_value("Referer", "http://a/?token=b"),
            "http://a/?token=***"
        );
    }

    #[test]
    fn a_recorded_head_has_its_length_and_no_secret() {
        for (head, kept) in [
            (
                "GET /?token=canary&a=1 HTTP/1.1",
                "GET /?token=******&a=1 HTTP/1.1",
            ),
            ("GET /?token=canary", "GET /?token=******"),
            ("GET /?a=HTTP/1.1 x HTTP/1.1", "GET /?a=HTTP/1.1 x HTTP/1.1"),
            (
                "G\r\nAuthorization: Bearer canary",
                "G\r\nAuthorization:**************",
            ),
            (
                "G\r\nReferer: http://a/?session=canary",
                "G\r\nReferer: http://a/?session=******",
            ),
            ("G\r\nSec-WebSocket-Key: abc", "G\r\nSec-WebSocket-Key: abc"),
            ("G\r\nToken : canary", "G\r\nToken :*******"),
            ("G\r\nX: 1\r\n canary: 2", "G\r\nX: 1\r\n *********"),
            ("G\r\nX: 1\r\n : canary", "G\r\nX: 1\r\n ********"),
            ("G\r\n: canary", "G\r\n********"),
            ("G\r\ncanary", "G\r\n******"),
            ("Cookie: canary", "C*************"),
            ("G\r\nmy canary: 1", "G\r\n************"),
            (
                "\r\nGET /?token=canary HTTP/1.0\n",
                "\r\nGET /?token=****** HTTP/1.0\n",
            ),
        ] {
            let shown = without_secrets(head.as_bytes());
            assert_eq!(without_secrets(&shown), shown);
            assert_eq!(String::from_utf8(shown).unwrap(), kept);
        }
    }
}
