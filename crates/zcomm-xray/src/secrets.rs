//! Replaces the secrets of a handshake before an event is made.
//!
//! An X-ray may be on a projector or in a file, and a handshake may contain tokens. So the whole
//! value of a header with a secret name is hidden. In other lines, only the parts that the
//! [`finder`](crate::finder) finds are hidden.
//!
//! A subprotocol of 16 bytes or more may be a token. It is shown only if it is in wide use.
//!
//! Events show the content of messages, because an X-ray exists to show messages.

use std::{iter, ops::Range};

use crate::finder::{TOKEN, is_hidden, is_secret, secrets_in};

/// The text that replaces a secret.
pub(crate) const HIDDEN: &str = "***";
/// Headers that are shown as they are. Their values look like secrets, but are not secrets.
const SHOWN: [&str; 4] = [
    "sec-websocket-key",
    "sec-websocket-accept",
    "www-authenticate",
    "proxy-authenticate",
];
/// Subprotocols of 16 bytes or more that are in wide use.
const SUBPROTOCOLS: [&str; 7] = [
    "graphql-transport-ws",
    "actioncable-v1-json",
    "actioncable-unsupported",
    "MBWS.huawei.com",
    "oneM2M.R2.0.json",
    "v1.swindon-lattice+json",
    "binary.ircv3.net",
];

/// Finds the secrets in the value of a header.
fn secrets_of(name: &str, value: &[u8]) -> Vec<Range<usize>> {
    let name = name.trim().to_ascii_lowercase();
    match name.as_str() {
        name if SHOWN.contains(&name) => Vec::new(),
        "sec-websocket-protocol" => secret_subprotocols(value),
        name if is_secret(name) => iter::once(0..value.len()).collect(),
        _ => secrets_in(value),
    }
}

/// Finds the subprotocols that may be tokens: a long subprotocol, a subprotocol such as
/// `bearer.abc`, and the subprotocol after a name such as `access_token`.
fn secret_subprotocols(value: &[u8]) -> Vec<Range<usize>> {
    let (mut secrets, mut at, mut after_name) = (Vec::new(), 0, false);
    for item in value.split(|byte| *byte == b',') {
        let name = item.trim_ascii();
        let start = at + (item.len() - item.trim_ascii_start().len());
        at += item.len() + 1;
        let text = String::from_utf8_lossy(name);
        let is_name = is_secret(&text);
        let has_value = is_name && text.contains(['.', '=', ':']);
        let is_known = SUBPROTOCOLS.contains(&&*text);
        if (name.len() >= TOKEN && !is_known) || is_hidden(name) || has_value || after_name {
            secrets.push(start..start + name.len());
        }
        after_name = is_name && !has_value;
    }
    secrets
}

/// Returns the value of a header without its secrets.
pub(crate) fn header_value(name: &str, value: &str) -> String {
    without(secrets_of(name, value.as_bytes()), value)
}

/// Replaces the secrets in a text that may contain an address.
pub(crate) fn address(text: &str) -> String {
    without(secrets_in(text.as_bytes()), text)
}

fn without(secrets: Vec<Range<usize>>, text: &str) -> String {
    let mut shown = text.to_owned();
    // Start with the last secret, so that the ranges of the earlier secrets stay valid.
    for secret in secrets.into_iter().rev() {
        shown.replace_range(secret, HIDDEN);
    }
    shown
}

/// Returns the length of the first line of a head, without ` HTTP/1.1` at the end of the line.
pub(crate) fn end_of_target(line: &[u8]) -> usize {
    let version = b" HTTP/";
    let found = line
        .windows(version.len())
        .rposition(|part| part == version);
    match found {
        Some(at) if is_version(&line[at + version.len()..]) => at,
        _ => line.len(),
    }
}

/// Whether the first line of a head looks like a request or a status line. Any other line may be
/// a header with a secret.
pub(crate) fn is_request_or_status(line: &[u8]) -> bool {
    let word = line.split(|byte| *byte == b' ').next().unwrap_or_default();
    match word.strip_prefix(b"HTTP/") {
        Some(version) => is_version(version),
        None => word.len() < TOKEN && word.iter().all(u8::is_ascii_uppercase),
    }
}

fn is_version(text: &[u8]) -> bool {
    text.len() < TOKEN && text.iter().all(|c| c.is_ascii_digit() || *c == b'.')
}

/// Returns the start of data that is not HTTP. In each word, `*` replaces every byte except the
/// first, because the word may be the start of a token.
pub(crate) fn start_of_words(data: &[u8]) -> Vec<u8> {
    let before = iter::once(&b' ').chain(data);
    let bytes = before.zip(data);
    bytes
        .map(|pair| match pair {
            (b'!'..=b'~', b'!'..=b'~') => b'*',
            (_, byte) => *byte,
        })
        .collect()
}

/// Returns a head of the same length, with `*` in place of each hidden byte. A second call for
/// the same head changes nothing.
pub(crate) fn without_secrets(head: &[u8]) -> Vec<u8> {
    let mut shown = Vec::with_capacity(head.len());
    let mut first = true;
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        let at = shown.len();
        shown.extend_from_slice(line);
        let line = line.trim_ascii_end();
        let secrets = match (line.is_empty(), first) {
            (true, _) => continue,
            (_, true) => secrets_of_first_line(line),
            (_, false) => secrets_of_line(line),
        };
        first = false;
        for secret in secrets {
            shown[at + secret.start..at + secret.end].fill(b'*');
        }
    }
    shown
}

/// Finds the secrets of a first line. If the line is neither a request nor a status line, only
/// its first byte or `HTTP/` is shown. A replay needs these bytes to see whether the line looks
/// like HTTP.
fn secrets_of_first_line(line: &[u8]) -> Vec<Range<usize>> {
    match is_request_or_status(line) {
        true => secrets_in(&line[..end_of_target(line)]),
        false if line.starts_with(b"HTTP/") => iter::once(5..line.len()).collect(),
        false => iter::once(1..line.len()).collect(),
    }
}

/// Finds the secrets of a later line. If the line is not a header, the whole line is hidden. A
/// line that continues the header above it (an obsolete form) is hidden, too.
fn secrets_of_line(line: &[u8]) -> Vec<Range<usize>> {
    let begin = line.len() - line.trim_ascii_start().len();
    let colon = line.iter().position(|byte| *byte == b':');
    let name = &line[..colon.unwrap_or(0)];
    let is_space = |byte: &u8| byte.is_ascii_whitespace();
    if name.is_empty() || begin > 0 || name.trim_ascii_end().iter().any(is_space) {
        return iter::once(begin..line.len()).collect();
    }
    let value = name.len() + 1;
    let mut secrets = secrets_in(name);
    let of_value = secrets_of(&String::from_utf8_lossy(name), &line[value..]);
    let shifted = |secret: Range<usize>| secret.start + value..secret.end + value;
    secrets.extend(of_value.into_iter().map(shifted));
    secrets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_header_is_found_by_its_name() {
        for name in [
            "Authorization",
            "cookie",
            "SET-COOKIE",
            "X-Api-Key",
            "X-Auth",
            "Proxy-Authorization",
        ] {
            assert_eq!(header_value(name, "abc"), "***", "{name}");
        }
        for (name, value, shown) in [
            ("Referer", "http://a/?token=b", "http://a/?token=***"),
            ("User-Agent", "7Qp2xV9d7Qp2xV9d/1", "***/1"),
            ("X-Forwarded", "Bearer abc", "Bearer ***"),
            // The value of this header is always shown.
            (
                "Sec-WebSocket-Key",
                "tokenAAAAAAAAAAAAAAAAA==",
                "tokenAAAAAAAAAAAAAAAAA==",
            ),
            ("WWW-Authenticate", "Bearer realm=a", "Bearer realm=a"),
        ] {
            assert_eq!(header_value(name, value), shown, "{name}");
        }
    }

    /// Some programs send a token as a subprotocol, because a page cannot set headers.
    #[test]
    fn a_subprotocol_that_may_be_a_token_is_hidden() {
        for (value, shown) in [
            ("abcdefghijklmnop", "***"),
            ("chat, abcdefghijklmnop ,b", "chat, *** ,b"),
            ("bearer.abc, chat", "***, chat"),
            ("access_token, abc, chat", "access_token, ***, chat"),
            // These subprotocols are short or well known.
            ("abcdefghijklmno", "abcdefghijklmno"),
            ("chat, v12.stomp,wamp.2.json", "chat, v12.stomp,wamp.2.json"),
            ("graphql-transport-ws", "graphql-transport-ws"),
            ("", ""),
        ] {
            assert_eq!(header_value("Sec-WebSocket-Protocol", value), shown);
        }
    }

    #[test]
    fn the_start_of_a_token_is_not_shown_as_bytes() {
        assert_eq!(start_of_words(b"canary t"), b"c***** t");
        assert_eq!(start_of_words(b"\x16\x03\x01\x02"), b"\x16\x03\x01\x02");
        assert_eq!(start_of_words(b""), b"");
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
            ("ABCDEFGHIJKLMNOP / HTTP/1.1", "A**************************"),
            ("HTTP/canary 200", "HTTP/**********"),
            (
                "HTTP/1.1 200 7Qp2xV9d7Qp2xV9d",
                "HTTP/1.1 200 ****************",
            ),
            (
                "G\r\nSec-WebSocket-Protocol: a, access_token, canary",
                "G\r\nSec-WebSocket-Protocol: a, access_token, ******",
            ),
            (
                "GET http://u:canary@h/ HTTP/1.1",
                "GET http://********@h/ HTTP/1.1",
            ),
            ("G\r\nX-7Qp2xV9d7Qp2xV9d: 1", "G\r\n******************: 1"),
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
