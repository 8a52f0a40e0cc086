//! Passes bytes on in both directions, each at its own pace.
//!
//! ```text
//! client ──bytes──▶ observer ──the same──▶ server       and the same the other way round
//! ```
//!
//! An observer sees all bytes before they go on, so it never sees an answer before its question.
//!
//! A receiver that does not read stops its own sender and no other. An end is passed on as an
//! end, after all bytes that came before it. A connection that breaks on one side is broken on
//! the other side as well.

use std::{
    io,
    pin::pin,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use zcomm_core::{ByteStream, ConnectError, xray::Direction};

/// The most that one read returns, and that waits in one direction (bytes).
const READ_SIZE: usize = 16 * 1024;
/// The time limit for the first byte of the server's answer.
const ANSWER: Duration = Duration::from_secs(30);
/// The time limit for the other direction when one has ended.
const LAST_BYTES: Duration = Duration::from_secs(60);

/// Passes bytes on until both sides have ended; `first` goes to the server before all others.
/// Calls `observe` with the bytes of each read.
///
/// # Errors
///
/// As for [`Carry`](super::Carry).
pub(crate) async fn relay(
    client: &mut TcpStream,
    mut server: ByteStream,
    first: &[u8],
    observe: impl FnMut(Direction, &[u8]) + Send,
) -> io::Result<()> {
    let late = ConnectError::Timeout {
        place: server.place().to_owned(),
        limit: ANSWER,
    };
    let ended = {
        let observe = &Mutex::new(observe);
        let (client_reads, client_writes) = client.split();
        let (server_reads, server_writes) = tokio::io::split(&mut server);
        let up = Way {
            from: Direction::ClientToServer,
            observe,
            late: None,
        };
        let down = Way {
            from: Direction::ServerToClient,
            observe,
            late: Some(late),
        };
        let up = up.pass(first, client_reads, server_writes);
        pass_both(up, down.pass(&[], server_reads, client_writes)).await
    };
    if ended.is_err() {
        server.reset();
    }
    ended
}

/// Runs both directions until both have ended, or one has failed. When one has ended, the other
/// has [`LAST_BYTES`] to end as well.
pub(crate) async fn pass_both<E>(
    up: impl Future<Output = Result<(), E>>,
    down: impl Future<Output = Result<(), E>>,
) -> Result<(), E> {
    let (mut up, mut down) = (pin!(up), pin!(down));
    tokio::select! {
        ended = &mut up => {
            ended?;
            timeout(LAST_BYTES, down).await.unwrap_or(Ok(()))
        }
        ended = &mut down => {
            ended?;
            timeout(LAST_BYTES, up).await.unwrap_or(Ok(()))
        }
    }
}

/// Turns the error of a TLS stream that ends without `close_notify` into an ordinary end.
pub(crate) fn end_without_close_notify(read: io::Result<usize>) -> io::Result<usize> {
    match read {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
        read => read,
    }
}

/// One direction.
struct Way<'a, F> {
    from: Direction,
    observe: &'a Mutex<F>,
    /// The error if the first byte is late.
    late: Option<ConnectError>,
}

impl<F: FnMut(Direction, &[u8])> Way<'_, F> {
    /// Passes bytes on until the sender ends or the receiver leaves.
    async fn pass(
        mut self,
        first: &[u8],
        mut reader: impl AsyncRead + Unpin,
        mut writer: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let mut buffer = vec![0; READ_SIZE];
        if !self.write(first, &mut writer).await {
            return Ok(());
        }
        loop {
            let read = reader.read(&mut buffer);
            let read = match self.late.take() {
                Some(late) => timeout(ANSWER, read)
                    .await
                    .map_err(|_| io::Error::other(late))?,
                None => read.await,
            };
            let length = end_without_close_notify(read)?;
            if length == 0 {
                // An error means that the receiver has left, and needs no end.
                writer.shutdown().await.ok();
                return Ok(());
            }
            if !self.write(&buffer[..length], &mut writer).await {
                return Ok(());
            }
        }
    }

    /// Passes bytes on; returns `false` if the receiver has left. Its own direction ends the
    /// connection, and may still carry data: a refusal, for a client that goes on sending.
    async fn write(&self, bytes: &[u8], writer: &mut (impl AsyncWrite + Unpin)) -> bool {
        if !bytes.is_empty() {
            let mut observe = self.observe.lock().unwrap_or_else(PoisonError::into_inner);
            observe(self.from, bytes);
        }
        // Without a flush, TLS keeps bytes back.
        writer.write_all(bytes).await.is_ok() && writer.flush().await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{net::TcpListener, time::Instant};
    use zcomm_core::{ConnectOptions, DevelopmentCa, Trust, Upstream};

    /// A client, the proxy's end of it, the proxy's connection to a server, and the server.
    async fn ends() -> (TcpStream, TcpStream, ByteStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let client = TcpStream::connect(addr).await.unwrap();
        let (near, _) = listener.accept().await.unwrap();
        let trust = Trust::only(&DevelopmentCa::new(&[]).unwrap()).unwrap();
        let options = ConnectOptions::new(format!("ws://{addr}/"), &trust);
        let upstream = Upstream::new(options).unwrap();
        let (out, server) = tokio::join!(upstream.connect(), listener.accept());
        (client, near, out.unwrap(), server.unwrap().0)
    }

    #[tokio::test]
    async fn a_server_that_does_not_answer_is_an_error_after_30_seconds() {
        let (_client, mut near, out, _silent) = ends().await;
        tokio::time::pause();
        let error = relay(&mut near, out, b"GET", |_, _| {}).await.unwrap_err();
        let text = error.downcast::<ConnectError>().unwrap().to_string();
        assert!(text.ends_with("did not answer within 30 s"), "{text}");
    }

    #[tokio::test]
    async fn the_other_side_has_a_minute_when_one_has_ended() {
        let (mut client, mut near, out, mut server) = ends().await;
        server.write_all(b"hello").await.unwrap();
        client.shutdown().await.unwrap();
        tokio::time::pause();
        let begun = Instant::now();
        relay(&mut near, out, b"GET", |_, _| {}).await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), LAST_BYTES.as_secs());
    }
}
