//! What a client learns while it connects: who the server is, by whose word, and what both
//! said in the handshake.
//!
//! Once a connection is open, all that is left of its beginning is what somebody kept. A
//! learner wants to see it, a program to log it, and a test to compare it; so it is kept,
//! as text that is safe to show.
//!
//! Production logs the address and the protocol, and drops the rest.

use std::{fmt, net::SocketAddr};

use tokio_tungstenite::tungstenite::{
    handshake::client::Response,
    http::{HeaderMap, header::LOCATION},
};

use crate::{text::shown::printable, tls::certificate::Certificate};

/// What was learned while a connection was opened.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The address and port that answered.
    pub addr: SocketAddr,
    /// What TLS found; `None` for `ws://`.
    pub tls: Option<TlsOpening>,
    /// The handshake that was sent: its request line, and a line for each header. A token
    /// in it is not shown.
    pub request: Vec<String>,
    /// The answer to the handshake: its status line, and a line for each header.
    pub response: Vec<String>,
}

/// What TLS found out about the server.
#[derive(Clone, Debug)]
pub struct TlsOpening {
    /// The certificates it showed, its own first. That one is believed; of the others, those
    /// that lead from it to a trusted authority.
    pub chain: Vec<Certificate>,
    /// The version, e.g. `TLS 1.3`.
    pub protocol: String,
    /// The cipher suite, e.g. `TLS_AES_256_GCM_SHA384`.
    pub cipher: String,
}

impl fmt::Display for Opening {
    /// What a client knows now, a line each: TLS first, as it came first.
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

/// What we have said and nobody is to read over our shoulder. Many a server repeats it: in the
/// address it sends us to, or in the reason why it refuses.
pub(crate) struct Secrets(Vec<String>);

/// What is shorter is no secret, and stands in many a word.
const SHORTEST_SECRET: usize = 8;

impl Secrets {
    /// The query, what stands in it, and the token.
    pub(crate) fn new(query: Option<&str>, token: Option<&str>) -> Secrets {
        let query = query.unwrap_or_default();
        let written = query.split('&').filter_map(|pair| pair.split_once('='));
        let written = written.map(|(_, value)| value.to_owned());
        let meant = form_urlencoded::parse(query.as_bytes());
        let meant = meant.map(|(_, value)| value.into_owned());
        let mut secrets: Vec<_> = [query, token.unwrap_or_default()]
            .into_iter()
            .map(str::to_owned)
            .chain(written)
            .chain(meant)
            .filter(|secret| {
                secret == query && !query.is_empty() || secret.len() >= SHORTEST_SECRET
            })
            .collect();
        // One may stand in another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Secrets(secrets)
    }

    /// A server's text to be shown. First without them and then cut: half a secret is one.
    fn hide(&self, text: &[u8]) -> String {
        let text = String::from_utf8_lossy(text).into_owned();
        let secrets = self.0.iter();
        printable(&secrets.fold(text, |text, secret| text.replace(secret.as_str(), "…")))
    }
}

/// The status line and the headers, as text.
pub(crate) fn response_lines(response: &Response, secrets: &Secrets) -> Vec<String> {
    let status = format!("{:?} {}", response.version(), response.status());
    [status]
        .into_iter()
        .chain(header_lines(response.headers(), secrets))
        .collect()
}

/// A line for each header; a secret one without its value.
pub(crate) fn header_lines(headers: &HeaderMap, secrets: &Secrets) -> impl Iterator<Item = String> {
    headers.iter().map(|(name, value)| {
        let value = match value.is_sensitive() {
            true => "***".to_owned(),
            false => secrets.hide(value.as_bytes()),
        };
        format!("{name}: {value}")
    })
}

/// What an answer that is not 101 says for itself.
pub(crate) fn refusal_words(response: &Response, secrets: &Secrets) -> String {
    if let Some(place) = response.headers().get(LOCATION) {
        return format!("go to {}", secrets.hide(place.as_bytes()));
    }
    let body = response.body().as_deref().unwrap_or_default();
    let body = String::from_utf8_lossy(body);
    let line = body.lines().next().unwrap_or_default();
    // Our own servers begin with the status.
    let status = response.status().as_u16().to_string();
    let words = line.strip_prefix(&status).unwrap_or(line).trim();
    secrets.hide(words.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_we_have_said_is_not_repeated_whole_or_in_half() {
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
