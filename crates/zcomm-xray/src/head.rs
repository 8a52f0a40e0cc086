//! The HTTP head with which every WebSocket begins, line by line.
//!
//! hyper reads a request to act on it; this reads it to show it, and must not lose what
//! hyper would refuse: a wrong line is the interesting one. So it splits lines and looks at
//! a few names, and judges nothing but the one sum that proves a WebSocket handshake:
//!
//! ```text
//! Sec-WebSocket-Accept = base64(SHA-1(Sec-WebSocket-Key + GUID))
//! ```
//!
//! The sum protects no secret: everybody can make it. It proves that the answer comes from a
//! program that speaks WebSocket and has read this request, not from a cache or a confused
//! web server. Production is content to compare it.

use data_encoding::{BASE64, HEXLOWER};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::{
    event::{Accept, Head, Header},
    rules::BrokenRule,
    secrets::{address, end_of_target, header_value},
    visible::pictured,
};

/// What is put behind the key (RFC 6455 section 1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A head that is being read, with its secrets: they end here.
pub(crate) struct Lines {
    first: String,
    headers: Vec<(String, String)>,
    bytes: usize,
}

/// How long the head is at the beginning of these bytes, the empty line included. `from`
/// bytes were looked at before.
pub(crate) fn end_of_head(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from.saturating_sub(3);
    while let Some(line_end) = bytes[at..].iter().position(|byte| *byte == b'\n') {
        at += line_end + 1;
        match &bytes[at..] {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
    None
}

impl Lines {
    /// Splits a whole head.
    pub(crate) fn read(head: &[u8]) -> Lines {
        let text = String::from_utf8_lossy(head);
        let mut lines = text.lines().filter(|line| !line.is_empty());
        let first = lines.next().unwrap_or_default().to_owned();
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in lines {
            match (line.split_once(':'), headers.last_mut()) {
                // RFC 9112 section 5.2: such a line continued the one before it, once.
                (_, Some((name, value))) if line.starts_with([' ', '\t']) && !name.is_empty() => {
                    value.push(' ');
                    value.push_str(line.trim());
                }
                (Some((name, value)), _) if !name.trim().contains([' ', '\t']) => {
                    headers.push((name.trim().to_owned(), value.trim().to_owned()));
                }
                // It could be anything, a secret, too.
                _ => headers.push((String::new(), format!("({} bytes)", line.len()))),
            }
        }
        Lines {
            first,
            headers,
            bytes: head.len(),
        }
    }

    /// The value of a header; of the first one, when there are several.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Whether a list in a header has this word.
    fn has(&self, name: &str, word: &str) -> bool {
        let list = self.value(name).unwrap_or_default();
        list.split(',')
            .any(|item| item.trim().eq_ignore_ascii_case(word))
    }

    /// Whether this request asks for a WebSocket.
    pub(crate) fn asks_to_upgrade(&self) -> bool {
        self.has("upgrade", "websocket") && self.has("connection", "upgrade")
    }

    /// The method of a request.
    pub(crate) fn method(&self) -> &str {
        self.first.split(' ').next().unwrap_or_default()
    }

    /// The status of a response.
    pub(crate) fn status(&self) -> Option<u16> {
        self.first.split(' ').nth(1)?.parse().ok()
    }

    /// The length of the body that follows, where it is announced.
    pub(crate) fn content_length(&self) -> Option<u64> {
        self.value("content-length")?.parse().ok()
    }

    /// A request as it may be shown.
    pub(crate) fn request(&self) -> (Head, Vec<BrokenRule>) {
        let upgrade = self.asks_to_upgrade();
        let key = self.value("sec-websocket-key").unwrap_or_default();
        let sixteen = BASE64
            .decode(key.as_bytes())
            .is_ok_and(|key| key.len() == 16);
        let wrong = (upgrade && !sixteen).then_some(BrokenRule::KEY);
        (
            self.head(upgrade, request_remark),
            wrong.into_iter().collect(),
        )
    }

    /// A response as it may be shown; `request` is what it answers.
    pub(crate) fn response(&self, request: Option<&Lines>) -> (Head, Vec<BrokenRule>) {
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
                let offered = pictured(offered, 40);
                let remark = format!("not answered, so declined: {offered}");
                head.remarks.push(remark);
            }
            _ => {}
        }
        let protocols = "sec-websocket-protocol";
        if let (Some(_), None) = (request.value(protocols), self.value(protocols)) {
            let remark = "no subprotocol: none of those that the client offered";
            head.remarks.push(remark.into());
        }
        (head, errors)
    }

    fn head(&self, of_websocket: bool, remark: fn(&str) -> Option<&'static str>) -> Head {
        let headers = self.headers.iter().map(|(name, value)| Header {
            remark: remark(&name.to_ascii_lowercase()).filter(|_| of_websocket),
            value: header_value(name, value),
            name: address(name),
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

/// A request line, or a status line, without the secrets of an address in it.
fn first_line(line: &str) -> String {
    let word = line.split(' ').next().unwrap_or_default();
    if !word.starts_with("HTTP/") && !word.bytes().all(|c| c.is_ascii_uppercase()) {
        return format!("({} bytes that are no request)", line.len());
    }
    let (target, version) = line.split_at(end_of_target(line.as_bytes()));
    address(target) + version
}

/// The sum, step by step.
fn accept(key: &str, sent: &str) -> Accept {
    let sum = derive_accept_key(key.as_bytes());
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
        "host" => "the name that was asked for: a server must check that it is its own",
        "upgrade" => "asks to change the protocol of this connection",
        "connection" => "and that what is between the two pass this wish on",
        "origin" => "whose page asks: browsers say so, and no page can change it",
        "sec-websocket-key" => "16 random bytes: the answer must have their sum in it",
        "sec-websocket-version" => "13 is RFC 6455, the only one in use",
        "sec-websocket-protocol" => "subprotocols on offer, the preferred one first",
        "sec-websocket-extensions" => "extensions on offer, such as compression",
        "authorization" | "cookie" => "a secret: not shown",
        _ => return None,
    })
}

fn response_remark(name: &str) -> Option<&'static str> {
    Some(match name {
        "upgrade" => "from here on this connection speaks WebSocket",
        "connection" => "the wish is granted",
        "sec-websocket-accept" => "the sum of the key:",
        "sec-websocket-protocol" => "the subprotocol that was chosen",
        "sec-websocket-extensions" => "the extensions that were agreed",
        "set-cookie" => "a secret: not shown",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 6455 section 1.3.
    #[test]
    fn the_sum_of_the_rfc_comes_out_in_steps() {
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
    fn a_head_ends_at_its_empty_line() {
        for (bytes, end) in [
            ("a\r\nb\r\n\r\nc", Some(8)),
            ("a\n\nc", Some(3)),
            ("a\r\nb\r\n\r", None),
            ("a\r\n\nb", Some(4)),
            ("", None),
        ] {
            for from in 0..=end.unwrap_or(bytes.len()).saturating_sub(1) {
                assert_eq!(end_of_head(bytes.as_bytes(), from), end, "{bytes:?} {from}");
            }
        }
    }

    #[test]
    fn what_begins_with_no_method_is_not_shown() {
        for (line, shown) in [
            ("GET /?token=a HTTP/1.1", "GET /?token=*** HTTP/1.1"),
            ("HTTP/1.1 200 OK", "HTTP/1.1 200 OK"),
            ("Authorization: Bearer a", "(23 bytes that are no request)"),
            ("GET?token=a", "(11 bytes that are no request)"),
        ] {
            assert_eq!(first_line(line), shown);
        }
    }

    #[test]
    fn no_line_of_a_head_lets_a_secret_through() {
        let head = "GET /?token=canary HTTP/1.1\r\nAuthorization:\r\n Bearer canary\r\n\
                    Cookie : canary\r\nAuthorization Bearer canary\r\n canary\r\n\
                    Authorization canary: x\r\nReferer: /?a&token=canary\r\n\r\n";
        let (head, _) = Lines::read(head.as_bytes()).request();
        assert!(!format!("{head:?}").contains("canary"), "{head:?}");
        assert_eq!(head.headers.len(), 6);
    }
}
