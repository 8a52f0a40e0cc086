//! The delivery delay of a broadcast: the time from a log to the network.
//!
//! A message has left when a flush succeeds. Several messages leave with one flush, and the
//! oldest of them has waited longest, so one time is enough for all of them.

use prometheus_client::metrics::histogram::Histogram;
use tokio::time::Instant;

/// Measures the delivery delay of one connection.
#[derive(Default)]
pub(crate) struct DeliveryDelay {
    /// When the oldest waiting message was appended to its log. Boxed: an idle connection has
    /// no such message.
    oldest: Option<Box<Instant>>,
}

impl DeliveryDelay {
    /// Starts the delay of messages of which the oldest was appended at this time, if it is
    /// known. A delay that has started before goes on.
    pub(crate) fn start(&mut self, appended: Option<Instant>) {
        match (&mut self.oldest, appended) {
            (_, None) => {}
            (Some(oldest), Some(appended)) => **oldest = appended.min(**oldest),
            (oldest, Some(appended)) => *oldest = Some(Box::new(appended)),
        }
    }

    /// Ends the delay and adds it to the histogram, in seconds.
    pub(crate) fn end(&mut self, seconds: &Histogram) {
        if let Some(oldest) = self.oldest.take() {
            seconds.observe(oldest.elapsed().as_secs_f64());
        }
    }
}
