//! Reads the head of a request, and changes `Host`, `Origin` and `Connection` in it.
//!
//! A browser that connects to the proxy sends the proxy's address in `Host` and `Origin`.
//! Servers of this course check both headers and would reject the request. So the proxy replaces
//! its own name with the server's name.
//!
//! The proxy does not replace any *other* name, because an attacker's domain can point to this
//! machine (DNS rebinding). If the proxy replaced the attacker's name, the server would accept
//! the attacker's page as its own.
//!
//! The proxy reads only the first head of a connection. So it adds `Connection: close` to a
//! request that does not ask for a WebSocket. Without this header, a second request could
//! follow. All other bytes pass unchanged, even wrong bytes, because the user of the proxy wants
//! to find faults.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::timeout,
};
use zcomm_core::{Authority, Origin, xray::HeadEnd};

/// The limit for one head (bytes). The servers of this course have the same limit.
const MAX_HEAD: usize = 16 * 1024;
/// The time limit for a whole head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// The names to replace in a head, and the new names.
pub(super) struct Names {
    /// The names of the proxy. Only these names are replaced.
    pub(super) own: Vec<Authority>,
    /// The `Host` that the server expects.
    pub(super) host: String,
    /// The origin of the server's page.
    pub(super) origin: Option<String>,
}

/// The status and the sentence of the response to a request that cannot be read.
pub(super) type Rejection = (&'static str, &'static str);

const LATE: Rejection = ("408 Request Timeout", "the request took too long");
const TOO_LONG: Rejection = (
    "431 Request Header Fields Too Large",
    "the head of the request is longer than 16 KiB",
);
const NOT_HTTP: Rejection = (
    "400 Bad Request",
    "this is not HTTP; connect with ws:// or http://: the proxy accepts no TLS, even if the server \
     does",
);

/// Reads the head of a request, and stores the bytes that arrived after it. Returns `None` if
/// the client left before the head was complete.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<Head>, Rejection> {
    let head = timeout(HEAD_TIMEOUT, read_head(stream)).await;
    head.unwrap_or(Err(LATE))
}

async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<Head>, Rejection> {
    let (mut bytes, mut head_end) = (Vec::new(), HeadEnd::default());
    loop {
        let before = bytes.len();
        let space = (MAX_HEAD + 1 - before) as u64;
        match stream.take(space).read_buf(&mut bytes).await {
            Ok(0) | Err(_) => return Ok(None),
            Ok(_) => {}
        }
        // An HTTP method begins with a letter; TLS begins with byte 22.
        if !bytes[0].is_ascii_alphabetic() {
            return Err(NOT_HTTP);
        }
        let end = head_end.find(&bytes[before..]);
        match end.map(|length| before + length) {
            Some(end) if end <= MAX_HEAD => return Ok(Some(Head { bytes, end })),
            _ if bytes.len() > MAX_HEAD => return Err(TOO_LONG),
            _ => {}
        }
    }
}

/// An unchanged head, and the bytes that arrived after it.
#[derive(Debug)]
pub(super) struct Head {
    bytes: Vec<u8>,
    end: usize,
}

impl Head {
    /// Returns the changed head and the bytes after it, to send to the server.
    pub(super) fn rewritten(&self, names: &Names) -> Vec<u8> {
        let (head, rest) = self.bytes.split_at(self.end);
        let mut lines = head.split_inclusive(|byte| *byte == b'\n');
        let asks_to_upgrade = asks_to_upgrade(head);
        let mut written = lines.next().unwrap_or_default().to_vec();
        for line in lines {
            let (name, value) = header(line).unwrap_or_default();
            if !asks_to_upgrade && matches!(line, b"\n" | b"\r\n") {
                written.extend_from_slice(b"Connection: close\r\n");
            }
            if !asks_to_upgrade && name.eq_ignore_ascii_case("connection") {
                continue;
            }
            match names.replacement(name, value.trim()) {
                // Change only the value. Keep the name, the spaces and the end of the line.
                Some(other) => {
                    let value = value.replacen(value.trim(), other, 1);
                    written.extend_from_slice(format!("{name}:{value}").as_bytes());
                }
                None => written.extend_from_slice(line),
            }
        }
        written.extend_from_slice(rest);
        written
    }
}

impl Names {
    /// Returns the new value of a header; `None` if the header does not change.
    fn replacement(&self, name: &str, value: &str) -> Option<&str> {
        let is_own = |authority: &Authority| self.own.contains(authority);
        if name.eq_ignore_ascii_case("host") {
            let own = Authority::parse(value, 80).is_some_and(|host| is_own(&host));
            return own.then_some(self.host.as_str());
        }
        if name.eq_ignore_ascii_case("origin")
            && let Some(Origin::Page { scheme, authority }) = Origin::parse(value)
            && scheme == "http"
            && is_own(&authority)
        {
            return self.origin.as_deref();
        }
        None
    }
}

/// Whether this request asks for a WebSocket, and not for a page or a file.
pub(crate) fn asks_to_upgrade(head: &[u8]) -> bool {
    let mut headers = head.split(|byte| *byte == b'\n').filter_map(header);
    headers.any(|(name, value)| {
        name.eq_ignore_ascii_case("upgrade") && value.to_ascii_lowercase().contains("websocket")
    })
}

/// Returns the name and value of a header line. The value includes its spaces. Returns `None` if
/// the line has no colon or is not UTF-8.
fn header(line: &[u8]) -> Option<(&str, &str)> {
    std::str::from_utf8(line).ok()?.split_once(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let own = ["127.0.0.1:8770", "localhost:8770"];
        Names {
            own: own.map(|own| Authority::parse(own, 80).unwrap()).into(),
            host: "chat.example:8765".into(),
            origin: Some("https://chat.example:8765".into()),
        }
    }

    fn head(text: &str) -> Head {
        let bytes = text.as_bytes().to_vec();
        let end = HeadEnd::default().find(&bytes).unwrap();
        Head { bytes, end }
    }

    fn rewritten(text: &str) -> String {
        String::from_utf8(head(text).rewritten(&names())).unwrap()
    }

    #[test]
    fn a_handshake_gets_two_names_and_keeps_every_other_byte() {
        assert_eq!(
            rewritten(
                "GET /?token=x HTTP/1.1\r\nhOst:127.0.0.1:8770 \r\nOrigin:  http://localhost:8770\r\n\
                 Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\nodd line\r\nX:\t1\r\n\r\nrest"
            ),
            "GET /?token=x HTTP/1.1\r\nhOst:chat.example:8765 \r\nOrigin:  https://chat.example:8765\r\n\
             Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\nodd line\r\nX:\t1\r\n\r\nrest"
        );
    }

    #[test]
    fn other_names_pass_unchanged() {
        for line in [
            "Host: evil.example:8770",
            "Host: 127.0.0.1:8765",
            "Host: localhost.example:8770",
            "Host: user@localhost:8770",
            "Host: localhost",
            "Origin: http://evil.example:8770",
            "Origin: https://localhost:8770",
            "Origin: http://localhost:8765",
            "Origin: null",
            "X-Host: localhost:8770",
            "Host localhost:8770",
        ] {
            let text = format!("GET / HTTP/1.1\r\nUpgrade: websocket\r\n{line}\r\n\r\n");
            assert_eq!(rewritten(&text), text);
        }
    }

    #[test]
    fn a_request_for_a_page_is_the_last_of_its_connection() {
        assert_eq!(
            rewritten("GET / HTTP/1.1\r\nConnection: keep-alive\r\nHost: localhost:8770\r\n\r\n"),
            "GET / HTTP/1.1\r\nHost: chat.example:8765\r\nConnection: close\r\n\r\n"
        );
        assert_eq!(
            rewritten("POST / HTTP/1.1\nHost: a\n\nbody: b\n\n"),
            "POST / HTTP/1.1\nHost: a\nConnection: close\r\n\nbody: b\n\n"
        );
    }

    #[tokio::test]
    async fn a_head_is_complete_or_has_a_reason() {
        let mut just = b"GET / HTTP/1.1\r\nX: ".to_vec();
        just.resize(MAX_HEAD - 4, b'x');
        just.extend_from_slice(b"\r\n\r\n");
        let read = async |bytes: &[u8]| {
            let head = read(&mut &*bytes).await?;
            Ok(head.map(|head| head.end))
        };
        assert_eq!(read(&just).await, Ok(Some(MAX_HEAD)));
        just.insert(20, b'x');
        assert_eq!(read(&just).await, Err(TOO_LONG));
        assert_eq!(read(&[b'G'; 20_000]).await, Err(TOO_LONG));
        assert_eq!(read(b"\x16\x03\x01").await, Err(NOT_HTTP));
        assert_eq!(read(b"GET / HTTP/1.1\r\n").await, Ok(None));
        assert_eq!(read(b"").await, Ok(None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_client_runs_into_the_time_limit() {
        let (mut stream, _silent) = tokio::io::duplex(16);
        assert_eq!(read(&mut stream).await.unwrap_err(), LATE);
    }
}
