//! From an address to an open WebSocket: name, TCP, TLS, HTTP, and then frames.
//!
//! A client goes the way that a server waits at the end of, and can fail at each step; one
//! time limit holds for all of them together. What was learned on the way is kept as
//! [`Opening`]: who the server is, by whose word, and what it answered.
//!
//! Production keeps a few connections open and uses them again; a WebSocket is one that
//! stays open by itself.

use std::{fmt, io, net::SocketAddr, time::Duration};

use rustls::{Error as TlsError, InvalidMessage, ProtocolVersion, pki_types::ServerName};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::{
    Error as WireError,
    client::IntoClientRequest,
    error::{ProtocolError, SubProtocolError},
    handshake::client::{Request, Response},
    http::{
        HeaderName, HeaderValue,
        header::{AUTHORIZATION, COOKIE, SEC_WEBSOCKET_EXTENSIONS},
    },
};

use crate::{
    client::{
        address::Target,
        opening::{Opening, Secrets, TlsOpening, header_lines, refusal_words, response_lines},
        options::ConnectOptions,
    },
    error::connect::ConnectError,
    text::shown::printable,
    tls::trust::Trust,
    wire::{
        codec::Wire,
        counted_tcp::{CountedTcp, SpeaksTls},
        transport::Transport,
    },
    xray::Direction,
};

/// For one of a host's addresses to answer, before the next is tried.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(3);

/// Goes the whole way to an open connection.
pub(crate) async fn dial(options: &ConnectOptions) -> Result<(Wire, Opening), ConnectError> {
    let target = Target::parse(&options.url)?;
    let opened = target.open(options);
    target.within(options.connect_timeout, opened).await
}

impl Target {
    async fn open(&self, options: &ConnectOptions) -> Result<(Wire, Opening), ConnectError> {
        let request = self.request(options)?;
        let (transport, addr, tls) = self.connect(options).await?;
        let transport = transport.watched(options.xray.as_ref(), addr, Direction::ServerToClient);
        let secrets = Secrets::new(self.uri.query(), options.token.as_deref());
        let asked = self.request_lines(&request, &secrets);
        let (wire, response) = self
            .upgrade(transport, request, options.max_message_bytes, &secrets)
            .await?;
        let opening = Opening {
            addr,
            tls,
            request: asked,
            response: response_lines(&response, &secrets),
        };
        Ok((wire, opening))
    }

    /// As far as TLS.
    pub(crate) async fn connect(
        &self,
        options: &ConnectOptions,
    ) -> Result<(Transport, SocketAddr, Option<TlsOpening>), ConnectError> {
        let stream = self.reach(&options.addresses).await?;
        let addr = stream
            .peer_addr()
            .map_err(|source| self.unreachable(source))?;
        if !self.tls {
            let tcp = CountedTcp::expecting_text(stream);
            return Ok((Transport::Plain(tcp), addr, None));
        }
        let (transport, tls) = self.secure(stream, &options.trust).await?;
        Ok((transport, addr, Some(tls)))
    }

    /// TCP, to the first address of the host that answers: `localhost` has two. A browser
    /// tries several at once (RFC 8305); one after the other is easier to follow.
    async fn reach(&self, known: &[SocketAddr]) -> Result<TcpStream, ConnectError> {
        let addresses = match known {
            [] => self.lookup().await?,
            known => known.to_vec(),
        };
        let mut failed = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in addresses {
            let connecting = timeout(ADDRESS_TIMEOUT, TcpStream::connect(address)).await;
            match connecting.unwrap_or_else(|late| Err(late.into())) {
                // Small messages leave at once (no Nagle).
                Ok(stream) => match stream.set_nodelay(true) {
                    Ok(()) => return Ok(stream),
                    Err(error) => failed = error,
                },
                // That nobody listens says more than that one of two ways is closed.
                Err(_) if failed.kind() == io::ErrorKind::ConnectionRefused => {}
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
        let stream = TlsConnector::from(config)
            .connect(name, CountedTcp::new(stream))
            .await;
        let stream = stream.map_err(|error| {
            match error
                .get_ref()
                .and_then(|error| error.downcast_ref::<TlsError>())
            {
                Some(TlsError::InvalidMessage(InvalidMessage::InvalidContentType)) => {
                    ConnectError::NotTls { place: place() }
                }
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
        let protocol = match session.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
            _ => "TLS 1.2",
        };
        let cipher = session.negotiated_cipher_suite();
        let cipher = cipher.map(|suite| format!("{:?}", suite.suite()));
        let opening = TlsOpening {
            chain: witness.chain(),
            protocol: protocol.to_owned(),
            // rustls marks the suites of TLS 1.3; their registered names do not.
            cipher: cipher.unwrap_or_default().replace("TLS13_", "TLS_"),
        };
        Ok((Transport::Tls(Box::new(stream.into())), opening))
    }

    /// The request that asks for a WebSocket (RFC 6455 section 4.1).
    fn request(&self, options: &ConnectOptions) -> Result<Request, ConnectError> {
        let request = self.uri.clone().into_client_request();
        let mut request = request.map_err(|error| self.odd(&error))?;
        let own = [
            (
                "Authorization",
                options
                    .token
                    .as_ref()
                    .map(|token| format!("Bearer {token}")),
            ),
            ("Origin", options.origin.clone()),
            (
                "Sec-WebSocket-Protocol",
                Some(options.protocols.join(", ")).filter(|list| !list.is_empty()),
            ),
        ];
        let own = own
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        // What the protocol needs once, such as Host, is replaced; anything else may be there
        // several times.
        let needed: Vec<_> = request.headers().keys().cloned().collect();
        for (name, value) in own.chain(options.headers.iter().cloned()) {
            let wrong = || ConnectError::Header {
                name: printable(&name),
            };
            let key = HeaderName::try_from(&name).map_err(|_| wrong())?;
            let mut value = HeaderValue::try_from(value).map_err(|_| wrong())?;
            value.set_sensitive(key == AUTHORIZATION || key == COOKIE);
            if needed.contains(&key) {
                request.headers_mut().insert(key, value);
            } else {
                request.headers_mut().append(key, value);
            }
        }
        Ok(request)
    }

    /// The request as text. The query may carry a token, so only its length is told.
    fn request_lines(&self, request: &Request, secrets: &Secrets) -> Vec<String> {
        let query = self
            .uri
            .query()
            .map(|query| format!("?({} bytes)", query.len()));
        let path = printable(self.uri.path());
        let line = format!("GET {path}{} HTTP/1.1", query.unwrap_or_default());
        [line]
            .into_iter()
            .chain(header_lines(request.headers(), secrets))
            .collect()
    }

    fn odd(&self, error: &WireError) -> ConnectError {
        ConnectError::NotWebSocket {
            place: self.place.clone(),
            reason: printable(&error.to_string()),
        }
    }

    /// HTTP, the last request of this connection.
    async fn upgrade(
        &self,
        transport: Transport,
        request: Request,
        max_message: usize,
        secrets: &Secrets,
    ) -> Result<(Wire, Response), ConnectError> {
        let opened = Wire::connect(transport, request, max_message).await;
        if let Ok((_, response)) = &opened
            && response.headers().contains_key(SEC_WEBSOCKET_EXTENSIONS)
        {
            // RFC 6455 section 4.1: then the connection must fail.
            let reason = "it uses an extension that nobody asked for".into();
            let place = self.place.clone();
            return Err(ConnectError::NotWebSocket { place, reason });
        }
        opened.map_err(|error| match error {
            WireError::Io(error) if SpeaksTls::caused(&error) => ConnectError::SpeaksTls {
                place: self.place.clone(),
            },
            WireError::Http(response) => ConnectError::Http {
                status: response.status().as_u16(),
                reason: refusal_words(&response, secrets),
            },
            // Browsers leave, too: who offers subprotocols wants one of them.
            WireError::Protocol(ProtocolError::SecWebSocketSubProtocolError(
                SubProtocolError::NoSubProtocol,
            )) => ConnectError::Subprotocol {
                place: self.place.clone(),
            },
            error => self.odd(&error),
        })
    }
}
