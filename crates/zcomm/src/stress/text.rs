//! The report for people: a page of text that fits 80 columns.

use std::fmt::{self, Write};

use super::{
    report::{QUANTILES, Report, quantiles},
    units::{bytes, duration, grouped},
};
use crate::output::{counted, wrapped};

/// The width of a page of text, and of the names in it.
const COLUMNS: usize = 80;
const LABEL: usize = 13;

impl Report {
    /// The numbers, each with its name.
    pub(super) fn rows(&self) -> Vec<(&'static str, String)> {
        let each_second = |count: f64| grouped(count.round() as u64);
        let seconds = self.seconds.max(f64::MIN_POSITIVE);
        let mut rows = vec![
            (
                "connections",
                format!("{} of {} opened", self.opened, self.plan.connections),
            ),
            (
                "throughput",
                format!(
                    "{} messages/s out, {} in",
                    each_second(self.sent_each_second),
                    each_second(self.received_each_second)
                ),
            ),
            (
                "",
                format!(
                    "{}/s out, {}/s in",
                    bytes(self.bytes_sent as f64 / seconds),
                    bytes(self.bytes_received as f64 / seconds)
                ),
            ),
            (
                "messages",
                format!(
                    "{} sent, {} expected, {} received, {} lost",
                    grouped(self.sent),
                    grouped(self.expected),
                    grouped(self.received),
                    grouped(self.lost())
                ),
            ),
        ];
        if let Some(server) = &self.server {
            rows.push(("server", server.names.clone()));
            rows.push((
                "",
                match server.cpu_each {
                    Some(us) => format!("CPU {us:.2} us a message, {:.2} cores", server.cores),
                    None => format!("CPU {:.2} cores, and no message came", server.cores),
                },
            ));
            rows.push((
                "",
                format!(
                    "memory {} before, {} connected ({} each), {} peak",
                    bytes(server.before as f64),
                    bytes(server.connected as f64),
                    bytes(server.each),
                    bytes(server.peak as f64)
                ),
            ));
        }
        let threads = counted(self.plan.threads as u64, "thread");
        rows.push((
            "this tool",
            format!("CPU {:.2} cores, {threads}", self.own_cores),
        ));
        rows
    }

    /// For people, at most 80 columns wide where the numbers allow it.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // A String takes everything.
        self.write(&mut text).ok();
        text
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let asked = wrapped(&self.asked(), COLUMNS).join("\n");
        writeln!(out, "{}\n{asked}\n", self.url)?;
        write!(out, "{:<LABEL$}", "latency")?;
        for name in QUANTILES.map(|(_, name)| name).into_iter().chain(["max"]) {
            write!(out, "{name:>11}")?;
        }
        writeln!(out)?;
        for (name, histogram) in self.latencies() {
            write!(out, "{name:<LABEL$}")?;
            for value in quantiles(histogram) {
                write!(out, "{:>11}", duration(value))?;
            }
            writeln!(out)?;
        }
        writeln!(out)?;
        for (label, text) in self.rows() {
            row(out, label, &text)?;
        }
        for (kind, failure) in self.failures.list() {
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

/// A number, or more, behind its name; long ones go on below.
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
    fn long_notes_are_wrapped_between_words() {
        let text = "word ".repeat(40);
        let lines = wrapped(&text, 80);
        assert!(lines.iter().all(|line| line.len() <= 80), "{lines:?}");
        assert_eq!(lines.join(" ").split_whitespace().count(), 40);
        let mut out = String::new();
        row(&mut out, "failed", &text).unwrap();
        assert!(out.starts_with("failed       word word"), "{out}");
        assert!(out.lines().all(|line| line.len() <= 80), "{out}");
    }
}
