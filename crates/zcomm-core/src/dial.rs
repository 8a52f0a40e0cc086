//! From an address to an open WebSocket: name, TCP, TLS, HTTP, and then frames.
//!
//! A client goes the way that a server waits at the end of, and can fail at each step; one
//! time limit holds for all of them together. What was learned on the way is kept as
//! [`Opening`]: who the server is, by whose word, and what it answered.
//!
//! Production keeps a few connections open and uses them again; a WebSocket is one that
//! stays open by itself.

use std::{fmt, io, net::SocketAddr, time::Duration};

use rustls::{Error as TlsError, pki_types::ServerName};
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::TlsConnector;
use tungstenite::{
    Error as WireError,
    client::IntoClientRequest,
    handshake::client::Response,
    http::{Uri, header::LOCATION},
};

use crate::{
    certificate::{Certificate, printable},
    connect_error::ConnectError,
    transport::{SpeaksTls, Transport},
    trust::Trust,
    wire::Wire,
};

/// For the whole way to an open connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest message that a server may send us (bytes).
const MAX_MESSAGE: usize = 1024 * 1024;

/// What was learned while a connection was opened.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The address and port that answered.
    pub addr: SocketAddr,
    /// What TLS found; `None` for `ws://`.
    pub tls: Option<TlsOpening>,
    /// The answer to the handshake: its status line, and a line for each header.
    pub response: Vec<String>,
}

/// What TLS found out about the server.
#[derive(Clone, Debug)]
pub struct TlsOpening {
    /// The certificates it showed and that were believed, its own first.
    pub chain: Vec<Certificate>,
    /// The version, e.g. `TLSv1_3`.
    pub protocol: String,
    /// The cipher suite, e.g. `TLS13_AES_256_GCM_SHA384`.
    pub cipher: String,
}

impl fmt::Display for Opening {
    /// What a client knows now, a line each: TLS first, as it came first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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

/// Opens a connection to a `ws://` or `wss://` address.
pub(crate) async fn dial(url: &str, trust: &Trust) -> Result<(Wire, Opening), ConnectError> {
    let target = Target::parse(url)?;
    let limit = CONNECT_TIMEOUT;
    let opened = timeout(limit, target.open(trust)).await;
    opened.unwrap_or_else(|_| {
        let place = target.place.clone();
        Err(ConnectError::Timeout { place, limit })
    })
}

/// Where to go.
struct Target {
    uri: Uri,
    tls: bool,
    /// The host, an IPv6 address without its brackets.
    host: String,
    port: u16,
    /// Host and port, for people.
    place: String,
}

impl Target {
    fn parse(url: &str) -> Result<Target, ConnectError> {
        let wrong = |reason| ConnectError::Url {
            url: printable(url.split('?').next().unwrap_or_default()),
            reason,
        };
        if url.contains('#') {
            return Err(wrong(
                "it must not have a # part (a token goes into ?token=)",
            ));
        }
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        let scheme = scheme.to_ascii_lowercase();
        let tls = match scheme.as_str() {
            "wss" => true,
            "ws" => false,
            "http" => return Err(wrong("say ws:// instead of http://")),
            "https" => return Err(wrong("say wss:// instead of https://")),
            _ => return Err(wrong("it must begin with ws:// or wss://")),
        };
        let uri: Uri = format!("{scheme}://{rest}")
            .parse()
            .map_err(|_| wrong("it cannot be read"))?;
        let authority = uri.authority().ok_or(wrong("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("it must not have a user name in it"));
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") if tls => 443,
            Some("") => 80,
            _ => authority.port_u16().unwrap_or(0),
        };
        let place = format!("{}:{port}", authority.host());
        match host.is_empty() || port == 0 {
            true => Err(wrong("it needs a host, and a port from 1 to 65535")),
            false => Ok(Target {
                uri,
                tls,
                host,
                port,
                place,
            }),
        }
    }

    async fn open(&self, trust: &Trust) -> Result<(Wire, Opening), ConnectError> {
        let stream = self.reach().await?;
        let addr = stream
            .peer_addr()
            .map_err(|source| self.unreachable(source))?;
        let (transport, tls) = match self.tls {
            false => (Transport::connected(stream), None),
            true => {
                let (transport, tls) = self.secure(stream, trust).await?;
                (transport, Some(tls))
            }
        };
        let (wire, response) = self.upgrade(transport).await?;
        let opening = Opening {
            addr,
            tls,
            response: lines(&response),
        };
        Ok((wire, opening))
    }

    /// TCP, to the first address of the host that answers: `localhost` has two.
    async fn reach(&self) -> Result<TcpStream, ConnectError> {
        let addresses = lookup_host((self.host.as_str(), self.port)).await;
        let addresses = addresses.map_err(|source| ConnectError::NotFound {
            host: printable(&self.host),
            source,
        })?;
        let mut failed = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in addresses {
            match TcpStream::connect(address).await {
                // Small messages leave at once (no Nagle).
                Ok(stream) => match stream.set_nodelay(true) {
                    Ok(()) => return Ok(stream),
                    Err(error) => failed = error,
                },
                Err(error) => failed = error,
            }
        }
        Err(match failed.kind() {
            io::ErrorKind::ConnectionRefused => ConnectError::Refused {
                place: self.place.clone(),
            },
            _ => self.unreachable(failed),
        })
    }

    fn unreachable(&self, source: io::Error) -> ConnectError {
        let place = self.place.clone();
        ConnectError::Unreachable { place, source }
    }

    /// TLS: the server proves that it is who it says.
    async fn secure(
        &self,
        stream: TcpStream,
        trust: &Trust,
    ) -> Result<(Transport, TlsOpening), ConnectError> {
        let place = || self.place.clone();
        let failed = |error: &dyn fmt::Display| ConnectError::Tls {
            place: place(),
            reason: printable(&error.to_string()),
        };
        let name = ServerName::try_from(self.host.clone()).map_err(|error| failed(&error))?;
        let (config, witness) = trust.client().map_err(|error| failed(&error))?;
        let stream = TlsConnector::from(config).connect(name, stream).await;
        let stream = stream.map_err(|error| {
            match error
                .get_ref()
                .and_then(|error| error.downcast_ref::<TlsError>())
            {
                Some(TlsError::InvalidMessage(_)) => ConnectError::NotTls { place: place() },
                Some(tls) => match witness.distrust(tls, &self.host) {
                    Some(why) => ConnectError::Certificate {
                        place: place(),
                        why,
                        chain: witness.chain(),
                    },
                    None => failed(tls),
                },
                None => failed(&"it hung up, as servers do that speak no TLS there"),
            }
        })?;
        let session = stream.get_ref().1;
        let protocol = session
            .protocol_version()
            .map(|version| format!("{version:?}"));
        let cipher = session
            .negotiated_cipher_suite()
            .map(|suite| format!("{:?}", suite.suite()));
        let opening = TlsOpening {
            chain: witness.chain(),
            protocol: protocol.unwrap_or_default(),
            cipher: cipher.unwrap_or_default(),
        };
        Ok((Transport::Tls(Box::new(stream.into())), opening))
    }

    /// HTTP, the last request of this connection (RFC 6455 section 4.1).
    async fn upgrade(&self, transport: Transport) -> Result<(Wire, Response), ConnectError> {
        let odd = |error: WireError| ConnectError::NotWebSocket {
            place: self.place.clone(),
            reason: printable(&error.to_string()),
        };
        let request = self.uri.clone().into_client_request().map_err(odd)?;
        let opened = Wire::connect(transport, request, MAX_MESSAGE).await;
        opened.map_err(|error| match error {
            WireError::Io(error)
                if error.get_ref().is_some_and(|error| error.is::<SpeaksTls>()) =>
            {
                ConnectError::SpeaksTls {
                    place: self.place.clone(),
                }
            }
            WireError::Http(response) => ConnectError::Http {
                status: response.status().as_u16(),
                reason: why(&response),
            },
            error => odd(error),
        })
    }
}

/// The status line and the headers, as text.
fn lines(response: &Response) -> Vec<String> {
    let headers = response.headers().iter();
    let headers = headers.map(|(name, value)| {
        format!(
            "{name}: {}",
            printable(&String::from_utf8_lossy(value.as_bytes()))
        )
    });
    let status = format!("{:?} {}", response.version(), response.status());
    [status].into_iter().chain(headers).collect()
}

/// What an answer that is not 101 says for itself.
fn why(response: &Response) -> String {
    if let Some(place) = response.headers().get(LOCATION) {
        return printable(&format!(
            "go to {}",
            String::from_utf8_lossy(place.as_bytes())
        ));
    }
    let body = response.body().as_deref().unwrap_or_default();
    let body = String::from_utf8_lossy(body);
    printable(body.lines().next().unwrap_or_default().trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_or_says_what_is_wrong_with_it() {
        let place = |url| Target::parse(url).map(|target| (target.place, target.tls));
        for (url, found) in [
            ("ws://localhost", ("localhost:80", false)),
            ("WSS://Example.com/chat?x=1", ("Example.com:443", true)),
            ("wss://[::1]:8766/", ("[::1]:8766", true)),
        ] {
            assert_eq!(place(url).unwrap(), (found.0.to_owned(), found.1));
        }
        for (url, reason) in [
            ("http://localhost:8765/", "ws:// instead of http://"),
            ("https://localhost:8765/", "wss:// instead of https://"),
            ("localhost:8765", "begin with ws://"),
            ("/ws", "begin with ws://"),
            ("ws://", "cannot be read"),
            ("ws://a b/", "cannot be read"),
            ("ws://host:99999/", "port"),
            ("ws://host:0/", "port"),
            ("ws://user:secret@host/", "user name"),
            ("ws://host/#token=x", "# part"),
        ] {
            let error = place(url).unwrap_err().to_string();
            assert!(error.contains(reason), "{url}: {error}");
        }
    }

    #[test]
    fn an_error_does_not_repeat_the_token_in_an_address() {
        for url in ["http://host/?token=secret", "ws://host/?token=secret#x"] {
            let error = Target::parse(url).map(|_| ()).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
