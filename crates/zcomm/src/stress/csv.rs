//! The report as one row of a table, so that runs can be compared.
//!
//! A new file gets a header line. A row has the columns that the file's header names, so it also
//! fits into a table that another program has started. A file that is not a table of runs is not
//! changed.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use csv::Writer;
use serde_json::Value;

use super::{report::Report, table::Row};

/// The columns of the table. Names with `_us` are in microseconds, and memory is in bytes. A
/// column contains the value of the same name in the JSON report. If the column has a `=`, it
/// contains the value at the path after the `=`.
const COLUMNS: &str = "\
    unix_time label url mode connections opened publishers window rate size seconds sent expected \
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

/// Returns the row of a run. The default label is the name of the server's program. If the
/// program is not known, there is no label, and the address names the server.
pub(super) fn row(report: &Report, label: Option<&str>) -> Row {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let mut values = report.json();
    values["unix_time"] = since.map_or(0, |since| since.as_secs()).into();
    values["failures"] = report.tally.failures.total().into();
    let program = report.server.as_ref().map(|server| &*server.program);
    values["label"] = label.or(program).into();
    let cells = columns().map(|(name, path)| {
        let cell = cell(values.pointer(&format!("/{path}")));
        (name.to_owned(), cell)
    });
    Row(cells.collect())
}

/// Appends a row to a table with these columns. An empty table gets its header first.
pub(super) fn append(file: &Path, header: &[String], row: &Row) -> io::Result<()> {
    let mut table = Writer::from_writer(Vec::new());
    let new: Vec<String> = columns().map(|(name, _)| name.to_owned()).collect();
    let header = if header.is_empty() { &new } else { header };
    let mut options = File::options();
    let mut file = options.read(true).append(true).create(true).open(file)?;
    if file.metadata()?.len() == 0 {
        table.write_record(header)?;
    }
    table.write_record(header.iter().map(|name| row.text(name)))?;
    let lines = table.into_inner();
    let mut lines = lines.map_err(|error| io::Error::other(error.to_string()))?;
    if !ends_a_line(&mut file)? {
        lines.insert(0, b'\n');
    }
    // Write with one call, so that the rows of two runs at the same time do not mix.
    file.write_all(&lines)
}

/// Whether a file is empty or its last line has an end.
fn ends_a_line(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// Formats a cell. A number has at most three decimals. A missing value is an empty cell.
fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => match value.as_f64().filter(|_| value.is_f64()) {
            Some(number) => ((number * 1e3).round() / 1e3).to_string(),
            None => value.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_rounded_and_a_missing_value_is_empty() {
        let cells = [Value::from(7), Value::from(0.123_456), Value::from(500.0)];
        assert_eq!(cells.map(|value| cell(Some(&value))), ["7", "0.123", "500"]);
        assert_eq!((cell(Some(&Value::Null)), cell(None)), Default::default());
    }
}
