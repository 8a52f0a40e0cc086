//! The server that is tested: how to reach it, and how fast it answers.

use std::time::Duration;

use tokio::time::Instant;
use zcomm_core::{
    ByteStream, ConnectError, ConnectOptions, Upstream,
    xray::{Direction, Head},
};

use super::{
    bytes::{Frames, PING},
    link::{Link, Next},
    opening::{Came, answer},
    request::Request,
};
use crate::shared::failure::Failure;

/// The time limit of an answer is this number of round trips, or `--timeout` if that is longer.
const ROUND_TRIPS: u32 = 20;
/// The longest time limit of an answer.
const LONGEST: Duration = Duration::from_secs(60);

pub(super) struct Server {
    upstream: Upstream,
    options: ConnectOptions,
}

/// What the first two connections have shown.
pub(super) struct Measured {
    /// Zero if no WebSocket opens.
    pub(super) round_trip: Duration,
    /// Whether a WebSocket opens at all.
    pub(super) opens: bool,
    /// Whether the server answers a second client while the first one is connected.
    pub(super) together: bool,
}

impl Server {
    pub(super) fn new(options: ConnectOptions) -> Result<Server, ConnectError> {
        let upstream = Upstream::new(options.clone())?;
        Ok(Server { upstream, options })
    }

    /// Connects with TCP, and with TLS for `wss://`.
    pub(super) async fn connect(&self) -> Result<Link, ConnectError> {
        let stream = self.upstream.connect().await?;
        Ok(Link::new(stream, Direction::ClientToServer))
    }

    /// Connects for an attack, which writes the bytes itself.
    pub(super) async fn stream(&self) -> Result<ByteStream, ConnectError> {
        self.upstream.connect().await
    }

    /// A right opening handshake.
    pub(super) fn request(&self) -> Request {
        let (target, host) = (self.upstream.target(), self.upstream.authority());
        Request::new(target, host, &self.options)
    }

    /// Connects and sends a right handshake. Returns what came back.
    async fn opened(&self, limit: Duration) -> Result<(Link, Came), Failure> {
        let mut link = self.connect().await.map_err(Failure::misuse)?;
        link.send(&self.request().pieces(), limit).await;
        let came = answer(&mut link, limit).await;
        match link.error.take().map(std::io::Error::downcast) {
            Some(Ok(error)) => {
                let error: ConnectError = error;
                Err(Failure::misuse(error))
            }
            _ => Ok((link, came)),
        }
    }

    /// Measures a round trip, and checks whether the server answers two clients at once.
    ///
    /// # Errors
    ///
    /// The server cannot be tested: it cannot be reached, needs TLS, or refuses a right handshake.
    pub(super) async fn measure(&self, least: Duration) -> Result<Measured, Failure> {
        let first_limit = self.options.connect_timeout.max(least);
        let start = Instant::now();
        let (mut link, came) = self.opened(first_limit).await?;
        let mut round_trip = start.elapsed();
        match came {
            Came::Head(101, ..) => {}
            Came::Head(status, head, _) => return Err(self.refused(status, &head)),
            Came::Other(_) | Came::Ended(_) | Came::Late => {
                return Ok(Measured {
                    round_trip: Duration::ZERO,
                    opens: false,
                    together: true,
                });
            }
        }
        let limit = limit(round_trip, least);
        round_trip = round_trip.max(ping(&mut link, limit).await);
        let (second, came) = self.opened(limit).await?;
        let together = matches!(came, Came::Head(..));
        second.leave().await;
        link.leave().await;
        Ok(Measured {
            round_trip,
            opens: true,
            together,
        })
    }
}

/// Returns the time limit of an answer.
pub(super) fn limit(round_trip: Duration, least: Duration) -> Duration {
    least.max(round_trip * ROUND_TRIPS).min(LONGEST)
}

/// Returns the time between a ping and its pong, or zero if no pong comes.
async fn ping(link: &mut Link, limit: Duration) -> Duration {
    let start = Instant::now();
    let ping = Frames::of_client("").frame(PING, b"how fast?");
    link.send(&[ping], limit).await;
    while let Next::Event(event) = link.next(start + limit).await {
        if event.summary().starts_with("pong") {
            return start.elapsed();
        }
    }
    // This is not an error: a case tests whether the server sends pongs.
    Duration::ZERO
}

impl Server {
    /// Explains why a right handshake has not opened a WebSocket.
    fn refused(&self, status: u16, head: &Head) -> Failure {
        let mut headers = head.headers.iter();
        // The port needs TLS (RFC 2817 section 4.2).
        if status == 426 && headers.any(|header| header.value.starts_with("TLS/")) {
            let place = self.upstream.place().to_owned();
            return Failure::misuse(ConnectError::SpeaksTls { place });
        }
        not_open(status)
    }
}

fn not_open(status: u16) -> Failure {
    let help = match status {
        401 => "the server wants a token: --token TOKEN",
        403 => "the server refuses this origin or host: --origin http://127.0.0.1:8765",
        404 => "another path of the address may be the WebSocket, e.g. ws://127.0.0.1:8765/ws",
        _ => "zcomm connect URL -v shows the answer; the address must be that of a WebSocket",
    };
    let what = format!("cannot test: the server answered HTTP {status} to a right handshake");
    Failure::usage(what, help)
}
