//! A TCP connection that counts its bytes.
//!
//! The byte budget of a connection (see `meter`) counts the bytes below TLS. Padding and empty
//! TLS records contain no data for the program, but need processor time, so these bytes must
//! count, too.
//!
//! A client with a `ws://` address also checks the first bytes that it receives. If these
//! bytes are a TLS alert, the read fails with [`ConnectError::SpeaksTls`].
//!
//! The number of bytes that the network has accepted shows whether the peer still reads. On
//! Linux, the send buffer grows to 4 MiB, and Linux reports free space only when a third of
//! the buffer is free. So a slow peer would seem to stop for a minute. A limit of 16 KiB for
//! bytes that are not sent yet avoids this delay. Other systems need no limit.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

#[cfg(any(target_os = "android", target_os = "linux"))]
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::error::connect::ConnectError;

/// The maximum number of bytes that wait in the send buffer and are not sent yet.
#[cfg(any(target_os = "android", target_os = "linux"))]
const UNSENT: u32 = 16 * 1024;

/// A TCP connection that counts the bytes it reads and writes.
pub(crate) struct CountedTcp {
    stream: TcpStream,
    received: u32,
    /// The number of bytes that the network has accepted.
    pub(crate) sent: u64,
    /// The error that the first read returns if it finds a TLS alert. Only a client that
    /// expects plain text sets this error. The first read removes the error.
    on_alert: Option<Box<ConnectError>>,
}

impl CountedTcp {
    pub(crate) fn new(stream: TcpStream) -> CountedTcp {
        CountedTcp {
            stream,
            received: 0,
            sent: 0,
            on_alert: None,
        }
    }

    /// Makes a client's connection to the server at `place`. The first read fails with
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

    /// Writes with this function. Waits only if the network is full.
    ///
    /// tokio limits how many reads and writes a task may do in one turn. A client that floods us
    /// uses up this limit by our reads. These writes do not count, so they are still possible then.
    fn poll_write_by(
        &mut self,
        context: &mut Context<'_>,
        write: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            match write(&self.stream) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.stream.poll_write_ready(context))?;
                }
                Err(error) => return Poll::Ready(Err(error)),
                Ok(count) => {
                    self.sent += count as u64;
                    return Poll::Ready(Ok(count));
                }
            }
        }
    }

    pub(crate) fn tcp(&self) -> &TcpStream {
        &self.stream
    }
}

/// Limits the bytes in the send buffer that are not sent yet. Bytes that are sent, but not yet
/// confirmed by the peer, do not count. So the limit does not slow down a fast network.
/// The connections of a listening socket inherit the limit.
#[cfg(any(target_os = "android", target_os = "linux"))]
pub(crate) fn limit_unsent<'s>(socket: impl Into<SockRef<'s>>) {
    // Ignore an error: without this limit, the server still works, but a slow client may seem to
    // stop.
    socket.into().set_tcp_notsent_lowat(UNSENT).ok();
}

/// Other systems need no limit.
#[cfg(not(any(target_os = "android", target_os = "linux")))]
pub(crate) fn limit_unsent<S>(_socket: S) {}

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
        self.poll_write_by(context, |stream| stream.try_write(bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_by(context, |stream| stream.try_write_vectored(bytes))
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
