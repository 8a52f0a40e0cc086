//! What one connection has done, in numbers.
//!
//! The obvious counter is one number for the whole server, and then every message of every
//! client changes the same few bytes: the cores spend their time handing that memory to each
//! other. Here each connection counts for itself. Only its own task writes, so a plain load
//! and a plain store are enough, and nobody waits; whoever wants the sum adds them all up,
//! once in some seconds. What a connection has counted is kept when it ends.
//!
//! Production counts in the same way, for each core if not for each connection.

use std::{
    ops::AddAssign,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use crate::protocol::message::Message;

/// What one connection has done; its own task alone writes here.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    texts: Count,
    binaries: Count,
    bytes_received: Count,
    sent: Count,
    bytes_sent: Count,
    deliveries: Count,
}

/// The same, at one moment, and for as many connections as one likes.
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
    /// Not `fetch_add`: nobody else writes, so there is nothing to lock out.
    fn add(&self, number: usize) {
        self.0.store(self.get() + number as u64, Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl Tally {
    /// A message has come in.
    pub(crate) fn received(&self, message: &Message) {
        match message {
            Message::Text(_) => self.texts.add(1),
            Message::Binary(_) => self.binaries.add(1),
        }
        self.bytes_received.add(message.len());
    }

    /// A message of so many bytes went to the codec.
    pub(crate) fn sent(&self, bytes: usize) {
        self.sent.add(1);
        self.bytes_sent.add(bytes);
    }

    /// Of all that is sent, so many messages come from logs.
    pub(crate) fn delivered(&self, entries: usize) {
        self.deliveries.add(entries);
    }

    /// How much it is by now.
    pub(crate) fn sums(&self) -> Sums {
        Sums {
            texts: self.texts.get(),
            binaries: self.binaries.get(),
            bytes_received: self.bytes_received.get(),
            sent: self.sent.get(),
            bytes_sent: self.bytes_sent.get(),
            deliveries: self.deliveries.get(),
        }
    }
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Sums) {
        self.texts += other.texts;
        self.binaries += other.binaries;
        self.bytes_received += other.bytes_received;
        self.sent += other.sent;
        self.bytes_sent += other.bytes_sent;
        self.deliveries += other.deliveries;
    }
}
