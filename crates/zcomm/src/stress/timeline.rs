//! Draws what happened over time.

use super::{
    axis::{Axis, round_up},
    chart::{ABOVE, END, LEFT, grid, height, label, open},
    report::Report,
    tally::Point,
    units::{duration, grouped},
};

/// The lower axis has about this number of steps, because each label needs space.
const STEPS: f64 = 5.0;

/// One line of a chart: its name and its values. The name is also the line's class in the style
/// sheet.
type Series = (&'static str, Vec<f64>);

/// How to write the values of a chart.
struct Unit {
    /// The smallest step of the axis.
    least: f64,
    on_axis: fn(&Axis, f64) -> String,
    exact: fn(f64) -> String,
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
    let unit = Unit {
        least: 1.0,
        on_axis: Axis::plain,
        exact: |value| grouped(value.round() as u64),
    };
    over_time("Messages per second", report, &all, &unit)
}

/// Draws the latency over time.
pub(super) fn latency(report: &Report) -> String {
    let all = [("p50", 0.5), ("p99", 0.99), ("max", 1.0)].map(|(name, quantile)| {
        let points = report.tally.points.iter();
        let values = points.map(|point| point.latency.value_at_quantile(quantile) as f64 * 1000.0);
        (name, values.collect())
    });
    let unit = Unit {
        least: 0.0,
        on_axis: Axis::time,
        exact: |value| duration(value as u64),
    };
    over_time("Latency", report, &all, &unit)
}

fn over_time(title: &str, report: &Report, all: &[Series], unit: &Unit) -> String {
    let values = all.iter().flat_map(|(_, values)| values.iter().copied());
    let axis = Axis::new(values.fold(1.0, f64::max), unit.least);
    let mut svg = open(title) + &grid(&axis, ABOVE, |number| (unit.on_axis)(&axis, number));
    let count = report.tally.points.len();
    let seconds = count.max(1) as f64 * report.point_seconds;
    let x = |second: f64| LEFT + (END - LEFT) * second / seconds;
    let step = round_up(seconds / STEPS).max(1.0);
    for number in 0..=(seconds / step) as u32 {
        let second = f64::from(number) * step;
        svg += &label(x(second), &format!("{second} s"));
    }
    for (name, values) in all {
        let (mut line, mut points) = (String::new(), String::new());
        for (index, value) in values.iter().enumerate() {
            let second = index as f64 * report.point_seconds;
            // Draw each point in the middle of the time that the point covers.
            let x = x(second + report.point_seconds / 2.0);
            let (y, value) = (height(&axis, ABOVE, *value), (unit.exact)(*value));
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
