//! The report as one row of a table, so that runs can be compared.
//!
//! A new file gets a header line. A file with another header is not changed, because it contains
//! another table.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::Value;

use super::report::Report;
use crate::shared::failure::Failure;

/// The columns of the table. Names with `_us` are in microseconds, and memory is in bytes. A
/// column contains the value of the same name in the JSON report. If the column has a `=`, it
/// contains the value at the path after the `=`.
const COLUMNS: &str = "\
    unix_time url mode connections opened publishers window rate size seconds sent expected \
    received lost repeated unsent failures sent_per_second received_per_second \
    p50_us=latency_us/p50 p90_us=latency_us/p90 p99_us=latency_us/p99 \
    p99_9_us=latency_us/p99_9 max_us=latency_us/max handshake_p50_us=handshake_us/p50 \
    handshake_p99_us=handshake_us/p99 handshake_max_us=handshake_us/max \
    sent_late_p99_us=sent_late_us/p99 \
    server_cpu_us_per_message=server/cpu_us_per_message server_cores=server/cores \
    server_memory_peak=server/memory_peak \
    server_bytes_per_connection=server/bytes_per_connection \
    tool_cores=tool/cores threads=tool/threads";

/// The name of each column, and its path in the JSON report.
fn columns() -> impl Iterator<Item = (&'static str, &'static str)> {
    let columns = COLUMNS.split_whitespace();
    columns.map(|column| column.split_once('=').unwrap_or((column, column)))
}

fn header() -> String {
    let names: Vec<_> = columns().map(|(name, _)| name).collect();
    names.join(",") + "\n"
}

/// Checks that a row can be appended to this file.
pub(super) fn check(file: &Path) -> Result<(), Failure> {
    // Read only a normal file, because a pipe or a device may have no end.
    let other = match fs::metadata(file) {
        Ok(found) if found.is_file() => !begins_with_header(file).unwrap_or(false),
        Ok(_) => true,
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    };
    if other {
        return Err(Failure::usage(
            format!("{} is not a table of zcomm stress", file.display()),
            "name a new file; this one is not changed",
        ));
    }
    Ok(())
}

/// Whether a file is empty or begins with the header. Reads only as many bytes as the header
/// has.
fn begins_with_header(file: &Path) -> io::Result<bool> {
    let (header, mut first) = (header(), Vec::new());
    let length = header.len() as u64;
    File::open(file)?.take(length).read_to_end(&mut first)?;
    Ok(first.is_empty() || first == header.as_bytes())
}

/// Appends the report as a row. Writes the header first, if the file is empty.
pub(super) fn append(file: &Path, report: &Report) -> io::Result<()> {
    let mut file = File::options().append(true).create(true).open(file)?;
    let header = match file.metadata()?.len() {
        0 => header(),
        _ => String::new(),
    };
    // Write with one call, so that the rows of two runs at the same time do not mix.
    file.write_all(format!("{header}{}\n", row(report)).as_bytes())
}

fn row(report: &Report) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let mut values = report.json();
    values["unix_time"] = since.map_or(0, |since| since.as_secs()).into();
    values["failures"] = report.tally.failures.total().into();
    let cells = columns().map(|(_, path)| cell(values.pointer(&format!("/{path}"))));
    cells.collect::<Vec<_>>().join(",")
}

/// Formats a cell. A number has at most three decimals. A missing value is an empty cell.
fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => quoted(text),
        Some(value) => match value.as_f64().filter(|_| value.is_f64()) {
            Some(number) => ((number * 1e3).round() / 1e3).to_string(),
            None => value.to_string(),
        },
    }
}

/// Puts a cell with a comma or a quotation mark into quotation marks (RFC 4180).
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

    #[test]
    fn a_number_is_rounded_and_a_missing_value_is_empty() {
        let cells = [Value::from(7), Value::from(0.123_456), Value::from(500.0)];
        assert_eq!(cells.map(|value| cell(Some(&value))), ["7", "0.123", "500"]);
        assert_eq!((cell(Some(&Value::Null)), cell(None)), Default::default());
    }
}
