//! Compares a run with earlier runs of the same load, which are rows of a table.
//!
//! One run shows no spread. So a group of runs is shown as its median, and a difference between
//! groups whose ranges overlap is not shown as a difference.

use super::{
    markup::escaped,
    table::{CPU, LOAD, Row, spread},
    units::{duration, grouped},
};
use crate::shared::text::counted;

/// At most this number of earlier labels are compared, the newest.
const MOST: usize = 3;

/// A column of the table, its name on the page, and how to write it.
type Measure = (&'static str, &'static str, fn(f64) -> String);

const MEASURES: [Measure; 4] = [
    ("received_per_second", "messages/s", |value| {
        grouped(value.round() as u64)
    }),
    ("p50_us", "latency p50", |value| {
        duration((value * 1e3) as u64)
    }),
    ("p99_us", "latency p99", |value| {
        duration((value * 1e3) as u64)
    }),
    (CPU, "server CPU a message", |value| {
        format!("{value:.2} µs")
    }),
];

/// Returns a table for each earlier label: its medians, those of this run, the difference.
/// If other labels are there, earlier rows with this run's label count as runs of this version.
pub(super) fn tables(this: &Row, earlier: &[Row]) -> String {
    let same = |row: &&Row| {
        let load = LOAD.iter().chain(&["connections"]);
        load.into_iter().all(|column| row.agrees(this, column))
    };
    let (own, others): (Vec<_>, Vec<_>) = earlier
        .iter()
        .filter(same)
        .partition(|row| row.label() == this.label());
    if others.is_empty() {
        return match own[..] {
            [] => String::new(),
            _ => table("before", &own, "this run", &[this]),
        };
    }
    let mut labels: Vec<&str> = Vec::new();
    for row in others.iter().rev() {
        if !labels.contains(&row.label()) && labels.len() < MOST {
            labels.push(row.label());
        }
    }
    let ours = [&own[..], &[this]].concat();
    let tables = labels.into_iter().map(|label| {
        let theirs = others.iter().copied().filter(|row| row.label() == label);
        table(label, &theirs.collect::<Vec<_>>(), this.label(), &ours)
    });
    tables.collect()
}

fn table(old: &str, theirs: &[&Row], new: &str, ours: &[&Row]) -> String {
    let head = |name: &str, rows: &[&Row]| {
        let runs = counted(rows.len() as u64, "run");
        format!("<th>{}<br><small>{runs}</small></th>", escaped(name))
    };
    let rows = MEASURES.map(|(column, name, write)| {
        let values =
            |rows: &[&Row]| spread(rows.iter().filter_map(|row| row.number(column)).collect());
        let (before, now) = (values(theirs), values(ours));
        let cell =
            |spread: Option<[f64; 3]>| spread.map_or("-".into(), |[_, middle, _]| write(middle));
        let change = match (before, now) {
            (Some(before), Some(now)) => difference(before, now),
            _ => "-".into(),
        };
        let (before, now) = (cell(before), cell(now));
        format!("<tr><th>{name}</th><td>{before}</td><td>{now}</td><td>{change}</td></tr>")
    });
    let (old, new) = (head(old, theirs), head(new, ours));
    format!(
        "<table><tr><th></th>{old}{new}<th>change</th></tr>{}</table>",
        rows.concat()
    )
}

/// Returns the difference of two medians in percent. If the ranges of the two groups overlap,
/// the runs show no difference.
fn difference(before: [f64; 3], now: [f64; 3]) -> String {
    let ([lowest, old, highest], [low, new, high]) = (before, now);
    let percent = (new / old - 1.0) * 100.0;
    match low <= highest && lowest <= high {
        true => "none".into(),
        false if percent.abs() < 0.5 => "0 %".into(),
        false if percent.is_finite() => format!("{percent:+.0} %").replace('-', "−"),
        false => "-".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(label: &str, cpu: &str, size: &str) -> Row {
        let cells = [
            ("label", label),
            (CPU, cpu),
            ("size", size),
            ("connections", "10"),
        ];
        Row(cells
            .map(|(name, cell)| (name.to_owned(), cell.to_owned()))
            .into())
    }

    #[test]
    fn a_run_is_compared_with_runs_of_the_same_load() {
        let this = row("new", "3.0", "64");
        assert_eq!(tables(&this, &[row("old", "4.0", "16000")]), "");
        let old = [
            row("old", "4.0", "64"),
            row("old", "5", "64"),
            row("old", "9", "64"),
        ];
        let page = tables(&this, &old);
        assert!(
            page.contains("<td>5.00 µs</td><td>3.00 µs</td><td>−40 %</td>"),
            "{page}"
        );
        assert!(page.contains("old<br><small>3 runs</small>"), "{page}");
        // The same version twice: the earlier run is the other side.
        let page = tables(&this, &[row("new", "2.0", "64")]);
        assert!(
            page.contains("<td>+50 %</td>") && page.contains("this run"),
            "{page}"
        );
    }

    #[test]
    fn runs_that_overlap_have_no_difference() {
        assert_eq!(difference([4.0, 5.0, 6.0], [3.0, 3.5, 4.1]), "none");
        assert_eq!(difference([4.0, 5.0, 6.0], [3.0, 3.5, 3.9]), "−30 %");
        assert_eq!(difference([4.0, 5.0, 6.0], [6.01, 6.02, 6.03]), "+20 %");
        assert_eq!(difference([100.0; 3], [100.2; 3]), "0 %");
        assert_eq!(difference([0.0; 3], [1.0; 3]), "-");
    }
}
