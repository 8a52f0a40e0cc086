//! Passes bytes on in both directions. One direction does not wait for the other.
//!
//! ```text
//! client ──bytes──▶ observer ──bytes──▶ server
//! client ◀──bytes── observer ◀──bytes── server
//! ```
//!
//! The observer receives bytes before the proxy sends them. So the observer always receives a
//! request before the response.
//!
//! If a receiver does not read, only the sender of this direction has to wait.
//!
//! If one side closes its stream, the proxy first sends all earlier bytes to the other side.
//! Then the proxy closes its own stream to the other side. If one connection breaks, the proxy
//! resets the connection to the other side.

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

/// The size of the buffer for one direction (bytes). A read returns at most this number of
/// bytes.
const READ_SIZE: usize = 16 * 1024;
/// The time limit for the first byte of the server's answer.
const ANSWER: Duration = Duration::from_secs(30);
/// The time limit for one direction after the other direction has ended.
const LAST_BYTES: Duration = Duration::from_secs(60);

/// Passes bytes on until both sides have ended. The server gets the bytes in `first` before all
/// other bytes. Calls `observe` with the bytes of each read.
///
/// # Errors
///
/// Fails if a connection breaks, or if the server does not answer. If the server does not
/// answer, the error contains a [`ConnectError`].
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

/// Runs both directions until both have ended, or one has failed. When one direction has ended,
/// the other direction must end within [`LAST_BYTES`].
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

/// Changes the error of a TLS stream that ends without `close_notify` into a normal end.
pub(crate) fn end_without_close_notify(read: io::Result<usize>) -> io::Result<usize> {
    match read {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
        read => read,
    }
}

/// One direction of a connection.
struct Way<'a, F> {
    from: Direction,
    observe: &'a Mutex<F>,
    /// The error to return if the first byte arrives too late.
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
                // An error means that the receiver has left already.
                writer.shutdown().await.ok();
                return Ok(());
            }
            if !self.write(&buffer[..length], &mut writer).await {
                return Ok(());
            }
        }
    }

    /// Passes bytes on. Returns `false` if the receiver accepts no more bytes. Then the
    /// connection stays open, because the receiver may still send bytes, such as a refusal.
    async fn write(&self, bytes: &[u8], writer: &mut (impl AsyncWrite + Unpin)) -> bool {
        if !bytes.is_empty() {
            let mut observe = self.observe.lock().unwrap_or_else(PoisonError::into_inner);
            observe(self.from, bytes);
        }
        // Without a flush, TLS may keep bytes in a buffer.
        writer.write_all(bytes).await.is_ok() && writer.flush().await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{net::TcpListener, time::Instant};
    use zcomm_core::{ConnectOptions, DevelopmentCa, Trust, Upstream};

    /// Returns four sockets: the client's socket, the proxy's socket to the client, the
    /// proxy's socket to the server, and the server's socket.
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
