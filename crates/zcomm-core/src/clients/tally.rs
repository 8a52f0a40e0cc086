//! The counters of one connection.
//!
//! If all connections shared one counter, every message would change the same bytes, and
//! the CPU cores would wait for each other. So each connection has its own counters.
//!
//! A monitor asks for the sums of all counters every few seconds. These sums also contain the
//! counts of connections that have ended.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::protocol::message::Message;

#[derive(Debug, Default)]
pub(crate) struct Tally {
    sent: Count,
    bytes_sent: Count,
    deliveries: Count,
    texts: Count,
    binaries: Count,
    bytes_received: Count,
}

/// The sums of the counters of many connections, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) texts: u64,
    pub(crate) binaries: u64,
    pub(crate) bytes_received: u64,
    pub(crate) sent: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) deliveries: u64,
}

/// A counter that only the connection's own task writes. Other tasks read the counter.
#[derive(Debug, Default)]
struct Count(AtomicU64);

impl Count {
    /// Adds a number to the counter. Only one task writes the counter, so `fetch_add` is not
    /// needed.
    fn add(&self, number: usize) {
        self.0.store(self.get() + number as u64, Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl Tally {
    /// Counts a message from the client.
    pub(crate) fn received(&self, message: &Message) {
        match message {
            Message::Text(_) => self.texts.add(1),
            Message::Binary(_) => self.binaries.add(1),
        }
        self.bytes_received.add(message.len());
    }

    /// Counts messages to the client, and their size in bytes.
    pub(crate) fn sent(&self, messages: usize, bytes: usize) {
        self.sent.add(messages);
        self.bytes_sent.add(bytes);
    }

    /// Counts messages to the client that come from a log. [`sent`](Tally::sent) counts these
    /// messages too.
    pub(crate) fn delivered(&self, entries: usize) {
        self.deliveries.add(entries);
    }

    pub(crate) fn add_to(&self, sums: &mut Sums) {
        sums.texts += self.texts.get();
        sums.binaries += self.binaries.get();
        sums.bytes_received += self.bytes_received.get();
        sums.sent += self.sent.get();
        sums.bytes_sent += self.bytes_sent.get();
        sums.deliveries += self.deliveries.get();
    }
}
