//! A TCP connection that counts the bytes it receives.
//!
//! The byte budget of a connection (see `meter`) counts the bytes below TLS, because padding
//! and empty TLS records cost time but contain no text.
//!
//! A client with a `ws://` address also checks the first bytes that it receives. If they are a
//! TLS alert, the read fails with [`ConnectError::SpeaksTls`].

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::error::connect::ConnectError;

/// A TCP connection that counts the bytes it reads.
pub(crate) struct CountedTcp {
    stream: TcpStream,
    received: u32,
    /// The error that the first read returns if it finds a TLS alert. Only a client that
    /// expects plain text sets this error. The first read removes the error.
    on_alert: Option<Box<ConnectError>>,
}

impl CountedTcp {
    pub(crate) fn new(stream: TcpStream) -> CountedTcp {
        CountedTcp {
            stream,
            received: 0,
            on_alert: None,
        }
    }

    /// A client's connection to the server at `place`. The first read fails with
    /// [`ConnectError::SpeaksTls`] when it finds a TLS alert.
    pub(crate) fn expecting_text(stream: TcpStream, place: String) -> CountedTcp {
        CountedTcp {
            on_alert: Some(Box::new(ConnectError::SpeaksTls { place })),
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
        // A TLS record starts with its type and version: 21 is an alert, 3 is the major version
        // (RFC 8446 section 5.1).
        match self.on_alert.take() {
            Some(error) if read.starts_with(&[21, 3]) => Poll::Ready(Err(io::Error::other(*error))),
            _ => Poll::Ready(Ok(())),
        }
    }
}

/// Supports vectored writes, which send several buffers with one call. TLS uses them to write
/// several records at once.
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
