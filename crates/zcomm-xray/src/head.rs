//! Reads the HTTP heads at the beginning of every WebSocket connection, line by line.
//!
//! hyper, the server's HTTP library, rejects a bad request. This parser shows the request,
//! because a learner looks for the bad line. The parser splits the lines, reads a few headers,
//! and checks the value that proves a WebSocket handshake:
//!
//! ```text
//! Sec-WebSocket-Accept = base64(SHA-1(Sec-WebSocket-Key + GUID))
//! ```
//!
//! This value is not a secret: anyone can compute it. The right value proves that a WebSocket
//! server has read this request. A response from a cache has a wrong value.

use data_encoding::{BASE64, HEXLOWER};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::{
    event::{Accept, Head, Header},
    rules::BrokenRule,
    secrets::{HIDDEN, address, end_of_target, header_value, is_request_or_status},
};

/// The text that is appended to the key (RFC 6455 section 1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// The remark for a header with a hidden part.
const HIDDEN_REMARK: &str = "*** may be a secret: not shown";

/// A complete head. Each byte of a secret is replaced by `*`.
pub(crate) struct RawHead {
    first: Vec<u8>,
    headers: Vec<(String, String)>,
    bytes: usize,
}

impl RawHead {
    /// Splits a complete head into lines. Before this call,
    /// [`without_secrets`](crate::secrets::without_secrets) must replace the secrets of the head.
    pub(crate) fn parse(head: &[u8]) -> RawHead {
        let lines = head.split(|byte| *byte == b'\n');
        let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let mut lines = lines.filter(|line| !line.is_empty());
        let first = lines.next().unwrap_or_default().to_vec();
        let mut headers: Vec<(String, String)> = Vec::new();
        for bytes in lines {
            let line = String::from_utf8_lossy(bytes);
            match (line.split_once(':'), headers.last_mut()) {
                // RFC 9112 section 5.2: an obsolete form. This line continues the header before it.
                (_, Some((name, value))) if line.starts_with([' ', '\t']) && !name.is_empty() => {
                    value.push(' ');
                    value.push_str(line.trim());
                }
                (Some((name, value)), _) => {
                    headers.push((name.trim().to_owned(), value.trim().to_owned()));
                }
                // This line is not a header, so all its bytes are stars. Only its length is shown.
                _ => headers.push((String::new(), format!("({} bytes)", bytes.len()))),
            }
        }
        RawHead {
            first,
            headers,
            bytes: head.len(),
        }
    }

    /// Returns the value of the first header with this name, or `None` without such a header.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Whether the comma-separated list in a header contains this item.
    fn has(&self, name: &str, expected: &str) -> bool {
        let list = self.value(name).unwrap_or_default();
        list.split(',')
            .any(|item| item.trim().eq_ignore_ascii_case(expected))
    }

    /// Whether this request asks for a WebSocket.
    pub(crate) fn asks_to_upgrade(&self) -> bool {
        self.has("upgrade", "websocket") && self.has("connection", "upgrade")
    }

    pub(crate) fn method(&self) -> &[u8] {
        let mut words = self.first.split(|byte| *byte == b' ');
        words.next().unwrap_or_default()
    }

    /// The status code of a response; `None` if the status line has none.
    pub(crate) fn status(&self) -> Option<u16> {
        status_code(&self.first)
    }

    /// The length of the body from the header `Content-Length`; `None` without a valid header.
    pub(crate) fn content_length(&self) -> Option<u64> {
        let length = self.value("content-length")?;
        // RFC 9110 section 8.6 allows digits only, but Rust would also accept a `+`.
        let digits = length.bytes().all(|byte| byte.is_ascii_digit());
        length.parse().ok().filter(|_| digits)
    }

    /// Returns a request without its secrets, and the rules that the request breaks.
    pub(crate) fn request(&self) -> (Head, Vec<BrokenRule>) {
        let upgrade = self.asks_to_upgrade();
        let key = self.value("sec-websocket-key").unwrap_or_default();
        let sixteen = BASE64
            .decode(key.as_bytes())
            .is_ok_and(|key| key.len() == 16);
        let errors = match upgrade && !sixteen {
            true => vec![BrokenRule::KEY],
            false => Vec::new(),
        };
        (self.head(upgrade, request_remark), errors)
    }

    /// Returns a response without its secrets, and the rules that the response breaks. `request`
    /// is the request that this response answers.
    pub(crate) fn response(&self, request: Option<&RawHead>) -> (Head, Vec<BrokenRule>) {
        let upgraded = self.status() == Some(101);
        let mut head = self.head(upgraded, response_remark);
        let Some(request) = request.filter(|_| upgraded) else {
            return (head, Vec::new());
        };
        let mut errors = Vec::new();
        let key = request.value("sec-websocket-key").unwrap_or_default();
        let accept = accept(key, self.value("sec-websocket-accept").unwrap_or_default());
        if !accept.right {
            errors.push(BrokenRule::ACCEPT);
        }
        head.accept = Some(accept);
        let extensions = "sec-websocket-extensions";
        match (request.value(extensions), self.value(extensions)) {
            (None, Some(_)) => errors.push(BrokenRule::EXTENSION),
            (Some(offered), None) => {
                let remark = format!("declined by the server: {offered}");
                head.remarks.push(remark);
            }
            _ => {}
        }
        let protocols = "sec-websocket-protocol";
        if let (Some(_), None) = (request.value(protocols), self.value(protocols)) {
            let remark = "no subprotocol: the server chose none of those offered";
            head.remarks.push(remark.into());
        }
        (head, errors)
    }

    fn head(&self, of_websocket: bool, remark: fn(&str) -> Option<&'static str>) -> Head {
        let headers = self.headers.iter().map(|(name, value)| {
            let remark = remark(&name.to_ascii_lowercase()).filter(|_| of_websocket);
            let value = header_value(name, value);
            let is_hidden = value.contains(HIDDEN);
            Header {
                remark: if is_hidden {
                    Some(HIDDEN_REMARK)
                } else {
                    remark
                },
                value,
                name: address(name),
            }
        });
        Head {
            line: first_line(&self.first),
            headers: headers.collect(),
            bytes: self.bytes as u64,
            accept: None,
            remarks: Vec::new(),
        }
    }
}

/// Returns a request line or status line without the secrets of its address.
fn first_line(bytes: &[u8]) -> String {
    let line = String::from_utf8_lossy(bytes);
    if !is_request_or_status(bytes) {
        return format!("({} bytes that are not a request)", bytes.len());
    }
    let (target, version) = line.split_at(end_of_target(line.as_bytes()));
    address(target) + version
}

/// Returns the status code of a status line; `None` if it is not three digits (RFC 9112 section 4).
#[must_use]
pub fn status_code(line: &[u8]) -> Option<u16> {
    let status = line.split(|byte| *byte == b' ').nth(1)?;
    let digits = status.len() == 3 && status.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(status)
        .ok()?
        .parse()
        .ok()
        .filter(|_| digits)
}

/// Returns the value of `Sec-WebSocket-Accept` for a key (RFC 6455 section 4.2.2).
#[must_use]
pub fn accept_key(key: &str) -> String {
    derive_accept_key(key.as_bytes())
}

/// Computes `Sec-WebSocket-Accept` step by step.
fn accept(key: &str, sent: &str) -> Accept {
    let sum = accept_key(key);
    let digest = BASE64.decode(sum.as_bytes()).unwrap_or_default();
    Accept {
        key: key.to_owned(),
        guid: GUID,
        sha1: HEXLOWER.encode(&digest),
        right: sum == sent,
        sum,
        sent: sent.to_owned(),
    }
}

fn request_remark(name: &str) -> Option<&'static str> {
    Some(match name {
        "host" => "the name of the server; the server checks that it is its own",
        "upgrade" => "asks to switch this connection to another protocol",
        "connection" => "says that Upgrade is for the next program only, such as a proxy",
        "origin" => "the page that asks: the browser sets this, no page can change it",
        "sec-websocket-key" => "16 random bytes: the response proves that the server has read them",
        "sec-websocket-version" => "13 is RFC 6455, the only version in use",
        "sec-websocket-protocol" => "the subprotocols that the client offers, the preferred first",
        "sec-websocket-extensions" => "the extensions that the client offers, such as compression",
        _ => return None,
    })
}

fn response_remark(name: &str) -> Option<&'static str> {
    Some(match name {
        "upgrade" => "after this response, the connection speaks WebSocket",
        "connection" => "the server agrees to the upgrade",
        "sec-websocket-accept" => "computed from the client's key:",
        "sec-websocket-protocol" => "the subprotocol that the server chose",
        "sec-websocket-extensions" => "the extensions that both sides use",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::without_secrets;

    /// The example of RFC 6455 section 1.3.
    #[test]
    fn the_example_of_the_rfc_is_computed_in_steps() {
        let accept = accept("dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(accept.sha1, "b37a4f2cc0624f1690f64606cf385945b2bec4ea");
        assert_eq!(accept.sum, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert!(accept.right);
        assert_eq!(
            accept.key.clone() + accept.guid,
            "dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        );
    }

    #[test]
    fn a_number_is_written_with_digits_only() {
        for (line, status) in [
            ("HTTP/1.1 101 Switching Protocols", Some(101)),
            ("HTTP/1.1 101", Some(101)),
            ("HTTP/1.1 +101 OK", None),
            ("HTTP/1.1 +01 OK", None),
            ("HTTP/1.1 0101 OK", None),
            ("HTTP/1.1 ", None),
            ("HTTP/1.1", None),
        ] {
            assert_eq!(status_code(line.as_bytes()), status, "{line}");
        }
        for (value, length) in [
            ("5", Some(5)),
            ("05", Some(5)),
            ("+5", None),
            ("-0", None),
            ("5 5", None),
            ("0x5", None),
            ("", None),
            ("18446744073709551616", None),
        ] {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {value}\r\n\r\n");
            let head = RawHead::parse(head.as_bytes());
            assert_eq!(head.content_length(), length, "{value}");
        }
    }

    #[test]
    fn a_line_without_a_method_is_not_shown() {
        for (line, shown) in [
            ("GET /?token=a HTTP/1.1", "GET /?token=*** HTTP/1.1"),
            ("HTTP/1.1 200 OK", "HTTP/1.1 200 OK"),
            (
                "Authorization: Bearer a",
                "(23 bytes that are not a request)",
            ),
            ("GET?token=a", "(11 bytes that are not a request)"),
        ] {
            assert_eq!(first_line(line.as_bytes()), shown);
        }
    }

    /// A recording has a star for each hidden byte, so the shown length is the original length.
    #[test]
    fn a_line_that_is_not_shown_counts_its_bytes() {
        let (head, _) = RawHead::parse(b"GET / HTTP/1.1\r\n\x80\r\n\r\n").request();
        assert_eq!(head.headers[0].value, "(1 bytes)");
        let shown = "(2 bytes that are not a request)";
        assert_eq!(first_line(b"a\x80"), shown);
    }

    #[test]
    fn no_line_of_a_head_lets_a_secret_through() {
        let head = "GET /?token=canary HTTP/1.1\r\nAuthorization:\r\n Bearer canary\r\n\
                    Cookie : canary\r\nAuthorization Bearer canary\r\n canary\r\n\
                    Authorization canary: x\r\nReferer: /?a&token=canary\r\n\
                    Cookie:\r\n : canary\r\n\r\n";
        let (head, _) = RawHead::parse(&without_secrets(head.as_bytes())).request();
        assert!(!format!("{head:?}").contains("canary"), "{head:?}");
        assert_eq!(head.headers.len(), 7);
    }
}
