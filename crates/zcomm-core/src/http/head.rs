//! The stream from which hyper, the HTTP library, reads the head of a request.
//!
//! If hyper cannot read a head, hyper answers with a status and no text. A person who sees this
//! empty answer does not know what to change. So until hyper has read a request, this stream drops
//! every answer of hyper. Then the server writes its own answer.
//!
//! The stream also stores the start of the head. If hyper cannot read the head, the server finds
//! two facts in the start: the protocol of the client, and the value of `?attempt=`.

use std::{
    io,
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::wire::transport::Transport;

/// The maximum size of the stored start (bytes): the first line of a request with the longest
/// allowed address fits.
const KEPT: usize = 4096 + 64;

/// A connection whose request is not read yet.
pub(crate) struct HeadStream<'a> {
    stream: Transport,
    start: Vec<u8>,
    /// Whether hyper has read a request.
    has_request: &'a AtomicBool,
}

impl<'a> HeadStream<'a> {
    pub(crate) fn new(stream: Transport, has_request: &'a AtomicBool) -> HeadStream<'a> {
        HeadStream {
            stream,
            start: Vec::new(),
            has_request,
        }
    }

    /// The connection, and the stored start of the head.
    pub(crate) fn into_parts(self) -> (Transport, Vec<u8>) {
        (self.stream, self.start)
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
        let space = KEPT - self.start.len();
        self.start.extend_from_slice(&read[..read.len().min(space)]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for HeadStream<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.has_request.load(Relaxed) {
            true => Pin::new(&mut self.stream).poll_write(context, bytes),
            false => Poll::Ready(Ok(bytes.len())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
