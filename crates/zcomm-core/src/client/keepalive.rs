//! When a client asks a silent server whether it is there, and when it gives it up.
//!
//! A network that is gone says nothing. So what is silent for a while is pinged, and has ended
//! when it does not answer; and a server that does not answer our Close frame is left.
//!
//! Production measures the answers, too.

use std::time::Duration;

use tokio::time::Instant;

use crate::client::options::ConnectOptions;

/// For the network to take a message, and for the server to answer our Close frame.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
pub(crate) const NO_GOODBYE: &str = "the server did not answer our Close frame";

/// When to ask a silent server whether it is there, and when to give it up.
pub(crate) struct Pulse {
    interval: Option<Duration>,
    timeout: Duration,
    heard: Instant,
    asked: Option<Instant>,
    /// Since when our Close frame waits for the server's, and its code.
    pub(crate) closing: Option<(Instant, u16)>,
}

impl Pulse {
    pub(crate) fn new(options: &ConnectOptions) -> Pulse {
        Pulse {
            interval: options.ping_interval,
            timeout: options.ping_timeout,
            heard: Instant::now(),
            asked: None,
            closing: None,
        }
    }

    pub(crate) fn due(&self) -> Option<Instant> {
        match (self.closing, self.asked) {
            (Some((closing, _)), _) => Some(closing + PATIENCE),
            (None, Some(asked)) => Some(asked + self.timeout),
            (None, None) => Some(self.heard + self.interval?),
        }
    }

    /// Whether our Close frame has waited long enough. A server that says everything else
    /// keeps the timer from its turn.
    pub(crate) fn is_left(&self) -> bool {
        let closing = self.closing.as_ref();
        closing.is_some_and(|(since, _)| since.elapsed() >= PATIENCE)
    }

    pub(crate) fn heard(&mut self) {
        if self.interval.is_some() {
            self.heard = Instant::now();
            self.asked = None;
        }
    }

    /// What the server owes us at this time; `None`: nothing, so it is to be asked.
    pub(crate) fn overdue(&mut self) -> Option<&'static str> {
        if self.closing.is_some() {
            return Some(NO_GOODBYE);
        }
        let asked = self.asked.replace(Instant::now());
        asked.map(|_| "the server does not answer pings")
    }
}
