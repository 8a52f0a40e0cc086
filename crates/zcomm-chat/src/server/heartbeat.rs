//! Sends a heartbeat to web pages.
//!
//! A browser answers WebSocket pings itself, and a page cannot receive pings. So the chat sends
//! a message at regular intervals, which shows a page that the connection works. One task writes
//! this message into a log that all connections read. If each connection had its own timer, ten
//! thousand connections would need ten thousand timers.
//!
//! A page reconnects when two heartbeats are missing (`chat_wire.js`). The heartbeat task
//! starts when the first client connects, and ends with the chat.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::time::{Instant, MissedTickBehavior, interval_at};
use zcomm_core::{Clients, Hub, HubLimits};

use crate::envelope::ServerMessage;

/// The log keeps a few heartbeats for connections that are a little late.
const LIMITS: HubLimits = HubLimits {
    entries: 8,
    bytes: 4 * 1024,
    message_bytes: 1024,
};

pub(crate) struct Heartbeat {
    pub(crate) log: Hub,
    period: Duration,
    /// The clients of the server; empty until the first client is connected.
    clients: Arc<OnceLock<Clients>>,
    /// The heartbeat task ends after `alive` is dropped.
    alive: Arc<()>,
}

impl Heartbeat {
    pub(crate) fn new(period: Duration) -> Heartbeat {
        let clients = Arc::<OnceLock<Clients>>::default();
        let connected = Arc::clone(&clients);
        // A connection that is too slow for the log gets one new heartbeat for the lost ones.
        let newest = move |_, _| heartbeat(connected.get()).into();
        Heartbeat {
            log: Hub::with_gap_words(LIMITS, newest),
            period,
            clients,
            alive: Arc::new(()),
        }
    }

    /// The seconds from one heartbeat to the next, rounded up.
    pub(crate) fn seconds(&self) -> u64 {
        self.period.as_secs_f64().ceil() as u64
    }

    /// Starts the heartbeat task on the first call. Later calls do nothing.
    pub(crate) fn start(&self, clients: &Clients) {
        if self.clients.set(clients.clone()).is_err() {
            return;
        }
        let (log, clients) = (self.log.clone(), Arc::clone(&self.clients));
        let alive = Arc::downgrade(&self.alive);
        let mut ticks = interval_at(Instant::now() + self.period, self.period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tokio::spawn(async move {
            while alive.strong_count() > 0 {
                ticks.tick().await;
                // Ignores an error: a heartbeat is small, so an error means that the server stops.
                log.broadcast(heartbeat(clients.get())).ok();
            }
        });
    }
}

fn heartbeat(connected: Option<&Clients>) -> ServerMessage {
    ServerMessage::Heartbeat {
        clients: connected.map_or(0, Clients::count),
    }
}
