//! What a client learns while it connects: who the server is, by whose word, and what both
//! said in the handshake.
//!
//! Once a connection is open, all that is left of its beginning is what somebody kept. A
//! learner wants to see it, a program to log it, and a test to compare it; so it is kept,
//! as text that is safe to show.
//!
//! Production logs the address and the protocol, and drops the rest.

use std::{fmt, net::SocketAddr};

use tungstenite::{
    handshake::client::Response,
    http::{HeaderMap, header::LOCATION},
};

use crate::{certificate::Certificate, shown::printable};

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

/// The status line and the headers, as text.
pub(crate) fn response_lines(response: &Response) -> Vec<String> {
    let status = format!("{:?} {}", response.version(), response.status());
    [status]
        .into_iter()
        .chain(header_lines(response.headers()))
        .collect()
}

/// A line for each header; a secret one without its value.
pub(crate) fn header_lines(headers: &HeaderMap) -> impl Iterator<Item = String> {
    headers.iter().map(|(name, value)| {
        let value = match value.is_sensitive() {
            true => "***".to_owned(),
            false => printable(&String::from_utf8_lossy(value.as_bytes())),
        };
        format!("{name}: {value}")
    })
}

/// What an answer that is not 101 says for itself.
pub(crate) fn refusal_words(response: &Response) -> String {
    if let Some(place) = response.headers().get(LOCATION) {
        return printable(&format!(
            "go to {}",
            String::from_utf8_lossy(place.as_bytes())
        ));
    }
    let body = response.body().as_deref().unwrap_or_default();
    let body = String::from_utf8_lossy(body);
    let line = body.lines().next().unwrap_or_default();
    // Our own servers begin with the status.
    let status = response.status().as_u16().to_string();
    printable(line.strip_prefix(&status).unwrap_or(line).trim())
}
