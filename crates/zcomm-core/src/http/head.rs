//! The stream from which hyper, the HTTP library, reads the head of a request.
//!
//! If hyper cannot read a head, hyper answers with a status and no text. A person who sees this
//! empty answer does not know what to change. So until hyper has read a request, this stream drops
//! every answer of hyper. Then the server writes its own answer.
//!
//! The stream also stores the start of the head. If hyper cannot read the head, the server finds
//! two facts in the start: the protocol of the client, and the value of `?attempt=`.
//!
//! If a page of this machine may watch the connection, the stream also stores the response. So
//! the page sees the whole handshake, although the X-ray begins only after the handshake.

use std::{
    io,
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::wire::transport::{Handshake, Transport};

/// The maximum size of the first line (bytes): the longest allowed address fits.
const FIRST_LINE: usize = 4096 + 64;

/// What is known about the request of a connection.
#[derive(Default)]
pub(crate) struct Progress {
    /// Whether hyper has read a request.
    pub(crate) has_request: AtomicBool,
    /// Whether to store the response.
    pub(crate) is_watched: AtomicBool,
}

/// A connection whose request is not read yet.
pub(crate) struct HeadStream<'a> {
    stream: Transport,
    stored: Handshake,
    /// The maximum size of the stored start (bytes).
    kept: usize,
    progress: &'a Progress,
}

impl<'a> HeadStream<'a> {
    /// Makes a stream that stores `kept` bytes of the head, and always the first line.
    pub(crate) fn new(stream: Transport, kept: usize, progress: &'a Progress) -> HeadStream<'a> {
        HeadStream {
            stream,
            stored: Handshake::default(),
            kept: kept.max(FIRST_LINE),
            progress,
        }
    }

    /// The connection, and the stored bytes: the start of the head, and perhaps the response.
    pub(crate) fn into_parts(self) -> (Transport, Handshake) {
        (self.stream, self.stored)
    }
}

impl AsyncRead for HeadStream<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let read = &buffer.filled()[before..];
        let space = self.kept - self.stored.request.len();
        self.stored
            .request
            .extend_from_slice(&read[..read.len().min(space)]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for HeadStream<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.progress.has_request.load(Relaxed) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        if self.progress.is_watched.load(Relaxed) {
            self.stored.response.extend_from_slice(&bytes[..written]);
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
