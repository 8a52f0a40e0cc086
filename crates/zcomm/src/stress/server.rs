//! The server's process, when it runs on this machine: its memory and its CPU time.
//!
//! A latency says little about the cost of a message. So the process that listens at the
//! address is measured: its memory before the connections, with all of them, and at its
//! peak; its CPU time during the measurement. The kernel's memory for a socket is not in it.

use std::{net::SocketAddr, time::Duration};

use crate::shared::processes::{Listening, Usage, Watched, listening_on};

/// The server's process while a run goes on.
pub(super) struct Server {
    processes: Vec<Listening>,
    watched: Watched,
    before: u64,
    connected: u64,
    peak: u64,
    /// CPU time at the begin of the measurement.
    begun: Duration,
    /// CPU time in the measurement.
    cpu: Duration,
}

/// The server's process in a report. Memory is bytes.
pub(super) struct ServerFigures {
    /// Each process with its pid.
    pub(super) names: String,
    pub(super) before: u64,
    pub(super) connected: u64,
    pub(super) peak: u64,
    /// Memory for each connection.
    pub(super) each: f64,
    /// Microseconds of CPU time for each message that came back.
    pub(super) cpu_each: Option<f64>,
    /// The number of cores that it used.
    pub(super) cores: f64,
}

impl Server {
    /// Finds the processes that listen at these addresses. `None` when the server is on
    /// another machine, or this user may not see it.
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
        // A process that listens at two addresses is in the list twice.
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

    /// Reads what the process uses now; called often, because the peak is the largest value
    /// that was read.
    pub(super) fn look(&mut self) -> Usage {
        let usage = self.watched.usage();
        self.peak = self.peak.max(usage.memory);
        usage
    }

    /// All connections are open.
    pub(super) fn connected(&mut self) {
        self.connected = self.look().memory;
    }

    /// The measurement begins.
    pub(super) fn begin(&mut self) {
        self.begun = self.look().cpu;
    }

    /// The measurement ends.
    pub(super) fn end(&mut self) {
        self.cpu = self.look().cpu.saturating_sub(self.begun);
    }

    /// The figures for this number of connections, messages that came back, and seconds.
    pub(super) fn figures(&self, opened: usize, received: u64, seconds: f64) -> ServerFigures {
        let names = self.processes.iter();
        let names: Vec<_> = names
            .map(|process| format!("{} (pid {})", process.name, process.pid))
            .collect();
        let cpu = self.cpu.as_secs_f64();
        ServerFigures {
            names: names.join(", "),
            before: self.before,
            connected: self.connected,
            peak: self.peak,
            each: self.connected.saturating_sub(self.before) as f64 / opened.max(1) as f64,
            cpu_each: (received > 0).then(|| cpu * 1e6 / received as f64),
            cores: cpu / seconds.max(f64::MIN_POSITIVE),
        }
    }
}
