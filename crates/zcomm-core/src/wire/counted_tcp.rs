//! TCP, with a count of the bytes that came in.
//!
//! A byte budget counts here, below TLS: padding and empty TLS records cost time too, and
//! never become text. A client that expects plain text also checks the first bytes: a TLS
//! alert in their place is the error [`SpeaksTls`].

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// A TCP connection that counts the bytes it reads.
pub(crate) struct CountedTcp {
    stream: TcpStream,
    received: u32,
    /// True until the first read of a client that expects plain text.
    expects_text: bool,
}

/// A client connected with plain text to a port that speaks TLS.
#[derive(Debug, thiserror::Error)]
#[error("the server sent a TLS alert instead of text")]
pub(crate) struct SpeaksTls;

impl SpeaksTls {
    /// Whether an error of a read is this one.
    pub(crate) fn caused(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|inner| inner.is::<SpeaksTls>())
    }
}

impl CountedTcp {
    pub(crate) fn new(stream: TcpStream) -> CountedTcp {
        CountedTcp {
            stream,
            received: 0,
            expects_text: false,
        }
    }

    /// Like [`new`](CountedTcp::new), for a client: the first read fails with [`SpeaksTls`]
    /// when it finds a TLS alert.
    pub(crate) fn expecting_text(stream: TcpStream) -> CountedTcp {
        CountedTcp {
            expects_text: true,
            ..CountedTcp::new(stream)
        }
    }

    /// Returns the number of bytes received since the last call.
    pub(crate) fn drain_received(&mut self) -> u32 {
        std::mem::take(&mut self.received)
    }

    pub(crate) fn tcp(&self) -> &TcpStream {
        &self.stream
    }
}

impl AsyncRead for CountedTcp {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let read = &buffer.filled()[before..];
        let count = u32::try_from(read.len()).unwrap_or(u32::MAX);
        self.received = self.received.saturating_add(count);
        // RFC 8446 section 5.1: a record of type alert (21), version 3.
        if std::mem::take(&mut self.expects_text) && read.starts_with(&[21, 3]) {
            return Poll::Ready(Err(io::Error::other(SpeaksTls)));
        }
        Poll::Ready(Ok(()))
    }
}

/// Vectored writes matter to TLS, which hands over several records at a time.
impl AsyncWrite for CountedTcp {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
