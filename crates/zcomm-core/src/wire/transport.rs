//! The stream of bytes below a WebSocket: TCP, or TLS over TCP.
//!
//! The code above this file uses one type, [`Transport`], for TCP and for TLS. So a server with
//! `wss://` is the same server with one more layer. Every limit and rule applies to `ws://` and
//! to `wss://`. With TLS, the page and `/why` use `https://` at the same port.

use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::TlsStream;

use crate::{
    wire::counted_tcp::CountedTcp,
    xray::{Direction, Tap, Xray, tap::Watcher},
};

/// The error if TCP ends before TLS ends, e.g. because the peer's process was killed.
const NO_CLOSE_NOTIFY: &str = "the other side ended TCP without the close_notify of TLS";

/// A connection to a peer, encrypted or not.
pub(crate) enum Transport {
    Plain(CountedTcp),
    /// Boxed, because a TLS stream is much larger than `Plain`.
    Tls(Box<TlsStream<CountedTcp>>),
    /// `Plain` or `Tls`, with an X-ray above it. Boxed, so that a connection without an X-ray
    /// needs less memory.
    Watched(Box<Watched>),
}

/// A connection with an X-ray, which shows all bytes that this side reads and writes.
pub(crate) struct Watched {
    transport: Transport,
    tap: Tap,
    /// The direction of the bytes that this side reads.
    reads: Direction,
}

/// The bytes of a handshake. Empty if no page may see them.
#[derive(Default)]
pub(crate) struct Handshake {
    pub(crate) request: Vec<u8>,
    pub(crate) response: Vec<u8>,
}

/// A layer that reads and writes: TCP, TLS or an X-ray.
trait Layer: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Layer for S {}

impl Transport {
    /// Adds an X-ray, if `xray` is set. `reads` is the direction of the bytes that this side
    /// reads.
    pub(crate) fn watched(
        self,
        xray: Option<&Xray>,
        peer: SocketAddr,
        reads: Direction,
    ) -> Transport {
        let Some(xray) = xray else { return self };
        let tls = self.is_tls();
        let tap = match reads {
            Direction::ClientToServer => xray.tap_for_page(peer, tls),
            Direction::ServerToClient => xray.tap(Some(peer), tls),
        };
        Transport::Watched(Box::new(Watched {
            transport: self,
            tap,
            reads,
        }))
    }

    /// Adds an X-ray for one page, after the handshake. Shows the page the bytes of the handshake
    /// first.
    pub(crate) fn watched_by(
        self,
        page: Watcher,
        xray: &Xray,
        peer: SocketAddr,
        handshake: &Handshake,
    ) -> Transport {
        let reads = Direction::ClientToServer;
        let mut watched = self.watched(Some(xray), peer, reads);
        watched.show_to(Some(page));
        if let Transport::Watched(inner) = &mut watched {
            inner.tap.passed(reads, &handshake.request);
            inner
                .tap
                .passed(Direction::ServerToClient, &handshake.response);
        }
        watched
    }

    /// Sets the page that watches this connection, if there is an X-ray; see [`Tap::show_to`].
    pub(crate) fn show_to(&mut self, page: Option<Watcher>) {
        if let Transport::Watched(watched) = self {
            watched.tap.show_to(page);
        }
    }

    pub(crate) fn unwatched(self) -> Transport {
        match self {
            Transport::Watched(watched) => {
                watched.tap.leave();
                watched.transport
            }
            transport => transport,
        }
    }

    fn counted(&self) -> &CountedTcp {
        match self {
            Transport::Plain(tcp) => tcp,
            Transport::Tls(tls) => tls.get_ref().0,
            Transport::Watched(watched) => watched.transport.counted(),
        }
    }

    pub(crate) fn is_tls(&self) -> bool {
        match self {
            Transport::Plain(_) => false,
            Transport::Tls(_) => true,
            Transport::Watched(watched) => watched.transport.is_tls(),
        }
    }

    /// Returns the number of bytes that came from the network since the last call. TLS and
    /// HTTP handshakes count too.
    pub(crate) fn drain_received(&mut self) -> u32 {
        match self {
            Transport::Plain(tcp) => tcp.drain_received(),
            Transport::Tls(tls) => tls.get_mut().0.drain_received(),
            Transport::Watched(watched) => watched.transport.drain_received(),
        }
    }

    /// The number of bytes that the network has accepted, including the bytes that TLS adds.
    pub(crate) fn sent(&self) -> u64 {
        self.counted().sent
    }

    pub(crate) fn tcp(&self) -> &TcpStream {
        self.counted().tcp()
    }

    /// The outermost layer. It passes each call on to the layer below.
    fn outermost(self: Pin<&mut Self>) -> Pin<&mut dyn Layer> {
        Pin::new(match self.get_mut() {
            Transport::Plain(tcp) => tcp,
            Transport::Tls(tls) => tls.as_mut(),
            Transport::Watched(watched) => watched.as_mut(),
        })
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = self.outermost().poll_read(context, buffer);
        read.map_err(|error| match error.kind() {
            // The text of rustls contains a link to its documentation, so replace the text.
            ErrorKind::UnexpectedEof => io::Error::new(error.kind(), NO_CLOSE_NOTIFY),
            _ => error,
        })
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.outermost().poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outermost().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outermost().poll_shutdown(context)
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.transport).poll_read(context, buffer);
        let reads = self.reads;
        self.tap.passed(reads, &buffer.filled()[before..]);
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.transport).poll_write(context, bytes);
        if let Poll::Ready(Ok(count)) = written {
            let writes = match self.reads {
                Direction::ClientToServer => Direction::ServerToClient,
                Direction::ServerToClient => Direction::ClientToServer,
            };
            self.tap.passed(writes, &bytes[..count]);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A transport without the variant for an X-ray.
    #[allow(dead_code, reason = "only its size counts")]
    enum Unwatched {
        Plain(CountedTcp),
        Tls(Box<TlsStream<CountedTcp>>),
    }

    #[test]
    fn an_xray_that_is_off_takes_no_memory() {
        assert_eq!(size_of::<Transport>(), size_of::<Unwatched>());
    }
}
