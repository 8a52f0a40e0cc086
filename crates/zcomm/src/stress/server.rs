//! Measures the server's process, if it runs on this machine: its memory and its CPU time.
//!
//! A latency does not show how much CPU time and memory a message costs. So the tool measures
//! the process that listens at the server's address. The report shows the memory of this
//! process before the first connection, with all connections, and at the peak. The report also
//! shows the CPU time that the process used in the measurement. The kernel's memory for
//! sockets is not included.

use std::net::SocketAddr;

use crate::shared::processes::{Usage, Watched, listening_on};

/// The server's process during a run. Memory is in bytes.
pub(super) struct Server {
    /// The name of the first process.
    pub(super) program: String,
    /// The name and pid of each process.
    pub(super) names: String,
    watched: Watched,
    pub(super) before: u64,
    /// The memory when all connections are open.
    pub(super) connected: u64,
    pub(super) peak: u64,
}

impl Server {
    /// Finds the processes that listen at these addresses. Returns `None` if the server is on
    /// another machine, or this user may not see the process.
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
        // A process that listens at two addresses is in the list twice. Remove the second entry.
        processes.dedup_by_key(|process| process.pid);
        let program = processes.first()?.name.clone();
        let names = processes.iter();
        let names: Vec<_> = names
            .map(|process| format!("{} (pid {})", process.name, process.pid))
            .collect();
        let mut watched = Watched::new(processes.iter().map(|process| process.pid));
        let before = watched.usage().memory;
        (before > 0).then_some(Server {
            program,
            names: names.join(", "),
            watched,
            before,
            connected: before,
            peak: before,
        })
    }

    /// Reads the server's current memory and CPU time. Must be called often, because the peak
    /// is the largest memory that was read.
    pub(super) fn look(&mut self) -> Usage {
        let usage = self.watched.usage();
        self.peak = self.peak.max(usage.memory);
        usage
    }
}
