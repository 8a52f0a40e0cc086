//! A sign of life for pages.
//!
//! The protocol's pings never reach a page: the browser answers them by itself. So the chat
//! says now and then that it is there, in a message. A clock for each connection would do,
//! and ten thousand connections would have ten thousand of them, looked at with every
//! wake-up; here one clock writes into one more log, and everybody reads it.
//!
//! The clock starts with the first client and ends with the chat.
//!
//! The page counts the seconds, and reconnects when two signs are missing (`chat_wire.js`).
//! Production spreads the signs over time, so that ten thousand do not wake at once.

use std::{
    sync::{
        Arc, Once,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, MissedTickBehavior, interval_at};
use zcomm_core::{Clients, Hub, HubLimits};

use crate::envelope::ServerMessage;

/// Heartbeats that are kept, for readers that are a little behind.
const KEPT: HubLimits = HubLimits {
    entries: 8,
    bytes: 4 * 1024,
    message_bytes: 1024,
};

pub(crate) struct Heartbeat {
    log: Hub,
    period: Duration,
    clients: Arc<AtomicUsize>,
    begun: Once,
    /// Gone when the chat is.
    alive: Arc<()>,
}

impl Heartbeat {
    pub(crate) fn new(period: Duration) -> Heartbeat {
        let clients = Arc::new(AtomicUsize::new(0));
        let now = Arc::clone(&clients);
        // Of heartbeats that were missed, the newest says all there is to say.
        let newest = move |_, _| heartbeat(now.load(Ordering::Relaxed)).into();
        Heartbeat {
            log: Hub::with_gap_words(KEPT, newest),
            period,
            clients,
            begun: Once::new(),
            alive: Arc::new(()),
        }
    }

    /// The log of heartbeats.
    pub(crate) fn log(&self) -> &Hub {
        &self.log
    }

    /// The seconds from one to the next, rounded up.
    pub(crate) fn seconds(&self) -> u64 {
        self.period.as_secs_f64().ceil() as u64
    }

    /// Starts the clock, the first time.
    pub(crate) fn begin(&self, clients: &Clients) {
        self.begun.call_once(|| {
            let (log, clients) = (self.log.clone(), clients.clone());
            let (count, alive) = (Arc::clone(&self.clients), Arc::downgrade(&self.alive));
            let mut turns = interval_at(Instant::now() + self.period, self.period);
            turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
            tokio::spawn(async move {
                while alive.strong_count() > 0 {
                    turns.tick().await;
                    let clients = clients.count();
                    count.store(clients, Ordering::Relaxed);
                    // Far below the limit of the log.
                    log.broadcast(heartbeat(clients)).ok();
                }
            });
        });
    }
}

fn heartbeat(clients: usize) -> ServerMessage {
    ServerMessage::Heartbeat { clients }
}
