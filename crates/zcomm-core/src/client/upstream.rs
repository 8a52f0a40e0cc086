//! A server whose bytes somebody else speaks: for a proxy, which stands between.
//!
//! The way to a WebSocket is name, TCP, TLS, HTTP. A proxy goes as far as TLS and then passes
//! on what its own client says; and it fails at each step in the same words as a client does.
//!
//! Production proxies keep connections to their servers open; a WebSocket needs one for
//! itself.

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
    wire::{counted_tcp::SpeaksTls, transport::Transport},
};

/// A server to pass bytes on to. Of the options it takes the address, `addresses`, `trust`
/// and `connect_timeout`; what belongs into a handshake is for whoever speaks it.
pub struct Upstream {
    target: Target,
    options: ConnectOptions,
}

impl Upstream {
    /// The server at the address in these options, to which nothing is sent yet.
    ///
    /// # Errors
    /// [`ConnectError::Url`].
    pub fn new(options: ConnectOptions) -> Result<Upstream, ConnectError> {
        let target = Target::parse(&options.url)?;
        Ok(Upstream { target, options })
    }

    /// What the server expects in a `Host` header.
    #[must_use]
    pub fn authority(&self) -> &str {
        let authority = self.target.uri.authority();
        authority.map_or("", |authority| authority.as_str())
    }

    /// The origin of the server's own page. `None` for a host that no browser would name.
    #[must_use]
    pub fn origin(&self) -> Option<Origin> {
        let (scheme, port) = match self.target.tls {
            true => ("https", 443),
            false => ("http", 80),
        };
        let authority = Authority::parse(self.authority(), port)?;
        Some(Origin::Page { scheme, authority })
    }

    /// The path in its address, without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.uri.path()
    }

    /// Host and port, for people.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.target.place
    }

    /// Whether it speaks TLS.
    #[must_use]
    pub fn tls(&self) -> bool {
        self.target.tls
    }

    /// Goes as far as TLS: what is written next is the first byte that the server reads.
    ///
    /// # Errors
    /// [`ConnectError`], and its `Timeout` after `connect_timeout`.
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

/// A connection to a server, with TLS taken off.
pub struct ByteStream {
    transport: Transport,
    place: String,
}

impl ByteStream {
    /// Host and port, for people.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What carries it, for the options that only TCP has.
    #[must_use]
    pub fn tcp(&self) -> &TcpStream {
        self.transport.tcp()
    }

    /// Breaks it off: the server reads "connection reset", and not the end.
    pub fn reset(self) {
        // When this fails it is broken already.
        self.transport.tcp().set_zero_linger().ok();
    }
}

impl AsyncRead for ByteStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.transport).poll_read(context, buffer);
        read.map_err(|error| match SpeaksTls::caused(&error) {
            true => {
                let place = self.place.clone();
                io::Error::other(ConnectError::SpeaksTls { place })
            }
            false => error,
        })
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
