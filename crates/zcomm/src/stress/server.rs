//! The server's process, when it is on this machine.
//!
//! How long an answer takes says little about the price of it. So the process that listens
//! at the address is looked at: its memory before, with all connections open and at its
//! peak, and its CPU time at both ends of the measurement. What the kernel keeps for a
//! socket is not in a process's memory.
//!
//! Production asks the server itself (`/metrics`), from elsewhere.

use std::{net::SocketAddr, time::Duration};

use crate::processes::{Listening, Usage, Watched, listening_on};

/// The server's process, and what it has used.
pub(super) struct Server {
    pub(super) processes: Vec<Listening>,
    watched: Watched,
    pub(super) before: u64,
    pub(super) connected: u64,
    pub(super) peak: u64,
    begun: Duration,
    /// CPU time while we measured.
    pub(super) cpu: Duration,
}

impl Server {
    /// Who listens at these addresses; `None` when that is elsewhere, or is not to be seen.
    pub(super) fn find(addresses: &[SocketAddr]) -> Option<Server> {
        let first = addresses.first()?;
        if !addresses.iter().all(|address| address.ip().is_loopback()) {
            return None;
        }
        let mut processes = listening_on(first.port()).ok()?;
        processes.retain(|process| {
            let ip = process.address.ip();
            ip.is_unspecified() || addresses.iter().any(|address| address.ip() == ip)
        });
        // One that listens at two addresses is one.
        processes.dedup_by_key(|process| process.pid);
        let mut watched = Watched::new(processes.iter().map(|process| process.pid));
        let before = watched.usage().memory;
        (before > 0).then_some(Server {
            processes,
            watched,
            before,
            connected: before,
            peak: before,
            begun: Duration::ZERO,
            cpu: Duration::ZERO,
        })
    }

    fn usage(&mut self) -> Usage {
        let usage = self.watched.usage();
        self.peak = self.peak.max(usage.memory);
        usage
    }

    /// Looks now and then, for the peak.
    pub(super) fn look(&mut self) {
        self.usage();
    }

    /// All connections are open.
    pub(super) fn connected(&mut self) {
        self.connected = self.usage().memory;
    }

    pub(super) fn begin(&mut self) {
        self.begun = self.usage().cpu;
        self.cpu = Duration::ZERO;
    }

    pub(super) fn end(&mut self) {
        self.cpu = self.usage().cpu.saturating_sub(self.begun);
    }
}
