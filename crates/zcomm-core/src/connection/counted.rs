//! The codec, with somebody who counts.
//!
//! Every message of a client passes here on its way in and out, and so does every reason to
//! end a connection; so this is where counting stands, and the pump in `socket` reads as if
//! nobody counted.
//!
//! How long a message takes from the log to a client is known only when the network has
//! taken it: the time at which the oldest one was appended waits here for the flush.
//!
//! Production attaches a trace to some messages in the same place.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
};

use tokio::time::Instant;

use crate::{
    clients::registry::{ClientInfo, Entry},
    hub::subscriptions::{BatchSummary, earlier},
    metrics::counters::Metrics,
    protocol::{close_reason::CloseReason, message::Message},
    wire::codec::{End, Received, Wire},
};

/// A codec whose messages are counted.
pub(crate) struct Counted {
    wire: Wire,
    pub(crate) client: Arc<Entry>,
    metrics: Arc<Metrics>,
    /// Since when the oldest message waits for the network, as far as is known. Boxed: an
    /// idle connection has none.
    oldest: Option<Box<Instant>>,
}

impl Counted {
    pub(crate) fn new(wire: Wire, client: &Arc<Entry>, metrics: &Arc<Metrics>) -> Counted {
        Counted {
            wire,
            client: Arc::clone(client),
            metrics: Arc::clone(metrics),
            oldest: None,
        }
    }

    /// See [`Wire::read`].
    pub(crate) fn read(&mut self) -> Result<Option<Received>, End> {
        let incoming = self.wire.read()?;
        if let Some(Received::Message(message)) = &incoming {
            self.client.tally.received(message);
        }
        Ok(incoming)
    }

    /// See [`Wire::write`].
    pub(crate) fn write(&mut self, message: Message) -> Result<bool, End> {
        self.client.tally.sent(message.len());
        self.wire.write(message)
    }

    /// See [`Wire::flush`].
    pub(crate) fn flush(&mut self) -> Result<bool, End> {
        let flushed = self.wire.flush()?;
        if flushed && let Some(oldest) = self.oldest.take() {
            let waited = oldest.elapsed().as_secs_f64();
            self.metrics.fanout_seconds.observe(waited);
        }
        Ok(flushed)
    }

    /// What was taken from the logs will be written now.
    pub(crate) fn delivers(&mut self, taken: &BatchSummary) {
        if taken.entries > 0 {
            self.client.tally.delivered(taken.entries);
        }
        if taken.gaps > 0 {
            self.metrics.gaps.add(taken.gaps);
        }
        if taken.oldest.is_some() {
            let before = self.oldest.take().map(|oldest| *oldest);
            self.oldest = earlier(before, taken.oldest).map(Box::new);
        }
    }

    /// The client does not answer pings.
    pub(crate) fn lost(&self) -> End {
        self.metrics.heartbeats_missed.add(1);
        End::ping_timeout()
    }

    /// The client does not take what we send.
    pub(crate) fn too_slow(&self) -> End {
        self.metrics.slow_clients.add(1);
        End::policy(CloseReason::TOO_SLOW)
    }

    /// The connection has ended.
    pub(crate) fn ended(&self, end: &End) {
        let info = &self.client.info;
        log(end, info);
        self.metrics.closed(end.code(), info.since.elapsed());
    }
}

/// What is not counted.
impl Deref for Counted {
    type Target = Wire;

    fn deref(&self) -> &Wire {
        &self.wire
    }
}

impl DerefMut for Counted {
    fn deref_mut(&mut self) -> &mut Wire {
        &mut self.wire
    }
}

/// One line for each connection that has ended.
fn log(end: &End, info: &ClientInfo) {
    let (id, peer) = (info.id, info.peer_addr);
    match end {
        End::ByPeer(why) => {
            let (code, reason) = (why.code(), why.reason());
            tracing::info!(conn = %id, %peer, code, ?reason, "conn.closed by the client");
        }
        End::ByUs(why) => {
            let (code, reason) = (why.code(), why.reason());
            tracing::info!(conn = %id, %peer, code, ?reason, "conn.closed by the server");
        }
        End::Broken(reason) => {
            tracing::info!(conn = %id, %peer, ?reason, "conn.closed without a Close frame");
        }
    }
}
