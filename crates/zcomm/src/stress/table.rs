//! Run after run as a table: one row for each, in one file.
//!
//! Whoever changes something measures before and after, and again tomorrow. The file gets
//! its header when it is new; a file with another header is another table, and is left
//! alone.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use super::{
    plan::{Pace, Shape},
    report::{Report, quantiles},
};
use crate::failure::Failure;

/// The columns. Times are microseconds, memory bytes.
const HEADER: &str = "unix_time,url,mode,connections,opened,publishers,window,rate,size,seconds,\
sent,expected,received,lost,repeated,unsent,failures,sent_per_second,received_per_second,p50_us,p90_us,p99_us,\
p99_9_us,max_us,handshake_p50_us,handshake_p99_us,handshake_max_us,sent_late_p99_us,\
server_cpu_us_per_message,server_cores,server_memory_peak,server_bytes_per_connection,tool_cores,threads";

/// Whether a row can be appended to this file.
pub(super) fn check(file: &Path) -> Result<(), Failure> {
    // Nothing is there yet, or it is a table of ours. A pipe or a device has no first line.
    let other = match fs::metadata(file) {
        Ok(found) if found.is_file() => !begins_as_ours(file).unwrap_or(false),
        Ok(_) => true,
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    };
    if other {
        return Err(Failure::new(
            format!("{} is another table, or none", file.display()),
            "name a new file; this one is left as it is",
        ));
    }
    Ok(())
}

/// Whether a file is empty, or begins with our header. It may be long, and is not read.
fn begins_as_ours(file: &Path) -> io::Result<bool> {
    let mut first = Vec::new();
    let length = HEADER.len() as u64 + 1;
    File::open(file)?.take(length).read_to_end(&mut first)?;
    Ok(first.is_empty() || first == format!("{HEADER}\n").as_bytes())
}

/// Appends a row.
pub(super) fn append(file: &Path, report: &Report) -> io::Result<()> {
    let mut file = File::options().append(true).create(true).open(file)?;
    let header = match file.metadata()?.len() {
        0 => format!("{HEADER}\n"),
        _ => String::new(),
    };
    // In one write: two runs at the same time do not mix.
    file.write_all(format!("{header}{}\n", row(report)).as_bytes())
}

fn row(report: &Report) -> String {
    let plan = &report.plan;
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let (mode, publishers) = match plan.shape {
        Shape::Echo => ("echo", String::new()),
        Shape::Fanout(publishers) => ("fanout", publishers.to_string()),
    };
    let (window, rate) = match plan.pace {
        Pace::Window(window) => (window.to_string(), String::new()),
        Pace::Rate(rate) => (String::new(), rate.to_string()),
    };
    let failures: u64 = report
        .failures
        .list()
        .iter()
        .map(|(_, failure)| failure.count)
        .sum();
    let micro = |value: u64| format!("{:.1}", value as f64 / 1000.0);
    let mut cells = vec![
        since.map_or(0, |since| since.as_secs()).to_string(),
        quoted(&report.url),
        mode.to_owned(),
        plan.connections.to_string(),
        report.opened.to_string(),
        publishers,
        window,
        rate,
        plan.size.to_string(),
        format!("{:.3}", report.seconds),
        report.sent.to_string(),
        report.expected.to_string(),
        report.received.to_string(),
        report.lost().to_string(),
        report.repeated.to_string(),
        report
            .unsent
            .map(|unsent| unsent.to_string())
            .unwrap_or_default(),
        failures.to_string(),
        format!("{:.1}", report.sent_each_second),
        format!("{:.1}", report.received_each_second),
    ];
    cells.extend(quantiles(&report.latency).map(micro));
    let [p50, _, p99, _, max] = quantiles(&report.handshakes);
    cells.extend([p50, p99, max].map(micro));
    let lag = report.unsent.map(|_| micro(quantiles(&report.lag)[2]));
    cells.push(lag.unwrap_or_default());
    cells.extend(match &report.server {
        Some(server) => [
            server
                .cpu_each
                .map_or_else(String::new, |us| format!("{us:.3}")),
            format!("{:.3}", server.cores),
            server.peak.to_string(),
            format!("{:.0}", server.each),
        ],
        None => Default::default(),
    });
    cells.push(format!("{:.3}", report.own_cores));
    cells.push(plan.threads.to_string());
    cells.join(",")
}

/// RFC 4180: a cell with a comma or a quotation mark stands in quotation marks.
fn quoted(cell: &str) -> String {
    match cell.contains([',', '"']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_in_a_cell_makes_no_column() {
        assert_eq!(quoted("ws://host/"), "ws://host/");
        assert_eq!(quoted("ws://host/a,b"), "\"ws://host/a,b\"");
        assert_eq!(quoted("say \"hi\""), "\"say \"\"hi\"\"\"");
    }
}
