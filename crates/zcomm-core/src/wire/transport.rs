//! What carries the bytes: TCP, or TLS over TCP.
//!
//! Everything above sees one kind of stream. So `wss://` is the same server with one layer
//! more, the page and `/why` come over `https://` at the same port, and no limit or rule
//! can be forgotten for one of the two.
//!
//! Production adds the PROXY protocol here, so that a load balancer can say who the client
//! is.

use std::{
    io,
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

/// A connection to a peer, encrypted or not.
pub(crate) enum Transport {
    Plain {
        stream: TcpStream,
        /// The first bytes are awaited, and shall be text: an alert of TLS in their place
        /// is the error [`SpeaksTls`].
        expects_text: bool,
    },
    /// Boxed: it is some hundred bytes larger.
    Tls(Box<TlsStream<CountedTcp>>),
    /// Either of them, with an X-ray above it. One kind more costs a connection without it
    /// nothing: no byte, and no question that was not asked before.
    Watched(Box<Watched>),
}

/// A connection whose bytes are shown as they pass.
pub(crate) struct Watched {
    transport: Transport,
    tap: Tap,
    /// Who sends what we read, and what we write.
    reads: Direction,
    writes: Direction,
}

/// What reading costs.
pub(crate) trait Cost {
    /// The bytes that came from the network for so many that were read; asked once after
    /// each read, also after one that found nothing.
    fn cost(&mut self, read: usize) -> usize {
        read
    }
}

impl Cost for Transport {
    fn cost(&mut self, read: usize) -> usize {
        match self {
            Transport::Plain { .. } => read,
            Transport::Tls(stream) => stream.get_mut().0.take_received(),
            Transport::Watched(watched) => watched.transport.cost(read),
        }
    }
}

/// Plain text was sent to a port that speaks TLS.
#[derive(Debug, thiserror::Error)]
#[error("an alert of TLS came instead of text")]
pub(crate) struct SpeaksTls;

impl Transport {
    /// A connection that is not encrypted, from the server's side.
    pub(crate) fn accepted(stream: TcpStream) -> Transport {
        let expects_text = false;
        Transport::Plain {
            stream,
            expects_text,
        }
    }

    /// The same from the client's side.
    pub(crate) fn connected(stream: TcpStream) -> Transport {
        let expects_text = true;
        Transport::Plain {
            stream,
            expects_text,
        }
    }

    /// The same, with everything shown that passes; `reads` is who sends what we read.
    pub(crate) fn watched(
        self,
        xray: Option<&Xray>,
        peer: SocketAddr,
        reads: Direction,
    ) -> Transport {
        let Some(xray) = xray else { return self };
        let writes = match reads {
            Direction::ClientToServer => Direction::ServerToClient,
            Direction::ServerToClient => Direction::ClientToServer,
        };
        let tls = matches!(self, Transport::Tls(_));
        let tap = match reads {
            Direction::ClientToServer => xray.tap_for_page(peer, tls),
            Direction::ServerToClient => xray.tap(Some(peer), tls),
        };
        Transport::Watched(Box::new(Watched {
            transport: self,
            tap,
            reads,
            writes,
        }))
    }

    /// Who wants to see it, where it is watched; see [`Tap::show_to`].
    pub(crate) fn show_to(&mut self, page: Option<Watcher>) {
        if let Transport::Watched(watched) = self {
            watched.tap.show_to(page);
        }
    }

    /// The same, from here on watched by nobody.
    pub(crate) fn unwatched(self) -> Transport {
        match self {
            Transport::Watched(watched) => {
                watched.tap.leave();
                watched.transport
            }
            transport => transport,
        }
    }

    pub(crate) fn tcp(&self) -> &TcpStream {
        match self {
            Transport::Plain { stream, .. } => stream,
            Transport::Tls(stream) => stream.get_ref().0.tcp(),
            Transport::Watched(watched) => watched.transport.tcp(),
        }
    }

    /// Whether the network has something for a reader whose last read found nothing. (Then
    /// TLS holds nothing back either, so it is TCP that has to be asked.)
    pub(crate) fn is_readable(&self, context: &mut Context<'_>) -> bool {
        self.tcp().poll_read_ready(context).is_ready()
    }
}

/// The same call on whichever stream it is.
macro_rules! either {
    ($transport:expr, $stream:ident => $call:expr) => {
        match $transport.get_mut() {
            Transport::Plain { stream, .. } => {
                let $stream = Pin::new(stream);
                $call
            }
            Transport::Tls(stream) => {
                let $stream = Pin::new(stream.as_mut());
                $call
            }
            Transport::Watched(stream) => {
                let $stream = Pin::new(stream.as_mut());
                $call
            }
        }
    };
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
        if let Poll::Ready(Ok(taken)) = written {
            let writes = self.writes;
            self.tap.passed(writes, &bytes[..taken]);
        }
        written
    }

    /// Only the first piece: what is taken can then be shown without putting pieces together.
    fn is_write_vectored(&self) -> bool {
        false
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_shutdown(context)
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = either!(self.as_mut(), stream => stream.poll_read(context, buffer));
        if let Transport::Plain { expects_text, .. } = self.get_mut()
            && *expects_text
            && matches!(read, Poll::Ready(Ok(())))
        {
            *expects_text = false;
            // RFC 8446 section 5.1: a record of type alert (21), version 3.
            if buffer.filled().starts_with(&[21, 3]) {
                return Poll::Ready(Err(io::Error::other(SpeaksTls)));
            }
        }
        read
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => stream.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => stream.poll_write_vectored(context, bytes))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Transport::Plain { stream, .. } => stream.is_write_vectored(),
            Transport::Tls(stream) => stream.is_write_vectored(),
            Transport::Watched(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_shutdown(context))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the transport is without an X-ray.
    #[allow(dead_code, reason = "only its size counts")]
    enum Unwatched {
        Plain {
            stream: TcpStream,
            expects_text: bool,
        },
        Tls(Box<TlsStream<CountedTcp>>),
    }

    #[test]
    fn an_xray_that_is_off_takes_no_memory() {
        assert_eq!(size_of::<Transport>(), size_of::<Unwatched>());
    }
}
