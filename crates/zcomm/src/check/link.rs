//! One connection of a case: writes bytes, and decodes the answer with `zcomm-xray`.
//!
//! The decoder reads both directions: to check the answer to a handshake, it needs the request.
//!
//! A hostile peer cannot fill the memory: the link reads one buffer at a time, and the number of
//! bytes has a limit. A hostile peer cannot delay a case: every wait has a time limit.

use std::{collections::VecDeque, io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, sleep, timeout_at},
};
use zcomm_core::xray::{Decoder, Direction, Event, EventKind};

/// The maximum number of payload bytes that the decoder keeps of a message. The longest message of
/// a case is shorter.
const KEPT: usize = 72 * 1024;
/// After this number of bytes from the peer, nothing more is read from the connection.
const MOST: u64 = 64 * 1024 * 1024;
/// The pause between two pieces, so that TCP sends them in two segments.
const PAUSE: Duration = Duration::from_millis(1);
/// The number of sent frames that are kept for the report.
const SHOWN: usize = 8;

/// A connection, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// How a TCP connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The peer closed the connection.
    Closed,
    /// The peer or the network broke the connection with a reset (`RST`).
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
    /// The time is over, or the peer has sent too many bytes.
    Late,
}

pub(crate) struct Link {
    stream: Box<dyn Stream>,
    decoder: Decoder,
    /// The direction of the bytes that this side sends.
    own: Direction,
    start: Instant,
    /// What the peer has sent, but `next` has not returned yet.
    events: VecDeque<Event>,
    /// The first frames, or the handshake, that this side has sent.
    pub(super) sent: Vec<Event>,
    ended: Option<End>,
    /// The number of bytes that may still be read from the peer.
    left: u64,
    /// The error that ended the reading. It may say that the peer speaks TLS.
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

    /// Writes each piece with its own write. Stops after an error, but does not report the error:
    /// the next read finds the end of the connection.
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

    /// Waits for the next event of the peer, but only until this time.
    pub(super) async fn next(&mut self, until: Instant) -> Next {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Next::Event(Box::new(event));
            }
            if let Some(end) = self.ended {
                return Next::Ended(end);
            }
            // A peer that never stops sending must not extend the time limit.
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
                // If the peer's program was killed, TLS ends without its last message.
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

    /// Stores how the connection ended. An incomplete frame of the peer becomes an event.
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

    /// The stream below the decoder, for an attack. The decoder does not see what is written here.
    pub(super) fn raw(&mut self) -> &mut dyn Stream {
        &mut *self.stream
    }

    /// The number of bytes that the peer has sent.
    pub(super) fn received(&self) -> u64 {
        MOST - self.left
    }

    /// Ends this side of the connection. Then the peer reads the end of the connection.
    pub(super) async fn hang_up(&mut self) {
        // An error means that the connection has ended.
        self.stream.shutdown().await.ok();
    }

    /// Ends this side of the connection, and reads nothing more from the peer.
    pub(super) async fn leave(mut self) {
        let until = Instant::now() + Duration::from_millis(100);
        // An error means that the connection has ended.
        timeout_at(until, self.stream.shutdown()).await.ok();
    }
}
