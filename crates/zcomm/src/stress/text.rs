//! The report as text, at most 80 columns wide.

use std::fmt::{self, Write};

use super::{
    report::{QUANTILES, Report, quantiles},
    server::ServerFigures,
    units::{bytes, duration, grouped},
};
use crate::shared::text::{counted, wrapped};

/// The width of the page, and of the labels in it.
const COLUMNS: usize = 80;
const LABEL: usize = 13;

/// A label and its text; without a label, the text belongs to the row above.
pub(super) type Row = (&'static str, String);

impl Report {
    /// The numbers, each with its label.
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
            grouped(tally.sent),
            grouped(self.expected),
            grouped(tally.received),
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
        rows.extend(self.server.iter().flat_map(server));
        rows.push(("this tool", own));
        rows
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String does not fail.
        self.write(&mut text).ok();
        text
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let load = wrapped(&self.load(), COLUMNS).join("\n");
        writeln!(out, "{}\n{load}\n", self.url)?;
        write!(out, "{:<LABEL$}", "latency")?;
        for (_, name) in QUANTILES {
            write!(out, "{name:>11}")?;
        }
        writeln!(out)?;
        for (name, latencies) in self.latencies() {
            write!(out, "{name:<LABEL$}")?;
            for value in quantiles(latencies) {
                write!(out, "{:>11}", duration(value))?;
            }
            writeln!(out)?;
        }
        writeln!(out)?;
        for (label, text) in self.rows() {
            row(out, label, &text)?;
        }
        for (kind, failure) in self.tally.failures.list() {
            row(out, "failed", &format!("{} x {kind}", failure.count))?;
            if let Some(help) = &failure.help {
                row(out, "", &format!("help: {help}"))?;
            }
        }
        writeln!(out)?;
        for note in self.notes() {
            writeln!(out, "{}", wrapped(&note, COLUMNS).join("\n"))?;
        }
        Ok(())
    }
}

fn server(server: &ServerFigures) -> [Row; 3] {
    let cores = server.cores;
    let cpu = match server.cpu_each {
        Some(us) => format!("CPU {us:.2} us per message, {cores:.2} cores"),
        None => format!("CPU {cores:.2} cores; no message came back"),
    };
    let memory = format!(
        "memory {} before, {} connected ({} each), {} peak",
        bytes(server.before as f64),
        bytes(server.connected as f64),
        bytes(server.each),
        bytes(server.peak as f64)
    );
    [("server", server.names.clone()), ("", cpu), ("", memory)]
}

/// Writes a label and its text. A long text continues on the next line.
fn row(out: &mut String, mut label: &str, text: &str) -> fmt::Result {
    for line in wrapped(text, COLUMNS - LABEL) {
        writeln!(out, "{label:<LABEL$}{line}")?;
        label = "";
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_wrapped_behind_its_label() {
        let mut out = String::new();
        row(&mut out, "failed", &"word ".repeat(40)).unwrap();
        assert!(out.starts_with("failed       word word"), "{out}");
        assert!(out.lines().all(|line| line.len() <= 80), "{out}");
    }
}
