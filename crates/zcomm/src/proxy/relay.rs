//! Both directions of one connection, each passed on at its own pace.
//!
//! ```text
//! client ──bytes──▶ Between ──the same──▶ server       and the same the other way round
//! ```
//!
//! Something stands [`Between`] the two and is shown all that comes, before it goes on: so an
//! answer is never seen before its question.
//!
//! A receiver that does not read stops its sender, and nobody else. An end is passed on as an
//! end, behind all that came before it; a connection that breaks is broken on the other side,
//! too.
//!
//! Production does this in the kernel (`splice`), where nobody can look at it.

use std::{
    io,
    pin::pin,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};
use zcomm_core::{ByteStream, ConnectError, xray::Direction};

use crate::program::until;

/// Read at a time (bytes), and all that waits in one direction.
const PIECE: usize = 16 * 1024;
/// For the server to begin its answer.
const ANSWER: Duration = Duration::from_secs(30);
/// The time limit for the other direction when one has ended.
const LAST_BYTES: Duration = Duration::from_secs(60);

/// Stands between the two sides of one connection. Dropping it is the end.
pub(crate) trait Between: Send {
    /// These bytes have come, in pieces as the network cut them.
    fn came(&mut self, from: Direction, bytes: &[u8]);
}

/// Passes bytes on until both sides have ended; `first` goes to the server before all others.
/// An error means that the server's side is broken off, and what there is to tell the client
/// is a [`ConnectError`] in it: then nothing was answered yet.
pub(super) async fn relay(
    client: &mut TcpStream,
    mut server: ByteStream,
    first: &[u8],
    between: impl Between,
) -> io::Result<()> {
    let late = ConnectError::Timeout {
        place: server.place().to_owned(),
        limit: ANSWER,
    };
    let ended = {
        let between = &Mutex::new(between);
        let (client_reads, client_writes) = client.split();
        let (server_reads, server_writes) = tokio::io::split(&mut server);
        let up = Way {
            from: Direction::ClientToServer,
            between,
            awaited: None,
        };
        let down = Way {
            from: Direction::ServerToClient,
            between,
            awaited: Some((Instant::now() + ANSWER, late)),
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
struct Way<'a, B> {
    from: Direction,
    between: &'a Mutex<B>,
    /// By when the first bytes must have come, and what it means when they have not.
    awaited: Option<(Instant, ConnectError)>,
}

impl<B: Between> Way<'_, B> {
    /// Up to an end that is passed on, or to a receiver that has left.
    async fn pass(
        mut self,
        first: &[u8],
        mut reader: impl AsyncRead + Unpin,
        mut writer: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let mut piece = vec![0; PIECE];
        if !self.pass_piece(first, &mut writer).await {
            return Ok(());
        }
        loop {
            let latest = self.awaited.as_ref().map(|(time, _)| *time);
            let read = tokio::select! {
                read = reader.read(&mut piece) => read,
                () = until(latest) => match self.awaited.take() {
                    Some((_, late)) => return Err(io::Error::other(late)),
                    None => continue,
                },
            };
            let length = end_without_close_notify(read)?;
            self.awaited = None;
            if length == 0 {
                // Whoever is gone needs no goodbye.
                writer.shutdown().await.ok();
                return Ok(());
            }
            if !self.pass_piece(&piece[..length], &mut writer).await {
                return Ok(());
            }
        }
    }

    /// False when the receiver has left. How, its own direction tells, which may have more to
    /// say: a refusal, for whoever went on talking.
    async fn pass_piece(&self, bytes: &[u8], writer: &mut (impl AsyncWrite + Unpin)) -> bool {
        if !bytes.is_empty() {
            let mut between = self.between.lock().unwrap_or_else(PoisonError::into_inner);
            between.came(self.from, bytes);
        }
        // TLS keeps what is not flushed.
        writer.write_all(bytes).await.is_ok() && writer.flush().await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;
    use zcomm_core::{ConnectOptions, DevelopmentCa, Trust, Upstream};

    struct Nobody;

    impl Between for Nobody {
        fn came(&mut self, _: Direction, _: &[u8]) {}
    }

    /// A client, what the proxy has of it, what it has of a server, and the server.
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
    async fn a_server_that_never_answers_is_not_waited_for() {
        let (_client, mut near, out, _silent) = ends().await;
        tokio::time::pause();
        let error = relay(&mut near, out, b"GET", Nobody).await.unwrap_err();
        let told = error.downcast::<ConnectError>().unwrap().to_string();
        assert!(told.ends_with("did not answer within 30 s"), "{told}");
    }

    #[tokio::test]
    async fn a_side_that_stays_after_the_other_has_left_has_a_minute() {
        let (mut client, mut near, out, mut server) = ends().await;
        server.write_all(b"hello").await.unwrap();
        client.shutdown().await.unwrap();
        tokio::time::pause();
        let begun = Instant::now();
        relay(&mut near, out, b"GET", Nobody).await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), LAST_BYTES.as_secs());
    }
}
