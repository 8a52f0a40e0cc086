//! Charts as SVG, drawn here: a page that has to be fetched from elsewhere to be read is
//! not a report.
//!
//! Everything that can be seen can be read, too: axes have numbers, lines have names and
//! their own dashes, and every bar and point says its value when it is pointed at.

use std::fmt::Write;

use super::{
    report::Report,
    tally::{Latencies, Point},
    units::{duration, grouped},
};

const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 220.0;
/// Room for the numbers at the left and below.
const LEFT: f64 = 64.0;
const BELOW: f64 = 28.0;
const ABOVE: f64 = 12.0;
/// Bars of a histogram in each decade: 1, 1.5, 2, 3, 5, 7.
const STEPS: [f64; 6] = [1.0, 1.5, 2.0, 3.0, 5.0, 7.0];

/// One line of a chart: its class, its name and its values.
struct Line<'a> {
    class: &'a str,
    name: &'a str,
    values: Vec<f64>,
}

/// How many messages took how long.
pub(super) fn histogram(latency: &Latencies) -> String {
    let bars = bars(latency);
    let most = bars.iter().map(|(_, _, count)| *count).max().unwrap_or(1);
    let mut svg = open("How many messages took how long");
    scale(&mut svg, most as f64, |value| grouped(value as u64));
    // The last number needs room, too.
    let step = (WIDTH - LEFT - 30.0) / bars.len().max(1) as f64;
    let every = bars.len().div_ceil(6).max(1);
    for (index, (from, to, count)) in bars.iter().enumerate() {
        let height = (HEIGHT - ABOVE - BELOW) * *count as f64 / most as f64;
        // One among thousands is to be seen, too.
        let height = if *count > 0 { height.max(1.5) } else { 0.0 };
        let (x, y) = (LEFT + index as f64 * step, HEIGHT - BELOW - height);
        let (wide, from, to) = (step * 0.86, duration(*from), duration(*to));
        let count = grouped(*count);
        // A String takes everything.
        write!(
            svg,
            "<rect class=\"bar\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{wide:.1}\" height=\"{height:.1}\">\
             <title>{from} to {to}, messages: {count}</title></rect>"
        )
        .ok();
        if index % every == 0 {
            let y = HEIGHT - 8.0;
            write!(svg, "<text x=\"{x:.1}\" y=\"{y}\">{from}</text>").ok();
        }
    }
    svg + "</svg>"
}

/// From, to (nanoseconds) and how many, on a logarithmic scale.
fn bars(latency: &Latencies) -> Vec<(u64, u64, u64)> {
    let decades = (0..10).map(|decade| 100.0 * 10f64.powi(decade));
    let mut edges: Vec<_> = decades
        .flat_map(|decade| STEPS.map(|step| (decade * step) as u64))
        .collect();
    edges.insert(0, 0);
    edges.push(u64::MAX);
    let bars = edges.windows(2).map(|edge| (edge[0], edge[1], 0));
    let mut bars: Vec<(u64, u64, u64)> = bars.collect();
    for value in latency.iter_recorded() {
        let bar = edges.partition_point(|edge| *edge <= value.value_iterated_to());
        if let Some((_, _, count)) = bars.get_mut(bar.saturating_sub(1)) {
            *count += value.count_at_value();
        }
    }
    let first = bars.iter().position(|(_, _, count)| *count > 0);
    let last = bars.iter().rposition(|(_, _, count)| *count > 0);
    match (first, last) {
        (Some(first), Some(last)) => bars[first..=last].to_vec(),
        _ => Vec::new(),
    }
}

/// Messages a second, over time.
pub(super) fn throughput(report: &Report) -> String {
    // The last point may stand for a part of a second.
    let each = |(index, count): (usize, u64)| {
        let left = report.seconds - index as f64 * report.point_seconds;
        count as f64 / left.clamp(0.001, report.point_seconds)
    };
    let values = |count: fn(&Point) -> u64| {
        let counts = report.points.iter().map(count);
        counts.enumerate().map(each).collect()
    };
    let lines = [
        Line {
            class: "sent",
            name: "out",
            values: values(|point| point.sent),
        },
        Line {
            class: "received",
            name: "in",
            values: values(|point| point.received),
        },
    ];
    lines_over_time("Messages a second", report, &lines, |value| {
        grouped(value.round() as u64)
    })
}

/// Latency over time.
pub(super) fn latency(report: &Report) -> String {
    let at = |quantile: f64| {
        let points = report.points.iter();
        points
            .map(|point| point.latency.value_at_quantile(quantile) as f64 * 1000.0)
            .collect()
    };
    let lines = [("p50", 0.5), ("p99", 0.99), ("max", 1.0)].map(|(name, quantile)| Line {
        class: name,
        name,
        values: at(quantile),
    });
    lines_over_time("Latency", report, &lines, |value| duration(value as u64))
}

fn lines_over_time(
    title: &str,
    report: &Report,
    lines: &[Line<'_>],
    unit: fn(f64) -> String,
) -> String {
    let mut svg = open(title);
    let values = lines.iter().flat_map(|line| line.values.iter().copied());
    let most = values.fold(0.0, f64::max).max(1.0);
    scale(&mut svg, most, unit);
    let count = report.points.len();
    let step = (WIDTH - LEFT - 12.0) / count.max(1) as f64;
    // A point is in the middle of its second.
    let x = |index: usize| LEFT + (index as f64 + 0.5) * step;
    let y = |value: f64| HEIGHT - BELOW - (HEIGHT - ABOVE - BELOW) * value / most;
    let every = count.div_ceil(6).max(1);
    for index in (0..count).step_by(every) {
        let (x, y) = (x(index), HEIGHT - 8.0);
        let second = index as f64 * report.point_seconds;
        write!(
            svg,
            "<text class=\"middle\" x=\"{x:.1}\" y=\"{y}\">{second} s</text>"
        )
        .ok();
    }
    for Line {
        class,
        name,
        values,
    } in lines
    {
        let points = values.iter().enumerate();
        let points: Vec<_> = points
            .map(|(index, value)| format!("{:.1},{:.1}", x(index), y(*value)))
            .collect();
        write!(
            svg,
            "<polyline class=\"{class}\" points=\"{}\"/>",
            points.join(" ")
        )
        .ok();
        for (index, value) in values.iter().enumerate() {
            let (x, y, second) = (x(index), y(*value), index as f64 * report.point_seconds);
            let value = unit(*value);
            write!(
                svg,
                "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\">\
                 <title>second {second}, {name}: {value}</title></circle>"
            )
            .ok();
        }
    }
    let legend = lines.iter().map(|Line { class, name, .. }| {
        format!(
            "<li><svg viewBox=\"0 0 28 8\" width=\"28\" height=\"8\" aria-hidden=\"true\">\
             <polyline class=\"{class}\" points=\"0,4 28,4\"/></svg> {name}</li>"
        )
    });
    format!("{svg}</svg><ul>{}</ul>", legend.collect::<String>())
}

fn open(title: &str) -> String {
    format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">")
}

/// Lines and numbers for the values from 0 to the largest.
fn scale(svg: &mut String, most: f64, unit: impl Fn(f64) -> String) {
    for part in [0.0, 0.5, 1.0] {
        let y = HEIGHT - BELOW - (HEIGHT - ABOVE - BELOW) * part;
        let label = match part > 0.0 {
            true => unit(most * part),
            false => "0".into(),
        };
        let (left, text) = (LEFT - 6.0, y + 4.0);
        write!(
            svg,
            "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{WIDTH}\"/>\
             <text class=\"end\" x=\"{left}\" y=\"{text:.1}\">{label}</text>"
        )
        .ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_is_in_one_bar() {
        let mut latency = Latencies::new(3).unwrap();
        for nanoseconds in [1, 99_999, 100_000, 149_000, 2_000_000, 7_000_000_000_000] {
            latency.record_n(nanoseconds, 10).unwrap();
        }
        let bars = bars(&latency);
        assert_eq!(bars.iter().map(|(_, _, count)| count).sum::<u64>(), 60);
        assert_eq!(
            bars.first().map(|(from, _, count)| (*from, *count)),
            Some((0, 10))
        );
        assert_eq!(
            bars.last().map(|(_, to, count)| (*to, *count)),
            Some((u64::MAX, 10))
        );
        assert!(histogram(&Latencies::new(3).unwrap()).ends_with("</svg>"));
    }
}
