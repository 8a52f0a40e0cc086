//! Opens a WebSocket in steps: looks up the name, connects with TCP, then TLS, then HTTP.
//!
//! Each step can fail. One time limit applies to all steps together. An [`Opening`] contains
//! what the client learned: the certificates, the request and the response.

use std::{fmt::Display, io, net::SocketAddr, time::Duration};

use rustls::{Error as TlsError, InvalidMessage, pki_types::ServerName};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::{
    Error as WireError,
    client::IntoClientRequest,
    error::{ProtocolError, SubProtocolError},
    handshake::client::Request,
    http::{
        HeaderName, HeaderValue,
        header::{AUTHORIZATION, COOKIE, SEC_WEBSOCKET_EXTENSIONS},
    },
};

use crate::{
    client::{
        address::Target,
        opening::{Opening, Secrets, TlsOpening, refusal_reason, request_lines, response_lines},
        options::ConnectOptions,
    },
    error::connect::ConnectError,
    text::shown::printable,
    tls::trust::{Trust, Witness},
    wire::{codec::Wire, counted_tcp::CountedTcp, transport::Transport},
    xray::Direction,
};

/// Time limit for TCP to connect to one address of a host. After this time, the client tries the
/// next address.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(3);

/// Opens a WebSocket with these options.
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
        let request_lines = request_lines(&request, &secrets);
        let opened = Wire::connect(transport, request, options.max_message_bytes).await;
        let (wire, response) = opened.map_err(|error| self.not_upgraded(error, &secrets))?;
        if response.headers().contains_key(SEC_WEBSOCKET_EXTENSIONS) {
            // RFC 6455 section 4.1: the client must end the connection, because it offers no
            // extension.
            return Err(self.not_websocket(&"it uses an extension that the client did not offer"));
        }
        let opening = Opening {
            addr,
            tls,
            request: request_lines,
            response: response_lines(&response, &secrets),
        };
        Ok((wire, opening))
    }

    /// Connects with TCP, and with TLS for `wss://`.
    pub(crate) async fn connect(
        &self,
        options: &ConnectOptions,
    ) -> Result<(Transport, SocketAddr, Option<TlsOpening>), ConnectError> {
        let stream = self.reach(&options.addresses).await?;
        let addr = stream
            .peer_addr()
            .map_err(|source| self.unreachable(source))?;
        if !self.tls {
            let tcp = CountedTcp::expecting_text(stream, self.place.clone());
            return Ok((Transport::Plain(tcp), addr, None));
        }
        let (transport, tls) = self.secure(stream, &options.trust).await?;
        Ok((transport, addr, Some(tls)))
    }

    /// Connects with TCP to the first address of the host that answers. A host may have several
    /// addresses: `localhost` has two. A browser tries several addresses at once (RFC 8305).
    /// This client tries one after the other, which is easier to explain.
    async fn reach(&self, known: &[SocketAddr]) -> Result<TcpStream, ConnectError> {
        let addresses = match known {
            [] => self.lookup().await?,
            known => known.to_vec(),
        };
        let mut failed = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in addresses {
            let connecting = timeout(ADDRESS_TIMEOUT, TcpStream::connect(address)).await;
            match connecting.unwrap_or_else(|late| Err(late.into())) {
                // Send small messages at once: switch off Nagle's algorithm.
                Ok(stream) => match stream.set_nodelay(true) {
                    Ok(()) => return Ok(stream),
                    Err(error) => failed = error,
                },
                // Keep "connection refused", because it helps more than the error of another
                // address.
                Err(_) if failed.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(error) => failed = error,
            }
        }
        let place = self.place.clone();
        Err(match failed.kind() {
            io::ErrorKind::ConnectionRefused => ConnectError::Refused { place },
            _ => self.unreachable(failed),
        })
    }

    fn unreachable(&self, source: io::Error) -> ConnectError {
        let place = self.place.clone();
        ConnectError::Unreachable { place, source }
    }

    /// Does the TLS handshake, in which the server proves its identity.
    async fn secure(
        &self,
        stream: TcpStream,
        trust: &Trust,
    ) -> Result<(Transport, TlsOpening), ConnectError> {
        let name = ServerName::try_from(self.host.clone());
        let name = name.map_err(|error| self.tls_failed(&error))?;
        let (config, witness) = trust.client().map_err(|error| self.tls_failed(&error))?;
        let stream = TlsConnector::from(config)
            .connect(name, CountedTcp::new(stream))
            .await
            .map_err(|error| self.not_secure(&error, &witness))?;
        let opening = TlsOpening::new(witness.chain(), stream.get_ref().1);
        Ok((Transport::Tls(Box::new(stream.into())), opening))
    }

    /// Explains an error of the TLS handshake.
    fn not_secure(&self, error: &io::Error, witness: &Witness) -> ConnectError {
        let place = self.place.clone();
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        let Some(error) = inner else {
            return self.tls_failed(&"the server closed it, as a server without TLS does");
        };
        if let TlsError::InvalidMessage(InvalidMessage::InvalidContentType) = error {
            return ConnectError::NotTls { place };
        }
        match witness.distrust(error, &self.host) {
            Some(why) => ConnectError::Certificate {
                place,
                why,
                chain: witness.chain(),
            },
            None => self.tls_failed(error),
        }
    }

    fn tls_failed(&self, reason: &dyn Display) -> ConnectError {
        ConnectError::Tls {
            place: self.place.clone(),
            reason: printable(&reason.to_string()),
        }
    }

    /// Makes the request for a WebSocket (RFC 6455 section 4.1).
    fn request(&self, options: &ConnectOptions) -> Result<Request, ConnectError> {
        let request = self.uri.clone().into_client_request();
        let mut request = request.map_err(|error| self.not_websocket(&error))?;
        let token = options.token.as_ref();
        let token = token.map(|token| ("Authorization", format!("Bearer {token}")));
        let origin = options.origin.clone().map(|origin| ("Origin", origin));
        let protocols = (!options.protocols.is_empty())
            .then(|| ("Sec-WebSocket-Protocol", options.protocols.join(", ")));
        let own = [token, origin, protocols].into_iter().flatten();
        let own = own.map(|(name, value)| (name.to_owned(), value));
        // A header that the handshake needs exactly once, such as `Host`, is replaced. Any other
        // header may appear several times.
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

    /// Explains an error of the opening handshake.
    fn not_upgraded(&self, error: WireError, secrets: &Secrets) -> ConnectError {
        let place = self.place.clone();
        match error {
            WireError::Io(error) => match error.downcast() {
                Ok(speaks_tls) => speaks_tls,
                Err(error) => self.not_websocket(&WireError::Io(error)),
            },
            WireError::Http(response) => ConnectError::Http {
                status: response.status().as_u16(),
                reason: refusal_reason(&response, secrets),
            },
            // This is an error in browsers too: if the client offers subprotocols, the server
            // must choose one of them.
            WireError::Protocol(ProtocolError::SecWebSocketSubProtocolError(
                SubProtocolError::NoSubProtocol,
            )) => ConnectError::Subprotocol { place },
            error => self.not_websocket(&error),
        }
    }

    fn not_websocket(&self, reason: &dyn Display) -> ConnectError {
        ConnectError::NotWebSocket {
            place: self.place.clone(),
            reason: printable(&reason.to_string()),
        }
    }
}
