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
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::TlsStream;

/// A connection to a peer, encrypted or not.
pub(crate) enum Transport {
    Plain(TcpStream),
    /// Boxed: it is some hundred bytes larger.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Transport {
    fn tcp(&self) -> &TcpStream {
        match self {
            Transport::Plain(stream) => stream,
            Transport::Tls(stream) => stream.get_ref().0,
        }
    }

    /// Whether the network has something for a reader whose last read found nothing. (Then
    /// TLS holds nothing back either, so it is TCP that has to be asked.)
    pub(crate) fn is_readable(&self, context: &mut Context<'_>) -> bool {
        self.tcp().poll_read_ready(context).is_ready()
    }

    /// Whether what came first is an alert of TLS (record type 21, version 3): plain text
    /// was sent to a port that speaks TLS.
    pub(crate) fn is_tls_alert(&self, context: &mut Context<'_>) -> bool {
        let mut first = [0; 2];
        let Transport::Plain(stream) = self else {
            return false;
        };
        let peeked = stream.poll_peek(context, &mut ReadBuf::new(&mut first));
        matches!(peeked, Poll::Ready(Ok(2))) && first == [21, 3]
    }
}

/// The same call on whichever stream it is.
macro_rules! either {
    ($transport:expr, $stream:ident => $call:expr) => {
        match $transport.get_mut() {
            Transport::Plain(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Transport::Tls(stream) => {
                let $stream = Pin::new(stream.as_mut());
                $call
            }
        }
    };
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_read(context, buffer))
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
            Transport::Plain(stream) => stream.is_write_vectored(),
            Transport::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_shutdown(context))
    }
}
