//! Opens a WebSocket in steps: looks up the name, connects with TCP, then TLS, then HTTP.
//!
//! Each step can fail. One time limit applies to all steps together. An [`Opening`] contains
//! what the client learned: the certificates, the request and the response.

use std::{fmt::Display, io, net::SocketAddr, time::Duration};

use crate::{
    client::{
        address::Target,
        opening::{Opening, Secrets, TlsOpening, request_lines},
        options::ConnectOptions,
        upgrade::{Failed, upgrade},
    },
    error::connect::{ConnectError, Exchange},
    text::shown::printable,
    tls::{trust::Trust, witness::Witness},
    wire::{
        codec::Wire,
        counted_tcp::{CountedTcp, limit_unsent},
        transport::Transport,
    },
    xray::Direction,
};
use rustls::{Error as TlsError, InvalidMessage, pki_types::ServerName};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

/// Time limit for TCP to connect to one address of a host. After this time, the client tries the
/// next address. The last address does not have this limit.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(3);

pub(crate) async fn dial(options: &ConnectOptions) -> Result<(Wire, Opening), ConnectError> {
    let target = Target::parse(&options.url)?;
    let opened = target.open(options);
    target.within(options.connect_timeout, opened).await
}

impl Target {
    async fn open(&self, options: &ConnectOptions) -> Result<(Wire, Opening), ConnectError> {
        let request = self.request(options)?;
        let (transport, addr, tls) = self.connect(options).await?;
        let mut transport =
            transport.watched(options.xray.as_ref(), addr, Direction::ServerToClient);
        let secrets = Secrets::new(self.uri.query(), options.token.as_deref());
        let (request_lines, mut response) = (request_lines(&request, &secrets), Vec::new());
        let upgraded = upgrade(&mut transport, &request, &secrets, &mut response).await;
        match upgraded {
            Ok(early) => {
                let opening = Opening {
                    addr,
                    tls,
                    request: request_lines,
                    response,
                };
                let wire = Wire::client(transport, early, options.max_message_bytes);
                Ok((wire, opening))
            }
            Err(failed) => {
                let request = request_lines;
                Err(self.not_upgraded(failed, Exchange { request, response }))
            }
        }
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

    /// Connects with TCP. A host may have several addresses: `localhost` often has two. The client
    /// uses the first address that answers. A browser tries several addresses at once (RFC 8305).
    /// This client is simpler: it tries the next address only after the previous address has
    /// failed.
    async fn reach(&self, known: &[SocketAddr]) -> Result<TcpStream, ConnectError> {
        let addresses = match known {
            [] => self.lookup().await?,
            known => known.to_vec(),
        };
        let mut failed = io::Error::from(io::ErrorKind::AddrNotAvailable);
        let last = addresses.last().copied();
        for address in addresses {
            // For the last address, only the time limit for all steps applies.
            let limit = match Some(address) == last {
                true => Duration::MAX,
                false => ADDRESS_TIMEOUT,
            };
            let connecting = timeout(limit, TcpStream::connect(address)).await;
            match connecting.unwrap_or_else(|late| Err(late.into())) {
                // Send small messages at once: switch off Nagle's algorithm.
                Ok(stream) => match stream.set_nodelay(true) {
                    Ok(()) => {
                        limit_unsent(&stream);
                        return Ok(stream);
                    }
                    Err(error) => failed = error,
                },
                // Keep the error "connection refused", because it helps a user more than other
                // errors.
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
        let (config, witness) = trust.client()?;
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

    /// Explains why the handshake did not open a WebSocket.
    fn not_upgraded(&self, failed: Failed, exchange: Exchange) -> ConnectError {
        let (place, exchange) = (self.place.clone(), Box::new(exchange));
        let reason = match failed {
            Failed::Refused { status, reason } => {
                return ConnectError::Http {
                    status,
                    reason,
                    exchange,
                };
            }
            Failed::NeedsTls => return ConnectError::SpeaksTls { place },
            Failed::Subprotocol => return ConnectError::Subprotocol { place, exchange },
            Failed::Rule(rule) => rule.to_owned(),
            Failed::Connection(error) => match error.downcast() {
                Ok(speaks_tls) => return speaks_tls,
                Err(error) => error.to_string(),
            },
        };
        ConnectError::NotWebSocket {
            place,
            reason: printable(&reason),
            exchange,
        }
    }
}
