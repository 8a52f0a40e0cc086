//! The head of a request on its way through: read whole, and changed in three lines at most.
//!
//! A browser that opens the proxy's address says so in `Host`, and its page's in `Origin`; a
//! server that checks both, as ours do, would refuse it. So a name of the proxy becomes that
//! of the server. A name that is *not* the proxy's passes as it came: else a page of any
//! site, whose name an attacker points at this machine, would pass for the server's own (DNS
//! rebinding).
//!
//! A request for anything but a WebSocket becomes the last one of its connection, because
//! of a second one nobody would read the head. Everything else is passed on byte by byte,
//! faults included: finding them is what a proxy is for.
//!
//! Production proxies write the whole head anew, and add who has asked (`Forwarded`).

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::timeout,
};
use zcomm_core::{Authority, Origin};

/// The longest head (bytes), as for our server.
const MAX_HEAD: usize = 16 * 1024;
/// For the whole head to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// Names that become others.
pub(super) struct Names {
    /// The proxy's own.
    pub(super) own: Vec<Authority>,
    /// What the server expects as `Host`, and as the origin of its page.
    pub(super) host: String,
    pub(super) origin: Option<String>,
}

/// Why there is no request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoRequest {
    /// The client has left before it had said anything whole.
    Gone,
    Late,
    TooLong,
    NotHttp,
}

/// Reads the head of a request. What came behind it, is behind it here, too.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Head, NoRequest> {
    let head = timeout(PATIENCE, read_head(stream)).await;
    head.unwrap_or(Err(NoRequest::Late))
}

async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> Result<Head, NoRequest> {
    let mut bytes = Vec::new();
    loop {
        let room = (MAX_HEAD + 1 - bytes.len()) as u64;
        match stream.take(room).read_buf(&mut bytes).await {
            Ok(0) | Err(_) => return Err(NoRequest::Gone),
            Ok(_) => {}
        }
        // A method is letters; TLS begins with 22.
        if !bytes[0].is_ascii_alphabetic() {
            return Err(NoRequest::NotHttp);
        }
        match end_of_head(&bytes) {
            Some(end) if end <= MAX_HEAD => return Ok(Head { bytes, end }),
            _ if bytes.len() > MAX_HEAD => return Err(NoRequest::TooLong),
            _ => {}
        }
    }
}

/// How long the head is, the empty line included.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let mut ends = (0..bytes.len()).filter(|at| bytes[*at] == b'\n');
    ends.find_map(|at| match &bytes[at + 1..] {
        [b'\n', ..] => Some(at + 2),
        [b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    })
}

/// A head as it came, and what followed it.
#[derive(Debug)]
pub(super) struct Head {
    bytes: Vec<u8>,
    end: usize,
}

impl Head {
    /// The same as it goes on.
    pub(super) fn rewritten(&self, names: &Names) -> Vec<u8> {
        let (head, rest) = self.bytes.split_at(self.end);
        let lines: Vec<_> = head.split_inclusive(|byte| *byte == b'\n').collect();
        let asks_to_upgrade = lines.iter().any(|line| {
            header(line).is_some_and(|(name, value)| {
                name.eq_ignore_ascii_case("upgrade")
                    && value.to_ascii_lowercase().contains("websocket")
            })
        });
        let mut written = Vec::with_capacity(self.bytes.len() + 64);
        for (number, line) in lines.iter().enumerate() {
            let last = number + 1 == lines.len();
            if last && !asks_to_upgrade {
                written.extend_from_slice(b"Connection: close\r\n");
            }
            let found = header(line).filter(|_| number > 0);
            if !asks_to_upgrade
                && found.is_some_and(|(name, _)| name.eq_ignore_ascii_case("connection"))
            {
                continue;
            }
            match found.and_then(|(name, value)| Some((value, names.instead(name, value)?))) {
                Some((value, other)) => put_instead(&mut written, line, value, other),
                None => written.extend_from_slice(line),
            }
        }
        written.extend_from_slice(rest);
        written
    }
}

impl Names {
    /// What a header says to the server, where that is not what it said to the proxy.
    fn instead(&self, name: &str, value: &str) -> Option<&str> {
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

/// Name and value of a header line; neither when it is none.
fn header(line: &[u8]) -> Option<(&str, &str)> {
    let (name, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
    Some((name, value.trim()))
}

/// A line with another value; its name, its spaces and its end stay.
fn put_instead(written: &mut Vec<u8>, line: &[u8], value: &str, other: &str) {
    // The value stands behind the name, which ends with the first colon.
    let colon = line.iter().position(|byte| *byte == b':').unwrap_or(0);
    let rest = &line[colon + 1..];
    let spaces = rest.iter().take_while(|byte| byte.is_ascii_whitespace());
    let start = colon + 1 + spaces.count();
    written.extend_from_slice(&line[..start]);
    written.extend_from_slice(other.as_bytes());
    written.extend_from_slice(&line[start + value.len()..]);
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
        let end = end_of_head(&bytes).unwrap();
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
    fn names_of_others_pass_as_they_came() {
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
    async fn a_head_is_whole_or_says_why_not() {
        let mut just = b"GET / HTTP/1.1\r\nX: ".to_vec();
        just.resize(MAX_HEAD - 4, b'x');
        just.extend_from_slice(b"\r\n\r\n");
        let read = async |bytes: &[u8]| read(&mut &*bytes).await.map(|head| head.end);
        assert_eq!(read(&just).await, Ok(MAX_HEAD));
        just.insert(20, b'x');
        assert_eq!(read(&just).await, Err(NoRequest::TooLong));
        assert_eq!(read(&[b'G'; 20_000]).await, Err(NoRequest::TooLong));
        assert_eq!(read(b"\x16\x03\x01").await, Err(NoRequest::NotHttp));
        assert_eq!(read(b"GET / HTTP/1.1\r\n").await, Err(NoRequest::Gone));
        assert_eq!(read(b"").await, Err(NoRequest::Gone));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_says_nothing_is_not_waited_for() {
        let (mut stream, _silent) = tokio::io::duplex(16);
        assert_eq!(read(&mut stream).await.unwrap_err(), NoRequest::Late);
    }
}
