//! The report as one HTML page that loads nothing: no script, no font, no image.
//!
//! You can send this page by mail, and open it without a network. The program escapes every text
//! that another program or the user has written, such as the server's address.

use super::{
    chart,
    report::{QUANTILES, Report, quantiles},
    units::{duration, grouped},
};

const STYLE: &str = include_str!("html.css");

pub(super) fn page(report: &Report) -> String {
    let url = escaped(&report.url);
    let load = escaped(&report.load());
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>zcomm stress {url}</title>\n<style>\n{STYLE}</style>\n<main>\n\
         <header><h1>{url}</h1><p>{load}</p></header>\n{}{}{}{}{}{}</main>\n</html>\n",
        numbers(report),
        failures(report),
        figure(
            "Latency of messages",
            &chart::histogram(&report.tally.latency)
        ),
        section("Percentiles", &percentiles(report)),
        figure("Messages per second", &chart::throughput(report)),
        figure("Latency in each second", &chart::latency(report)),
    )
}

fn section(title: &str, body: &str) -> String {
    format!("<section><h2>{title}</h2>{body}</section>\n")
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
    section("What was measured", &format!("<dl>{rows}</dl>{notes}"))
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
    section(
        "What failed",
        &format!("<ul class=\"failed\">{}</ul>", items.collect::<String>()),
    )
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

fn escaped(text: &str) -> String {
    // Replace `&` first, because the other replacements contain a `&`.
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_a_text_is_escaped() {
        let hostile = "<script>alert(\"1\" & '2')</script>";
        let shown = "&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)&lt;/script&gt;";
        assert_eq!(escaped(hostile), shown);
    }
}
