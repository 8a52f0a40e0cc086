//! A proxy's connection to a server: TCP and TLS, without a WebSocket handshake.
//!
//! A client opens a WebSocket in four steps: it looks up the name, connects with TCP, adds TLS,
//! and sends an HTTP request. A proxy does only the first three steps. Then the proxy forwards
//! bytes between its own client and the server.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::{
    access::origin::{Authority, Origin},
    client::{address::Target, options::ConnectOptions},
    error::connect::ConnectError,
    wire::transport::Transport,
};

/// A server to which a proxy forwards bytes. The proxy uses only the options `url`, `addresses`,
/// `trust` and `connect_timeout`.
pub struct Upstream {
    target: Target,
    options: ConnectOptions,
}

impl Upstream {
    /// The server at the address in these options. This call does not connect yet.
    ///
    /// # Errors
    /// [`ConnectError::Url`] for a wrong address.
    pub fn new(options: ConnectOptions) -> Result<Upstream, ConnectError> {
        let target = Target::parse(&options.url)?;
        Ok(Upstream { target, options })
    }

    /// The value for a `Host` header: the host, and the port unless it is the default port.
    #[must_use]
    pub fn authority(&self) -> &str {
        let authority = self.target.uri.authority();
        authority.map_or("", |authority| authority.as_str())
    }

    /// The origin of the server's own page; `None` for a host name that no browser would use.
    #[must_use]
    pub fn origin(&self) -> Option<Origin> {
        let (scheme, port) = match self.target.tls {
            true => ("https", 443),
            false => ("http", 80),
        };
        let authority = Authority::parse(self.authority(), port)?;
        Some(Origin::Page { scheme, authority })
    }

    /// The path of the address, without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.uri.path()
    }

    /// The path and the query, for the first line of a request. The query may contain a token.
    #[must_use]
    pub fn target(&self) -> &str {
        let target = self.target.uri.path_and_query();
        target.map_or("/", |target| target.as_str())
    }

    /// Host and port, to show in messages.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.target.place
    }

    /// Whether the address is `wss://`.
    #[must_use]
    pub fn tls(&self) -> bool {
        self.target.tls
    }

    /// Connects with TCP, and with TLS for `wss://`. The caller then writes the request itself.
    ///
    /// # Errors
    /// [`ConnectError`] for the step that failed; [`ConnectError::Timeout`] after
    /// `connect_timeout`.
    pub async fn connect(&self) -> Result<ByteStream, ConnectError> {
        let limit = self.options.connect_timeout;
        let connected = self.target.connect(&self.options);
        let (transport, ..) = self.target.within(limit, connected).await?;
        Ok(ByteStream {
            transport,
            place: self.target.place.clone(),
        })
    }
}

/// A connection to a server. With TLS, a read decrypts the bytes and a write encrypts them.
pub struct ByteStream {
    transport: Transport,
    place: String,
}

impl ByteStream {
    /// Host and port, to show in messages.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The TCP connection below TLS, to set its options.
    #[must_use]
    pub fn tcp(&self) -> &TcpStream {
        self.transport.tcp()
    }

    /// Ends the connection with a TCP reset: the server reads "connection reset", not a normal
    /// end.
    pub fn reset(self) {
        // If this fails, the connection is broken already.
        self.transport.tcp().set_zero_linger().ok();
    }
}

impl AsyncRead for ByteStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_read(context, buffer)
    }
}

impl AsyncWrite for ByteStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.transport).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_shutdown(context)
    }
}
