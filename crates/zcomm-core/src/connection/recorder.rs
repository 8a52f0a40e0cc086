//! Records the metrics of one connection. At the end of the connection, writes a log line and
//! calls a function of the handler.
//!
//! The delivery delay of a message begins when the message is appended to a log. The delay ends
//! when a flush succeeds, because then the network has accepted the message. One flush sends
//! several messages. The oldest message has the longest delay, so the recorder stores only the
//! time of the oldest message.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{
    clients::{registry::ClientInfo, tally::Tally},
    hub::subscriptions::{Batch, earlier},
    metrics::counters::Metrics,
    protocol::{close_reason::CloseReason, message::excerpt},
    wire::end::End,
};

/// A function of the handler, to call at the end of the connection.
type OnEnd = Box<dyn FnOnce(&End) + Send>;

/// Records the events of one connection.
pub(crate) struct Recorder {
    metrics: Arc<Metrics>,
    /// The append time of the oldest log entry that waits for a flush, if it is known.
    oldest: Option<Instant>,
    on_end: Option<OnEnd>,
}

impl Recorder {
    pub(crate) fn new(metrics: &Arc<Metrics>) -> Recorder {
        Recorder {
            metrics: Arc::clone(metrics),
            oldest: None,
            on_end: None,
        }
    }

    /// Stores `act`, to call it when the connection ends.
    pub(crate) fn on_end(&mut self, act: impl FnOnce(&End) + Send + 'static) {
        self.on_end = Some(Box::new(act));
    }

    /// Records a batch of log entries that is about to be written.
    pub(crate) fn batch(&mut self, batch: &Batch, tally: &Tally) {
        tally.sent(batch.messages(), batch.bytes);
        tally.delivered(batch.entries);
        // All CPU cores share this counter. Even a write that adds 0 would slow them down.
        if batch.gaps > 0 {
            self.metrics.gaps.inc_by(batch.gaps as u64);
        }
        self.oldest = earlier(self.oldest, batch.oldest);
    }

    /// Records that the client did not answer a ping in time. Returns the end of the connection.
    pub(crate) fn pong_missing(&self) -> End {
        self.metrics.heartbeats_missed.inc();
        End::ping_timeout()
    }

    /// Records that the client accepts no data. Returns the end of the connection.
    pub(crate) fn flush_stuck(&self) -> End {
        self.metrics.slow_clients.inc();
        End::policy(CloseReason::TOO_SLOW)
    }

    /// Records the longest delivery delay, when the network has accepted everything.
    pub(crate) fn flushed(&mut self) {
        if let Some(oldest) = self.oldest.take() {
            let delay = oldest.elapsed().as_secs_f64();
            self.metrics.fanout_seconds.observe(delay);
        }
    }

    /// Records the end of a client's connection: counts the end, and calls the handler's
    /// function.
    pub(crate) fn ended(&mut self, end: &End, client: &ClientInfo) {
        self.metrics.closed(end.code(), client.since.elapsed());
        if let Some(act) = self.on_end.take() {
            act(end);
        }
    }

    /// Writes the log line of the end. If our answer to the client's Close frame has another code,
    /// the line shows our code as `answered`.
    pub(crate) fn log_end(&self, end: &End, client: &ClientInfo, unsent: &Unsent) {
        let (id, peer) = (client.id, client.peer_addr);
        let (how, code, reason) = match end {
            End::ByPeer(why) => ("by the client", Some(why.code()), excerpt(why.reason())),
            End::ByUs(why) => ("by the server", Some(why.code()), excerpt(why.reason())),
            End::Broken(error) => ("without a Close frame", None, error.into()),
        };
        let answered = match end {
            End::ByPeer(why) => why.other_answer(),
            End::ByUs(_) | End::Broken(_) => None,
        };
        match unsent.messages {
            0 => {
                tracing::info!(conn = %id, %peer, code, ?reason, answered, "conn.closed {how}{unsent}")
            }
            _ => {
                tracing::warn!(conn = %id, %peer, code, ?reason, answered, "conn.closed {how}{unsent}")
            }
        }
    }
}

/// What the network did not accept before the end of a connection.
pub(crate) struct Unsent {
    /// The number of messages. It is counted only when the time of a stop is over.
    pub(crate) messages: usize,
    pub(crate) close_frame: bool,
    /// The longest time of a stop.
    pub(crate) limit: Duration,
}

/// The end of a log line; empty if the network accepted everything.
impl fmt::Display for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the Close frame, more messages may wait in the buffers of TLS and of the codec.
        let at_least = match self.close_frame {
            true => {
                f.write_str(", but its Close frame was not sent")?;
                "at least "
            }
            false => "",
        };
        let (limit, messages) = (self.limit, self.messages);
        let noun = match messages {
            0 => return Ok(()),
            1 => "message",
            _ => "messages",
        };
        write!(
            f,
            ": {at_least}{messages} {noun} not sent, because a stop takes at most {limit:?}"
        )
    }
}
