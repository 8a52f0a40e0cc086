//! Draws charts as SVG without a library. A page that loads a library would need the network.
//!
//! Axes have numbers. Each line has a name and its own pattern of dashes. Each bar and point
//! shows its value when the mouse is over it.

use super::{
    report::Report,
    tally::{Latencies, Point},
    units::{duration, grouped},
};

const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 220.0;
/// The space at the left and below for the numbers of the axes, and the space at the top.
const LEFT: f64 = 64.0;
const BELOW: f64 = 28.0;
const ABOVE: f64 = 12.0;
/// The largest value is drawn at this height above the lower axis.
const TALL: f64 = HEIGHT - ABOVE - BELOW;
/// The lower axis has at most this number of labels.
const LABELS: usize = 6;
/// The values at which the bars of a histogram begin, from 1 to 10. For larger values, all steps
/// are multiplied by 10, 100 and so on.
const STEPS: [f64; 6] = [1.0, 1.5, 2.0, 3.0, 5.0, 7.0];

/// One line of a chart: its name and its values. The name is also the line's class in the style
/// sheet.
type Series = (&'static str, Vec<f64>);

/// A bar of a histogram: its range (nanoseconds), and the number of messages in this range.
struct Bar {
    from: u64,
    to: u64,
    count: u64,
}

/// Draws the number of messages in each range of latencies.
pub(super) fn histogram(latency: &Latencies) -> String {
    let bars = bars(latency);
    let most = bars.iter().map(|bar| bar.count).max().unwrap_or(1);
    let mut svg = open("Number of messages by latency");
    svg += &scale(most as f64, |value| grouped(value as u64));
    // Leave 30 units of space for the last label.
    let step = (WIDTH - LEFT - 30.0) / bars.len().max(1) as f64;
    let every = bars.len().div_ceil(LABELS).max(1);
    for (index, bar) in bars.iter().enumerate() {
        let height = TALL * bar.count as f64 / most as f64;
        // The bar of a single message must be visible.
        let height = if bar.count > 0 { height.max(1.5) } else { 0.0 };
        let (x, y) = (LEFT + index as f64 * step, HEIGHT - BELOW - height);
        let (wide, count) = (step * 0.86, grouped(bar.count));
        let (from, to) = (duration(bar.from), duration(bar.to));
        svg += &format!(
            "<rect class=\"bar\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{wide:.1}\" height=\"{height:.1}\">\
             <title>{from} to {to}, messages: {count}</title></rect>"
        );
        if index % every == 0 {
            svg += &label("start", x, &from);
        }
    }
    svg + "</svg>"
}

/// Returns the bars of a logarithmic scale. Leaves out the empty bars before the first message
/// and after the last message.
fn bars(latency: &Latencies) -> Vec<Bar> {
    let decades = (0..10).map(|decade| 100.0 * 10f64.powi(decade));
    let mut edges = vec![0];
    edges.extend(decades.flat_map(|decade| STEPS.map(|step| (decade * step) as u64)));
    edges.push(u64::MAX);
    // Each bar lies between two edges. For each edge, count all messages below it. A bar's
    // count is the difference between the counts of its two edges. So a rounded value is not
    // counted in two bars.
    let below = |edge: u64| match edge {
        0 => 0,
        edge => latency.count_between(0, edge - 1),
    };
    let ranges = edges.windows(2).map(|edge| (edge[0], edge[1]));
    let ranges = ranges.filter(|(from, to)| below(*from) < latency.len() && below(*to) > 0);
    let bars = ranges.map(|(from, to)| Bar {
        from,
        to,
        count: below(to) - below(from),
    });
    bars.collect()
}

/// Draws the messages per second over time.
pub(super) fn throughput(report: &Report) -> String {
    // The last point may cover less time than the other points, so divide by its real time.
    let per_second = |(index, count): (usize, u64)| {
        let left = report.seconds - index as f64 * report.point_seconds;
        count as f64 / left.clamp(0.001, report.point_seconds)
    };
    let values = |count: fn(&Point) -> u64| {
        let counts = report.tally.points.iter().map(count);
        counts.enumerate().map(per_second).collect()
    };
    let all = [
        ("out", values(|point| point.sent)),
        ("in", values(|point| point.latency.len())),
    ];
    let unit = |value: f64| grouped(value.round() as u64);
    over_time("Messages per second", report, &all, unit)
}

/// Draws the latency over time.
pub(super) fn latency(report: &Report) -> String {
    let all = [("p50", 0.5), ("p99", 0.99), ("max", 1.0)].map(|(name, quantile)| {
        let points = report.tally.points.iter();
        let values = points.map(|point| point.latency.value_at_quantile(quantile) as f64 * 1000.0);
        (name, values.collect())
    });
    over_time("Latency", report, &all, |value| duration(value as u64))
}

fn over_time(title: &str, report: &Report, all: &[Series], unit: fn(f64) -> String) -> String {
    let values = all.iter().flat_map(|(_, values)| values.iter().copied());
    let most = values.fold(0.0, f64::max).max(1.0);
    let mut svg = open(title) + &scale(most, unit);
    let count = report.tally.points.len();
    let step = (WIDTH - LEFT - 12.0) / count.max(1) as f64;
    // Draw each point in the middle of the time that the point covers.
    let x = |index: usize| LEFT + (index as f64 + 0.5) * step;
    let y = |value: f64| HEIGHT - BELOW - TALL * value / most;
    let second = |index: usize| index as f64 * report.point_seconds;
    for index in (0..count).step_by(count.div_ceil(LABELS).max(1)) {
        svg += &label("middle", x(index), &format!("{} s", second(index)));
    }
    for (name, values) in all {
        let (mut line, mut points) = (String::new(), String::new());
        for (index, value) in values.iter().enumerate() {
            let (x, y, second, value) = (x(index), y(*value), second(index), unit(*value));
            line += &format!("{x:.1},{y:.1} ");
            points += &format!(
                "<circle class=\"{name}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\">\
                 <title>second {second}, {name}: {value}</title></circle>"
            );
        }
        let line = line.trim_end();
        svg += &format!("<polyline class=\"{name}\" points=\"{line}\"/>{points}");
    }
    format!("{svg}</svg>{}", legend(all))
}

fn legend(all: &[Series]) -> String {
    let items = all.iter().map(|(name, _)| {
        format!(
            "<li><svg viewBox=\"0 0 28 8\" width=\"28\" height=\"8\" aria-hidden=\"true\">\
             <polyline class=\"{name}\" points=\"0,4 28,4\"/></svg> {name}</li>"
        )
    });
    format!("<ul>{}</ul>", items.collect::<String>())
}

fn open(title: &str) -> String {
    format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">")
}

/// Returns a label on the lower axis.
fn label(class: &str, x: f64, text: &str) -> String {
    let y = HEIGHT - 8.0;
    format!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y}\">{text}</text>")
}

/// Returns grid lines and their numbers: at zero, at half of the largest value, and at the
/// largest value.
fn scale(most: f64, unit: impl Fn(f64) -> String) -> String {
    let line = |part: f64| {
        let y = HEIGHT - BELOW - TALL * part;
        let number = match part > 0.0 {
            true => unit(most * part),
            false => "0".into(),
        };
        let (left, text) = (LEFT - 6.0, y + 4.0);
        format!(
            "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{WIDTH}\"/>\
             <text class=\"end\" x=\"{left}\" y=\"{text:.1}\">{number}</text>"
        )
    };
    [0.0, 0.5, 1.0].map(line).concat()
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
        assert_eq!(bars.iter().map(|bar| bar.count).sum::<u64>(), 60);
        let (first, last) = (&bars[0], &bars[bars.len() - 1]);
        assert_eq!((first.from, first.count), (0, 10));
        assert_eq!((last.to, last.count), (u64::MAX, 10));
        assert!(histogram(&Latencies::new(3).unwrap()).ends_with("</svg>"));
    }
}
