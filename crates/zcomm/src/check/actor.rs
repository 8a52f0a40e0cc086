//! One end of a connection, for the steps of `zcomm learn`: it sends messages, and says what it
//! has read.
//!
//! An actor answers pings and the Close frame of its peer, as a library does. It passes on all
//! else, because the next step decides what is right.

use std::time::Duration;

use tokio::time::Instant;
use zcomm_core::{ConnectError, ConnectOptions, xray::Event};

use super::{
    bytes::{BINARY, CLOSE, Frames, PING, PONG, TEXT},
    client::port::Arrived,
    link::{End, Link, Next},
    opening::{Came, answer, values},
    reading::{frame, message},
    response::Response,
    server::{Server, limit},
    verdict::rule_line,
};

/// The payload of the ping that asks whether all messages have arrived.
const ALL: &[u8] = b"is this all?";

pub(crate) struct Actor {
    link: Link,
    frames: Frames,
    /// The bytes of a frame that are not sent yet.
    rest: Vec<u8>,
    /// The time limit of an answer.
    pub(crate) limit: Duration,
}

/// What the peer has sent.
pub(crate) enum Heard {
    Text(String),
    Bytes(Vec<u8>),
    /// The code and the reason of a Close frame. A Close frame without a code has code 1005.
    Close(u16, String),
    /// The end of the connection without a Close frame, in words.
    End(&'static str),
    /// A frame that breaks a rule of RFC 6455: the sentence that names the rule.
    Broken(String),
    Pong(Vec<u8>),
    /// Nothing within the time limit.
    Late,
}

/// How a server has answered a handshake.
pub(crate) enum Opened {
    Open(Box<Actor>),
    /// The HTTP status of a refusal.
    Refused(u16),
    /// No HTTP answer. The text says what came instead.
    No(String),
}

impl Actor {
    /// Connects to a server. The time limit of later answers grows with the round trip.
    ///
    /// # Errors
    ///
    /// No connection: for example, no program listens at the address.
    pub(crate) async fn open(
        options: ConnectOptions,
        least: Duration,
    ) -> Result<Opened, ConnectError> {
        let server = Server::new(options)?;
        let mut link = server.connect().await?;
        let start = Instant::now();
        let first_limit = least.max(Duration::from_secs(5));
        link.send(&server.request().pieces(), first_limit).await;
        Ok(match answer(&mut link, first_limit).await {
            Came::Head(101, ..) => Opened::Open(Box::new(Actor {
                link,
                frames: Frames::of_client(""),
                rest: Vec::new(),
                limit: limit(start.elapsed(), least),
            })),
            Came::Head(status, ..) => Opened::Refused(status),
            Came::Other(_) => Opened::No("an answer that is not HTTP".into()),
            Came::Ended(end) => Opened::No(end.words().into()),
            Came::Late => Opened::No("no answer to the handshake".into()),
        })
    }

    /// Answers the handshake of a client.
    pub(crate) async fn accept(mut arrived: Arrived, limit: Duration) -> Actor {
        let key = values(&arrived.head, "Sec-WebSocket-Key");
        let response = Response::new(key.first().copied().unwrap_or_default());
        arrived.link.send(&response.pieces(), limit).await;
        Actor {
            link: arrived.link,
            frames: Frames::of_server(""),
            rest: Vec::new(),
            limit,
        }
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        self.write(TEXT, text.as_bytes()).await;
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.write(BINARY, bytes).await;
    }

    /// Sends only the first bytes of a frame.
    pub(crate) async fn send_first(&mut self, number: usize, text: &str) {
        let mut frame = self.frames.frame(TEXT, text.as_bytes());
        self.rest = frame.split_off(number.min(frame.len()));
        self.link.send(&[frame], self.limit).await;
    }

    /// Sends the other bytes of that frame.
    pub(crate) async fn send_rest(&mut self) {
        let rest = std::mem::take(&mut self.rest);
        self.link.send(&[rest], self.limit).await;
    }

    /// Sends a Close frame, waits for the peer's, and ends the connection.
    pub(crate) async fn close(&mut self, code: u16, reason: &str) {
        let close = self.frames.close(code, reason.as_bytes());
        self.link.send(&[close], self.limit).await;
        while !matches!(
            self.next().await,
            Heard::Close(..) | Heard::End(_) | Heard::Late
        ) {}
        self.link.hang_up().await;
    }

    /// Ends the connection without a Close frame.
    pub(crate) async fn disappear(self) {
        self.link.leave().await;
    }

    /// Waits for the next message, the end, or a pong.
    pub(crate) async fn next(&mut self) -> Heard {
        let until = Instant::now() + self.limit;
        loop {
            let heard = match self.link.next(until).await {
                Next::Event(event) => self.read(&event).await,
                Next::Ended(end) => Some(Heard::End(End::words(end))),
                Next::Late => Some(Heard::Late),
            };
            if let Some(heard) = heard {
                return heard;
            }
        }
    }

    /// Asks with pings whether all messages have arrived. Returns what arrived before the pongs.
    pub(crate) async fn rest(&mut self) -> Option<Heard> {
        // A server may answer the first ping before it writes a message that another client sent.
        for _ in 0..2 {
            self.write(PING, ALL).await;
            match self.next().await {
                Heard::Pong(payload) if payload == ALL => {}
                other => return Some(other),
            }
        }
        None
    }

    async fn write(&mut self, first: u8, payload: &[u8]) {
        let frame = self.frames.frame(first, payload);
        self.link.send(&[frame], self.limit).await;
    }

    /// Reads one frame. A ping is answered here. A frame that does not end a message is no news.
    async fn read(&mut self, event: &Event) -> Option<Heard> {
        if let Some(rule) = event.errors.first() {
            return Some(Heard::Broken(rule_line(rule)));
        }
        let frame = frame(event)?;
        match frame.opcode {
            "ping" => {
                self.write(PONG, &frame.unmasked).await;
                None
            }
            "pong" => Some(Heard::Pong(frame.unmasked.clone())),
            "close" => {
                self.write(CLOSE, &frame.unmasked).await;
                let close = frame.close.as_ref();
                let (code, reason) =
                    close.map_or((1005, ""), |close| (close.code, close.reason.as_str()));
                Some(Heard::Close(code, reason.to_owned()))
            }
            _ => message(frame).map(|(kind, bytes)| match kind {
                1 => Heard::Text(String::from_utf8_lossy(bytes).into_owned()),
                _ => Heard::Bytes(bytes.to_vec()),
            }),
        }
    }
}
