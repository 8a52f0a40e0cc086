//! The results of a run, and the settings of the run.
//!
//! The file `notes` adds sentences about how reliable the numbers are. The files `text`, `json`,
//! `csv` and `html` write the report.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use super::{
    plan::Plan,
    run::Run,
    server::Server,
    tally::{Latencies, Tally},
};
use crate::shared::text::{counted, visible};

/// The quantiles that are reported, and their names.
pub(super) const QUANTILES: [(f64, &str); 5] = [
    (0.5, "p50"),
    (0.9, "p90"),
    (0.99, "p99"),
    (0.999, "p99.9"),
    (1.0, "max"),
];

pub(super) struct Report {
    /// The server's address, without its query.
    pub(super) url: String,
    pub(super) plan: Plan,
    pub(super) opened: usize,
    /// The length of the measurement (seconds).
    pub(super) seconds: f64,
    pub(super) tally: Tally,
    /// The number of messages that should have come back. In a fan-out, a message counts once for
    /// each subscriber.
    pub(super) expected: u64,
    /// Open loop: the number of messages that should have left but did not leave.
    pub(super) unsent: Option<u64>,
    pub(super) sent_per_second: f64,
    pub(super) received_per_second: f64,
    /// Seconds from one point of the timeline to the next.
    pub(super) point_seconds: f64,
    pub(super) server: Option<Server>,
    /// The number of cores that this tool used in the measurement.
    pub(super) own_cores: f64,
    /// The number of cores that the server used in the measurement.
    pub(super) server_cores: f64,
    /// Whether messages were still in flight at the time limit after the measurement.
    pub(super) timed_out: bool,
    /// The exit code of this program, if a signal has ended the run early.
    pub(super) interrupted: Option<u8>,
}

impl Report {
    /// Makes the report of a run. `subscribers` is the number of subscribers when the load starts.
    /// `cpu` is the CPU time of this process and of the server in the measurement.
    pub(super) fn new(
        run: &Run,
        tally: Tally,
        subscribers: usize,
        server: Option<Server>,
        cpu: [Duration; 2],
    ) -> Report {
        let (span, opened) = (run.span(), run.opened.load(Relaxed));
        // Without a connection, the measured time is zero. Do not divide by zero.
        let seconds = span.seconds();
        let divisor = seconds.max(f64::MIN_POSITIVE);
        let [own_cores, server_cores] = cpu.map(|time| time.as_secs_f64() / divisor);
        let sent: u64 = tally.points.iter().map(|point| point.sent).sum();
        let received: u64 = tally.points.iter().map(|point| point.latency.len()).sum();
        let copies = if run.plan.fanout { subscribers } else { 1 };
        let unsent = |planned: u64| planned.saturating_sub(tally.lag.len());
        Report {
            url: visible(run.options.shown_url()),
            plan: run.plan.clone(),
            opened,
            seconds,
            expected: tally.lag.len() * copies as u64,
            unsent: run.planned_messages().map(unsent),
            sent_per_second: sent as f64 / divisor,
            received_per_second: received as f64 / divisor,
            point_seconds: span.step() as f64 / 1e9,
            server,
            own_cores,
            server_cores,
            timed_out: run.timed_out.load(Relaxed),
            interrupted: Some(run.interrupted.load(Relaxed)).filter(|code| *code != 0),
            tally,
        }
    }

    /// The server's memory for each connection (bytes).
    pub(super) fn server_memory_each(&self, server: &Server) -> f64 {
        server.connected.saturating_sub(server.before) as f64 / self.opened.max(1) as f64
    }

    /// The server's CPU time for each message that came back (microseconds).
    pub(super) fn server_cpu_each(&self) -> Option<f64> {
        let received = self.received_per_second;
        (received > 0.0).then(|| self.server_cores * 1e6 / received)
    }

    /// The number of messages that were expected and did not arrive.
    pub(super) fn lost(&self) -> u64 {
        self.expected.saturating_sub(self.tally.latency.len())
    }

    /// Whether nothing failed, and every message arrived exactly once.
    pub(super) fn is_good(&self) -> bool {
        let once = !self.tally.latency.is_empty() && self.lost() == 0 && self.tally.repeated == 0;
        once && self.tally.failures.is_empty()
    }

    /// Describes the load in one sentence.
    pub(super) fn load(&self) -> String {
        let plan = &self.plan;
        let (all, senders) = (plan.connections, plan.publishers);
        let shape = match plan.fanout {
            false => format!("echo, {}", counted(all as u64, "connection")),
            true => format!("fan-out, {senders} of {all} connections send"),
        };
        let pace = match plan.rate {
            None => format!("closed loop, {} in flight for each sender", plan.window),
            Some(rate) => format!("open loop, {rate} messages/s in all"),
        };
        let (size, seconds) = (plan.size, plan.duration.as_secs_f64());
        format!("{shape}, {pace}, {size} bytes, {seconds} s")
    }

    /// Returns the histograms of latencies to show, each with its name.
    pub(super) fn latencies(&self) -> Vec<(&'static str, &Latencies)> {
        let tally = &self.tally;
        let mut tables = vec![
            ("handshake", &tally.handshakes),
            ("message", &tally.latency),
        ];
        if self.unsent.is_some() {
            tables.push(("sent late by", &tally.lag));
        }
        tables
    }
}

/// Returns the latency at each quantile of [`QUANTILES`] (nanoseconds).
pub(super) fn quantiles(latencies: &Latencies) -> [u64; 5] {
    QUANTILES.map(|(quantile, _)| latencies.value_at_quantile(quantile))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_numbers_up_to_2000_each_quantile_has_its_own_value() {
        let mut latencies = Latencies::new(5).unwrap();
        for value in 1..=2000 {
            latencies.record(value).unwrap();
        }
        assert_eq!(quantiles(&latencies), [1000, 1800, 1980, 1998, 2000]);
        let names = QUANTILES.map(|(_, name)| name);
        assert_eq!(names, ["p50", "p90", "p99", "p99.9", "max"]);
    }
}
