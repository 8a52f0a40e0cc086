//! The report as text, at most 80 columns wide.

use super::{
    report::{QUANTILES, Report, quantiles},
    server::Server,
    units::{bytes, duration, grouped},
};
use crate::shared::text::{counted, wrapped};

/// The width of the report, and of the labels in it (characters).
const COLUMNS: usize = 80;
const LABEL: usize = 13;

/// A label and its text. If the label is empty, the text belongs to the row above.
pub(super) type Row = (&'static str, String);

impl Report {
    /// Returns the numbers of the report, each with a label.
    pub(super) fn rows(&self) -> Vec<Row> {
        let tally = &self.tally;
        let per_second = |count: f64| grouped(count.round() as u64);
        let seconds = self.seconds.max(f64::MIN_POSITIVE);
        let connections = format!("{} of {} opened", self.opened, self.plan.connections);
        let throughput = format!(
            "{} messages/s out, {} in",
            per_second(self.sent_per_second),
            per_second(self.received_per_second)
        );
        let volume = format!(
            "{}/s out, {}/s in",
            bytes(tally.bytes_sent as f64 / seconds),
            bytes(tally.bytes_received as f64 / seconds)
        );
        let messages = format!(
            "{} sent, {} expected, {} received, {} lost",
            grouped(tally.lag.len()),
            grouped(self.expected),
            grouped(tally.latency.len()),
            grouped(self.lost())
        );
        let threads = counted(self.plan.threads() as u64, "thread");
        let own = format!("CPU {:.2} cores, {threads}", self.own_cores);
        let mut rows = vec![
            ("connections", connections),
            ("throughput", throughput),
            ("", volume),
            ("messages", messages),
        ];
        rows.extend(
            self.server
                .iter()
                .flat_map(|server| self.server_rows(server)),
        );
        rows.push(("this tool", own));
        rows
    }

    fn server_rows(&self, server: &Server) -> [Row; 3] {
        let cores = self.server_cores;
        let cpu = match self.server_cpu_each() {
            Some(us) => format!("CPU {us:.2} µs per message, {cores:.2} cores"),
            None => format!("CPU {cores:.2} cores; no message came back"),
        };
        let memory = format!(
            "memory {} before, {} connected ({} each), {} peak",
            bytes(server.before as f64),
            bytes(server.connected as f64),
            bytes(self.server_memory_each(server)),
            bytes(server.peak as f64)
        );
        [("server", server.names.clone()), ("", cpu), ("", memory)]
    }

    pub(super) fn text(&self) -> String {
        let load = wrapped(&self.load(), COLUMNS).join("\n");
        let mut text = format!("{}\n{load}\n\n{:<LABEL$}", self.url, "latency");
        for (_, name) in QUANTILES {
            text += &format!("{name:>11}");
        }
        for (name, latencies) in self.latencies() {
            text += &format!("\n{name:<LABEL$}");
            for value in quantiles(latencies) {
                text += &format!("{:>11}", duration(value));
            }
        }
        text += "\n\n";
        for (label, value) in self.rows() {
            text += &row(label, &value);
        }
        for (kind, failure) in self.tally.failures.list() {
            text += &row("failed", &format!("{} x {kind}", failure.count));
            if let Some(help) = &failure.help {
                text += &row("", &format!("help: {help}"));
            }
        }
        for note in self.notes() {
            text += &format!("\n{}", wrapped(&note, COLUMNS).join("\n"));
        }
        // Some terminals have only ASCII characters.
        text.replace("µs", "us") + "\n"
    }
}

/// Formats a label and its text. A long text continues on the next line.
fn row(label: &str, text: &str) -> String {
    let lines = wrapped(text, COLUMNS - LABEL);
    let indented = lines.join(&format!("\n{:LABEL$}", ""));
    format!("{label:<LABEL$}{indented}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_wrapped_behind_its_label() {
        let out = row("failed", &"word ".repeat(40));
        assert!(out.starts_with("failed       word word"), "{out}");
        assert!(out.lines().all(|line| line.len() <= 80), "{out}");
    }
}
