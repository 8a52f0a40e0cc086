//! Detects a server that does not answer any more.
//!
//! A broken network often causes no error. So the client sends a ping when the server has sent
//! nothing for some time. The client ends the connection when the server does not answer the
//! ping, or does not answer our Close frame.
//!
//! A server is alive if bytes arrive from it, even if these bytes are not a whole message yet.
//!
//! A server that is still reading our data has not read our ping yet. So this server gets more
//! time to answer the ping.

use std::time::Duration;

use tokio::time::Instant;

use crate::{client::options::ConnectOptions, protocol::progress::time_to_read};

/// Time limit for the server to answer our Close frame. Also the time limit for the network to
/// accept a message, or the next 64 KiB of a long message.
pub(crate) const PEER_TIMEOUT: Duration = Duration::from_secs(5);
pub(crate) const CLOSE_NOT_ANSWERED: &str = "the server did not answer our Close frame";

/// The time limits of one connection.
pub(crate) struct Keepalive {
    interval: Option<Duration>,
    timeout: Duration,
    last_received: Instant,
    /// The deadline for the answer to our ping.
    pong: Option<Instant>,
    /// The number of bytes that the network had accepted when `pong` was set.
    sent: u64,
    /// The time at which we sent our Close frame, and its code; `None` if we sent no Close
    /// frame.
    pub(crate) closing: Option<(Instant, u16)>,
}

impl Keepalive {
    pub(crate) fn new(options: &ConnectOptions) -> Keepalive {
        Keepalive {
            interval: options.ping_interval,
            timeout: options.ping_timeout,
            last_received: Instant::now(),
            pong: None,
            sent: 0,
            closing: None,
        }
    }

    /// The next deadline; `None` if the client sends no pings and is not closing.
    pub(crate) fn due(&self) -> Option<Instant> {
        match (self.closing, self.pong) {
            (Some((closing, _)), _) => Some(closing + PEER_TIMEOUT),
            (None, Some(pong)) => Some(pong),
            (None, None) => Some(self.last_received + self.interval?),
        }
    }

    /// Whether 5 s have passed since we sent our Close frame. A timer is not enough: it does not
    /// fire while the server sends data without pause.
    pub(crate) fn close_timed_out(&self) -> bool {
        let closing = self.closing.as_ref();
        closing.is_some_and(|(since, _)| since.elapsed() >= PEER_TIMEOUT)
    }

    /// Starts the ping interval again. Call this when the server has sent something.
    pub(crate) fn received(&mut self) {
        if self.interval.is_some() {
            self.last_received = Instant::now();
            self.pong = None;
        }
    }

    /// Call this when the deadline has passed. If the server is alive, sets a new deadline and
    /// returns true. A server is alive if bytes have `arrived` from it, or if it may still be
    /// reading the data that we sent.
    pub(crate) fn is_alive(&mut self, arrived: bool, sent: u64) -> bool {
        if self.closing.is_some() {
            return false;
        }
        if arrived {
            self.received();
            return true;
        }
        let Some(pong) = &mut self.pong else {
            return false;
        };
        let unread = time_to_read(sent - self.sent, PEER_TIMEOUT);
        *pong = Instant::now() + unread;
        self.sent = sent;
        !unread.is_zero()
    }

    /// Call this when the deadline has passed and the server is not alive. Returns the reason to
    /// end the connection, or `None` if the caller must send a ping.
    pub(crate) fn passed(&mut self, sent: u64) -> Option<&'static str> {
        if self.closing.is_some() {
            return Some(CLOSE_NOT_ANSWERED);
        }
        let unread = time_to_read(sent - self.sent, PEER_TIMEOUT);
        let pong = self.pong.replace(Instant::now() + self.timeout + unread);
        self.sent = sent;
        pong.map(|_| "the server does not answer pings")
    }
}
