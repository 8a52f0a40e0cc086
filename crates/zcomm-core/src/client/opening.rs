//! What a client learns while it connects: the server's address and certificates, the request
//! and the response.
//!
//! Learners read these facts, programs log them, and tests compare them. So the facts are stored
//! as text that is safe to show.

use std::{fmt, net::SocketAddr};

use rustls::{CommonState, ProtocolVersion};
use tokio_tungstenite::tungstenite::{
    handshake::client::Request,
    http::{HeaderMap, header::LOCATION},
};

use crate::{client::answer::Answer, text::shown::printable, tls::certificate::Certificate};

/// What a client learned while it connected.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The address and port that answered.
    pub addr: SocketAddr,
    /// The certificates and the protocol of TLS; `None` for `ws://`.
    pub tls: Option<TlsOpening>,
    /// The request: its request line, and a line for each header. Secrets are replaced.
    pub request: Vec<String>,
    /// The response: its status line, and a line for each header.
    pub response: Vec<String>,
}

/// The result of a TLS handshake.
#[derive(Clone, Debug)]
pub struct TlsOpening {
    /// The certificates that the server sent, its own certificate first. The client trusts the
    /// server's own certificate.
    pub chain: Vec<Certificate>,
    /// The TLS version, e.g. `TLS 1.3`.
    pub protocol: String,
    /// The cipher suite, e.g. `TLS_AES_256_GCM_SHA384`.
    pub cipher: String,
}

impl TlsOpening {
    pub(crate) fn new(chain: Vec<Certificate>, session: &CommonState) -> TlsOpening {
        let protocol = match session.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
            _ => "TLS 1.2",
        };
        let cipher = session.negotiated_cipher_suite();
        let cipher = cipher.map(|suite| format!("{:?}", suite.suite()));
        TlsOpening {
            chain,
            protocol: protocol.to_owned(),
            // rustls writes `TLS13_` for TLS 1.3; the registered names begin with `TLS_`.
            cipher: cipher.unwrap_or_default().replace("TLS13_", "TLS_"),
        }
    }
}

impl fmt::Display for Opening {
    /// Writes the facts in the order in which the client learned them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "address      {}", self.addr)?;
        if let Some(tls) = &self.tls {
            writeln!(f, "protocol     {}", tls.protocol)?;
            writeln!(f, "cipher       {}", tls.cipher)?;
            for (index, certificate) in tls.chain.iter().enumerate() {
                let (number, count) = (index + 1, tls.chain.len());
                writeln!(f, "certificate {number} of {count}\n{certificate}")?;
            }
        }
        write!(f, "{}", self.response.join("\n"))
    }
}

/// The secrets of a request. The server may repeat a secret in the address of a redirect, or in
/// the reason for a refusal. So the client replaces secrets by `…` in all text from the server.
pub(crate) struct Secrets(Vec<String>);

/// The shortest secret (bytes). A shorter value is not replaced, because it could be a part of
/// many words. The whole query is always replaced.
const SHORTEST_SECRET: usize = 8;

impl Secrets {
    /// Collects the secrets: the query, each value in the query, and the token.
    pub(crate) fn new(query: Option<&str>, token: Option<&str>) -> Secrets {
        let query = query.unwrap_or_default();
        let encoded = query.split('&').filter_map(|pair| pair.split_once('='));
        let encoded = encoded.map(|(_, value)| value.to_owned());
        let decoded = form_urlencoded::parse(query.as_bytes());
        let decoded = decoded.map(|(_, value)| value.into_owned());
        let mut secrets: Vec<_> = [query, token.unwrap_or_default()]
            .into_iter()
            .map(str::to_owned)
            .chain(encoded)
            .chain(decoded)
            .filter(|secret| {
                secret == query && !query.is_empty() || secret.len() >= SHORTEST_SECRET
            })
            .collect();
        // Replace the longest secret first, because a secret may contain another secret.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Secrets(secrets)
    }

    /// Makes a server's text safe to show. First replaces the secrets. Then `printable` cuts a
    /// long text. If `printable` cut a secret in half first, the secret would not be found.
    fn hide(&self, text: &[u8]) -> String {
        let text = String::from_utf8_lossy(text).into_owned();
        let secrets = self.0.iter();
        printable(&secrets.fold(text, |text, secret| text.replace(secret.as_str(), "…")))
    }
}

/// The request line and the headers, as text. The query may contain a token, so the text shows
/// only the length of the query.
pub(crate) fn request_lines(request: &Request, secrets: &Secrets) -> Vec<String> {
    let query = request.uri().query();
    let query = query.map(|query| format!("?({} bytes)", query.len()));
    let path = printable(request.uri().path());
    let line = format!("GET {path}{} HTTP/1.1", query.unwrap_or_default());
    lines(line, request.headers(), secrets)
}

/// The status line and the headers, as text.
pub(crate) fn response_lines(answer: &Answer, secrets: &Secrets) -> Vec<String> {
    let line = secrets.hide(answer.line.as_bytes());
    lines(line, &answer.headers, secrets)
}

/// Returns `first` and a line for each header. The value of a sensitive header is replaced by
/// `***`.
fn lines(first: String, headers: &HeaderMap, secrets: &Secrets) -> Vec<String> {
    let headers = headers.iter().map(|(name, value)| {
        let value = match value.is_sensitive() {
            true => "***".to_owned(),
            false => secrets.hide(value.as_bytes()),
        };
        format!("{name}: {value}")
    });
    std::iter::once(first).chain(headers).collect()
}

/// The reason for a refusal: the address of a redirect, or the first line of the text.
pub(crate) fn refusal_reason(answer: &Answer, text: &[u8], secrets: &Secrets) -> String {
    if let Some(place) = answer.headers.get(LOCATION) {
        return format!("go to {}", secrets.hide(place.as_bytes()));
    }
    let text = String::from_utf8_lossy(text);
    let mut lines = text.lines().map(str::trim);
    let line = lines.find(|line| !line.is_empty()).unwrap_or_default();
    // The servers of this course begin this line with the status, so remove the status.
    let status = answer.status.to_string();
    let reason = line.strip_prefix(&status).unwrap_or(line).trim();
    secrets.hide(reason.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_replaced_whole_and_in_half() {
        let padding = "x".repeat(190);
        let query = format!("token=canary%2D7Qp2xV9d&name=Ada&x={padding}");
        let secrets = Secrets::new(Some(&query), Some("bearer-7Qp2xV9d"));
        for said in [
            format!("/login?{query}"),
            format!("/{padding}?{query}"),
            "bad token canary%2D7Qp2xV9d".to_owned(),
            "bad token canary-7Qp2xV9d".to_owned(),
            "Authorization: Bearer bearer-7Qp2xV9d".to_owned(),
        ] {
            let shown = secrets.hide(said.as_bytes());
            assert!(
                !shown.contains("canary") && !shown.contains("7Qp2"),
                "{shown}"
            );
        }
        assert_eq!(secrets.hide(b"welcome, Ada"), "welcome, Ada");
        assert_eq!(Secrets::new(None, None).hide(b"hi"), "hi");
        assert_eq!(Secrets::new(Some("t=x"), None).hide(b"/?t=x"), "/?…");
    }
}
