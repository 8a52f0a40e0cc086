//! One connection of a case: writes bytes, and reads what `zcomm-xray` makes of the answer.
//!
//! The decoder reads both directions, because only then it can check a handshake. A hostile peer
//! can neither fill the memory nor keep a case waiting: one buffer is read at a time, every wait
//! has an end, and the number of bytes has a limit.

use std::{collections::VecDeque, io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, sleep, timeout_at},
};
use zcomm_core::xray::{Decoder, Direction, Event, EventKind};

/// The number of payload bytes that are compared. The longest message of a case is shorter.
const KEPT: usize = 72 * 1024;
/// A connection with more bytes from the peer is left.
const MOST: u64 = 64 * 1024 * 1024;
/// The pause between two pieces, so that TCP sends them in two segments.
const PAUSE: Duration = Duration::from_millis(1);
/// The number of own frames that a report shows.
const SHOWN: usize = 8;

/// A connection, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// How a TCP connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The peer closed it.
    Closed,
    /// The peer, or the network, broke it: `RST`.
    Reset,
}

impl End {
    pub(super) fn words(self) -> &'static str {
        match self {
            End::Closed => "the end of the connection, without a Close frame",
            End::Reset => "a reset of the connection (TCP RST), without a Close frame",
        }
    }
}

/// What the peer does next.
pub(super) enum Next {
    Event(Box<Event>),
    Ended(End),
    /// The time is over.
    Late,
}

pub(super) struct Link {
    stream: Box<dyn Stream>,
    decoder: Decoder,
    own: Direction,
    start: Instant,
    /// What the peer has sent and no judge has read.
    events: VecDeque<Event>,
    /// The first own frames.
    pub(super) sent: Vec<Event>,
    ended: Option<End>,
    left: u64,
    /// The first error of reading, which may say that the peer speaks TLS.
    pub(super) error: Option<io::Error>,
}

impl Link {
    pub(super) fn new(stream: impl Stream + 'static, own: Direction) -> Link {
        Link {
            stream: Box::new(stream),
            decoder: Decoder::new(0).keeping(KEPT),
            own,
            start: Instant::now(),
            events: VecDeque::new(),
            sent: Vec::new(),
            ended: None,
            left: MOST,
            error: None,
        }
    }

    /// Writes each piece with a write of its own. An error of writing is not reported: the next
    /// read finds the end of the connection.
    pub(super) async fn send(&mut self, pieces: &[Vec<u8>], limit: Duration) {
        let until = Instant::now() + limit;
        for piece in pieces {
            self.feed(self.own, piece);
            let write = async {
                self.stream.write_all(piece).await?;
                self.stream.flush().await
            };
            if !matches!(timeout_at(until, write).await, Ok(Ok(()))) {
                return;
            }
            if pieces.len() > 1 {
                // Let the peer read this piece alone.
                sleep(PAUSE).await;
            }
        }
    }

    /// Returns what the peer does next, until this time.
    pub(super) async fn next(&mut self, until: Instant) -> Next {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Next::Event(Box::new(event));
            }
            if let Some(end) = self.ended {
                return Next::Ended(end);
            }
            // A peer that never stops sending must not make the time longer.
            if Instant::now() >= until || self.left == 0 {
                return Next::Late;
            }
            self.read(until).await;
        }
    }

    async fn read(&mut self, until: Instant) {
        let mut buffer = vec![0; 16 * 1024];
        match timeout_at(until, self.stream.read(&mut buffer)).await {
            Err(_) => {}
            Ok(Ok(0)) => self.finish(End::Closed),
            Ok(Ok(length)) => {
                self.left = self.left.saturating_sub(length as u64);
                self.feed(self.peer(), &buffer[..length]);
            }
            Ok(Err(error)) => {
                // TLS without its last message is the end of a program that was killed.
                let end = match error.kind() {
                    io::ErrorKind::UnexpectedEof => End::Closed,
                    _ => End::Reset,
                };
                self.error = Some(error);
                self.finish(end);
            }
        }
    }

    fn peer(&self) -> Direction {
        match self.own {
            Direction::ClientToServer => Direction::ServerToClient,
            Direction::ServerToClient => Direction::ClientToServer,
        }
    }

    fn feed(&mut self, from: Direction, bytes: &[u8]) {
        let (own, time) = (self.own, self.start.elapsed());
        let (events, sent) = (&mut self.events, &mut self.sent);
        self.decoder
            .feed(time, from, bytes, &mut |event| match event.from {
                Some(sender) if sender == own => {
                    if sent.len() < SHOWN {
                        sent.push(event);
                    }
                }
                _ => events.push_back(event),
            });
    }

    /// Notes the end of the connection, and what was incomplete then.
    fn finish(&mut self, end: End) {
        self.ended = Some(end);
        let (own, events) = (self.own, &mut self.events);
        self.decoder.finish(self.start.elapsed(), &mut |event| {
            let peers = event.from.is_some_and(|sender| sender != own);
            if peers && !matches!(event.kind, EventKind::End { .. }) {
                events.push_back(event);
            }
        });
    }

    /// The bytes below the frames, for an attack. Own bytes that are written here are not decoded.
    pub(super) fn raw(&mut self) -> &mut dyn Stream {
        &mut *self.stream
    }

    /// The number of bytes that the peer has sent.
    pub(super) fn received(&self) -> u64 {
        MOST - self.left
    }

    /// Ends the own side: the peer reads the end of the connection.
    pub(super) async fn hang_up(&mut self) {
        // An error means that the connection has ended.
        self.stream.shutdown().await.ok();
    }

    /// Leaves the connection. The peer may still send: its bytes are not read.
    pub(super) async fn leave(mut self) {
        let until = Instant::now() + Duration::from_millis(100);
        // An error means that the connection has ended.
        timeout_at(until, self.stream.shutdown()).await.ok();
    }
}
