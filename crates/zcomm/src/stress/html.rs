//! The report as one HTML page that loads nothing: no script, no font, no image.
//!
//! You can send this page by mail, and open it without a network. The program escapes every text
//! that another program or the user has written, such as the server's address.

use super::{
    compare, histogram,
    markup::escaped,
    report::{QUANTILES, Report, quantiles},
    table::Row,
    timeline,
    units::{duration, grouped},
};

const STYLE: &str = include_str!("html.css");

/// Returns the page of a run. `row` is the run as a row of a table, and `earlier` are the rows
/// before it.
pub(super) fn page(report: &Report, row: &Row, earlier: &[Row]) -> String {
    let url = escaped(&report.url);
    let (load, verdict) = (escaped(&report.load()), escaped(&report.verdict()));
    let class = report.verdict_class();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>zcomm stress {url}</title>\n<style>\n{STYLE}</style>\n<main>\n\
         <header><h1>{url}</h1><p>{load}</p><p class=\"{class}\">{verdict}</p></header>\n\
         {}{}{}{}</main>\n</html>\n",
        failures(report),
        comparison(row, earlier),
        charts(report),
        numbers(report),
    )
}

/// Returns the charts. Without a message that came back, there is nothing to draw.
fn charts(report: &Report) -> String {
    let latency = &report.tally.latency;
    if latency.is_empty() {
        return String::new();
    }
    [
        figure("Messages by latency", &histogram::histogram(latency)),
        section("Percentiles", "", &percentiles(report)),
        figure("Messages per second", &timeline::throughput(report)),
        figure("Latency in each second", &timeline::latency(report)),
    ]
    .concat()
}

fn section(title: &str, class: &str, body: &str) -> String {
    format!("<section class=\"{class}\"><h2>{title}</h2>{body}</section>\n")
}

fn figure(title: &str, chart: &str) -> String {
    format!("<figure><figcaption>{title}</figcaption>{chart}</figure>\n")
}

/// Returns the numbers, and notes about how reliable they are.
fn numbers(report: &Report) -> String {
    let rows = report.rows();
    let rows = rows
        .iter()
        .map(|(name, value)| format!("<dt>{name}</dt><dd>{}</dd>", escaped(value)));
    let notes = report.notes();
    let notes = notes.iter().map(|note| format!("<p>{}</p>", escaped(note)));
    let (rows, notes) = (rows.collect::<String>(), notes.collect::<String>());
    let body = format!("<dl>{rows}</dl>{notes}");
    section("What was measured", "wide", &body)
}

fn failures(report: &Report) -> String {
    let failures = &report.tally.failures;
    if failures.is_empty() {
        return String::new();
    }
    let list = failures.list();
    let items = list.iter().map(|(kind, failure)| {
        let help = failure.help.as_deref().map(escaped);
        let help = help.map(|help| format!("<br><small>{help}</small>"));
        let (count, kind) = (grouped(failure.count), escaped(kind));
        format!("<li>! {count} x {kind}{}</li>", help.unwrap_or_default())
    });
    let body = format!("<ul class=\"failed\">{}</ul>", items.collect::<String>());
    section("What failed", "wide", &body)
}

/// Returns the comparison with earlier runs, if there are any of the same load.
fn comparison(row: &Row, earlier: &[Row]) -> String {
    let tables = compare::tables(row, earlier);
    if tables.is_empty() {
        return String::new();
    }
    let body = format!(
        "{tables}<p>Each value is the median of its runs. The change is none where the runs overlap. \
         One run shows no spread: measure both in turn, at least three times.</p>"
    );
    section("Compared with earlier runs of this load", "wide", &body)
}

/// Returns a table with a row for each percentile. The table is narrow enough for a phone.
fn percentiles(report: &Report) -> String {
    let tables = report.latencies();
    let head = tables.iter().map(|(name, _)| format!("<th>{name}</th>"));
    let columns: Vec<_> = tables.iter().map(|(_, table)| quantiles(table)).collect();
    let rows = QUANTILES.iter().enumerate().map(|(row, (_, name))| {
        let cells = columns.iter().map(|column| duration(column[row]));
        let cells = cells.map(|cell| format!("<td>{cell}</td>"));
        format!("<tr><th>{name}</th>{}</tr>", cells.collect::<String>())
    });
    let (head, rows) = (head.collect::<String>(), rows.collect::<String>());
    format!("<table><tr><th></th>{head}</tr>{rows}</table>")
}
