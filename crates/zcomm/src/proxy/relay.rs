//! Both directions of one connection, each passed on at its own pace.
//!
//! ```text
//! client ──bytes──▶ Between ──steps──▶ server          and the same the other way round
//! ```
//!
//! Something stands [`Between`] the two: it is shown all that comes, and says in [`Steps`]
//! what goes on. To pass everything on and look at it is an X-ray; to delay, repeat or leave
//! out some of it is a bad network. It is a plain function of bytes, so it can be tried
//! without any.
//!
//! A receiver that does not read stops its sender, through the steps that wait, and nobody
//! else. An end is passed on as an end, behind all that came before it; a connection that
//! breaks is broken on the other side, too.
//!
//! Production does this in the kernel (`splice`), where nobody can look at it.

use std::{
    collections::VecDeque,
    future::pending,
    io,
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep_until, timeout},
};
use zcomm_core::{ByteStream, ConnectError, xray::Direction};

/// Read at a time (bytes).
const PIECE: usize = 16 * 1024;
/// What may wait to go on in one direction (bytes); then no more is read.
const WAITING: usize = 256 * 1024;
/// For the server to begin its answer.
const ANSWER: Duration = Duration::from_secs(30);
/// When one side has ended, for the other one to do so.
const GOODBYE: Duration = Duration::from_secs(60);

/// Stands between the two sides of one connection.
pub(crate) trait Between: Send {
    /// These bytes have come, in pieces as the network cut them: says what goes on instead.
    fn came(&mut self, from: Direction, bytes: &[u8], steps: &mut Steps);

    /// This side will say no more.
    fn ended(&mut self, from: Direction, steps: &mut Steps) {
        let _unused = from;
        steps.end();
    }
}

/// What goes on in one direction, in this order.
#[derive(Default)]
pub(crate) struct Steps {
    steps: VecDeque<(Option<Instant>, Step)>,
    bytes: usize,
}

enum Step {
    Send(Vec<u8>),
    End,
    Break,
}

impl Steps {
    /// Sends these bytes.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.push(None, Step::Send(bytes.to_vec()));
    }

    /// Sends these bytes, not before that time.
    pub(crate) fn send_at(&mut self, time: Instant, bytes: &[u8]) {
        self.push(Some(time), Step::Send(bytes.to_vec()));
    }

    /// Says that no more will come.
    pub(crate) fn end(&mut self) {
        self.push(None, Step::End);
    }

    /// Breaks the connection off, on both sides: "connection reset".
    pub(crate) fn break_off(&mut self) {
        self.push(None, Step::Break);
    }

    fn push(&mut self, time: Option<Instant>, step: Step) {
        if let Step::Send(bytes) = &step {
            self.bytes += bytes.len();
        }
        self.steps.push_back((time, step));
    }

    fn take(&mut self) -> Option<Step> {
        let (_, step) = self.steps.pop_front()?;
        if let Step::Send(bytes) = &step {
            self.bytes -= bytes.len();
        }
        Some(step)
    }

    /// When the first of them is due: `None` when there is none.
    fn due(&self) -> Option<Option<Instant>> {
        self.steps.front().map(|(time, _)| *time)
    }
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
        let mut up = pin!(up.pass(Some(first), client_reads, server_writes));
        let mut down = pin!(down.pass(None, server_reads, client_writes));
        // Whoever ends first leaves the other some time for its last words.
        tokio::select! {
            one = &mut up => match one {
                Ok(()) => timeout(GOODBYE, down).await.unwrap_or(Ok(())),
                broken => broken,
            },
            one = &mut down => match one {
                Ok(()) => timeout(GOODBYE, up).await.unwrap_or(Ok(())),
                broken => broken,
            },
        }
    };
    if ended.is_err() {
        server.reset();
    }
    ended
}

/// One direction.
struct Way<'a, B> {
    from: Direction,
    between: &'a Mutex<B>,
    /// By when the first bytes must have come, and what it means when they have not.
    awaited: Option<(Instant, ConnectError)>,
}

impl<B: Between> Way<'_, B> {
    async fn pass(
        mut self,
        first: Option<&[u8]>,
        mut reader: impl AsyncRead + Unpin,
        mut writer: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let mut steps = Steps::default();
        if let Some(first) = first {
            self.between().came(self.from, first, &mut steps);
        }
        let mut piece = vec![0; PIECE];
        let mut reading = true;
        loop {
            let latest = self.awaited.as_ref().map(|(time, _)| Some(*time));
            let step = tokio::select! {
                // What waits goes first: so it is little.
                biased;
                () = until(steps.due()) => steps.take(),
                read = reader.read(&mut piece), if reading && steps.bytes < WAITING => {
                    let length = match read {
                        // TLS calls an end without its goodbye so; it is one.
                        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
                        read => read?,
                    };
                    reading = length > 0;
                    match reading {
                        true => self.between().came(self.from, &piece[..length], &mut steps),
                        false => self.between().ended(self.from, &mut steps),
                    }
                    self.awaited = None;
                    None
                }
                () = until(latest) => match self.awaited.take() {
                    Some((_, late)) => return Err(io::Error::other(late)),
                    None => None,
                },
            };
            let done = match step {
                None => continue,
                Some(Step::Send(bytes)) => match writer.write_all(&bytes).await {
                    // TLS keeps what is not flushed.
                    Ok(()) => writer.flush().await,
                    Err(error) => Err(error),
                },
                Some(Step::End) => {
                    // Whoever is gone needs no goodbye.
                    writer.shutdown().await.ok();
                    return Ok(());
                }
                Some(Step::Break) => return Err(io::ErrorKind::ConnectionReset.into()),
            };
            if done.is_err() {
                // The receiver has left. How, its own direction tells, which may have more to
                // say: a refusal, for whoever went on talking.
                return Ok(());
            }
        }
    }

    fn between(&self) -> MutexGuard<'_, B> {
        self.between.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for that time, if there is something to wait for.
async fn until(due: Option<Option<Instant>>) {
    match due {
        None => pending().await,
        Some(None) => {}
        Some(Some(time)) => sleep_until(time).await,
    }
}
