//! Detects a server that does not answer any more.
//!
//! A broken network often causes no error. So the client sends a ping when the server has sent
//! nothing for some time. The client ends the connection when the server does not answer the
//! ping, or does not answer our Close frame.

use std::time::Duration;

use tokio::time::Instant;

use crate::client::options::ConnectOptions;

/// Time limit for the server to answer our Close frame.
pub(crate) const PEER_TIMEOUT: Duration = Duration::from_secs(5);
/// Time limit for the network to accept the next bytes of a message. A slow network needs seconds,
/// because the kernel accepts bytes only when a third of its buffer is free.
pub(crate) const STALLED: Duration = Duration::from_secs(30);
pub(crate) const CLOSE_NOT_ANSWERED: &str = "the server did not answer our Close frame";

/// The time limits of one connection.
pub(crate) struct Keepalive {
    interval: Option<Duration>,
    timeout: Duration,
    last_received: Instant,
    ping_sent: Option<Instant>,
    /// The number of moved bytes at the last deadline.
    moved: u64,
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
            ping_sent: None,
            moved: 0,
            closing: None,
        }
    }

    /// The next deadline; `None` if the client sends no pings and is not closing.
    pub(crate) fn due(&self) -> Option<Instant> {
        match (self.closing, self.ping_sent) {
            (Some((closing, _)), _) => Some(closing + PEER_TIMEOUT),
            (None, Some(ping_sent)) => Some(ping_sent + self.timeout),
            (None, None) => Some(self.last_received + self.interval?),
        }
    }

    /// Whether the server has not answered our Close frame within 5 s. The timer alone is not
    /// enough, because it never fires while the server sends data.
    pub(crate) fn close_timed_out(&self) -> bool {
        let closing = self.closing.as_ref();
        closing.is_some_and(|(since, _)| since.elapsed() >= PEER_TIMEOUT)
    }

    /// Starts the ping interval again. Call this when the server has sent something.
    pub(crate) fn received(&mut self) {
        if self.interval.is_some() {
            self.last_received = Instant::now();
            self.ping_sent = None;
        }
    }

    /// Call this when the deadline from `due` has passed, with the number of moved bytes. Returns
    /// true if more bytes have moved since our ping: the server is alive.
    pub(crate) fn moved(&mut self, bytes: u64) -> bool {
        let more = bytes > std::mem::replace(&mut self.moved, bytes);
        let alive = more && self.ping_sent.is_some() && self.closing.is_none();
        if alive {
            self.received();
        }
        alive
    }

    /// Call this when the deadline from `due` has passed. Returns the reason to end the
    /// connection, or `None` if the caller must send a ping.
    pub(crate) fn passed(&mut self) -> Option<&'static str> {
        if self.closing.is_some() {
            return Some(CLOSE_NOT_ANSWERED);
        }
        let ping_sent = self.ping_sent.replace(Instant::now());
        ping_sent.map(|_| "the server does not answer pings")
    }
}
