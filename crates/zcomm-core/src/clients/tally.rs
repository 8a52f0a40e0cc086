//! The counters of one connection.
//!
//! The obvious counter is one number for the whole server. Then every message of every client
//! changes the same few bytes, and the cores spend their time passing that cache line around.
//! Here each connection counts for itself. Only its own task writes, so a plain load and a
//! plain store are enough. A reader adds up all connections, once in some seconds. The counters
//! of a connection are kept when it ends.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::protocol::message::Message;

/// The counters of one connection. Only its own task writes them.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    texts: Count,
    binaries: Count,
    bytes_received: Count,
    sent: Count,
    bytes_sent: Count,
    deliveries: Count,
}

/// The counters of any number of connections, added up at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) texts: u64,
    pub(crate) binaries: u64,
    pub(crate) bytes_received: u64,
    pub(crate) sent: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) deliveries: u64,
}

/// A counter that one task writes and others read.
#[derive(Debug, Default)]
struct Count(AtomicU64);

impl Count {
    /// Not `fetch_add`: there is only one writer.
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

    /// Counts a message to the client, with its size.
    pub(crate) fn sent(&self, bytes: usize) {
        self.sent.add(1);
        self.bytes_sent.add(bytes);
    }

    /// Counts messages to the client that come from a log. They are also in `sent`.
    pub(crate) fn delivered(&self, entries: usize) {
        self.deliveries.add(entries);
    }

    /// Adds the current values to sums.
    pub(crate) fn add_to(&self, sums: &mut Sums) {
        sums.texts += self.texts.get();
        sums.binaries += self.binaries.get();
        sums.bytes_received += self.bytes_received.get();
        sums.sent += self.sent.get();
        sums.bytes_sent += self.bytes_sent.get();
        sums.deliveries += self.deliveries.get();
    }
}
