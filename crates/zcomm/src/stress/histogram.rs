//! Draws how many messages had which latency.

use super::{
    axis::Axis,
    chart::{ABOVE, END, FLOOR, LEFT, WIDTH, grid, height, label, open},
    tally::Latencies,
    units::{duration, grouped},
};

/// The bars begin below the space for the names of the percentiles.
const TOP: f64 = ABOVE + 36.0;
/// The lower axis has labels for 1, 2 and 5 up to this number of bars; otherwise only for 1.
const MANY: usize = 15;
/// The values at which the bars of a histogram begin, from 1 to 10. For larger values, all steps
/// are multiplied by 10, 100 and so on. The steps have nearly the same ratio, so all bars have
/// the same width on a logarithmic axis.
const STEPS: [f64; 10] = [1.0, 1.25, 1.6, 2.0, 2.5, 3.15, 4.0, 5.0, 6.3, 8.0];
/// The first bar begins at this latency (nanoseconds), and the bars cover these decades.
const FIRST: f64 = 100.0;
const DECADES: i32 = 10;

/// A bar of a histogram: its range (nanoseconds), and the number of messages in this range.
struct Bar {
    from: u64,
    to: u64,
    count: u64,
}

/// Draws the number of messages in each range of latencies, and a line at p50 and at p99.
pub(super) fn histogram(latency: &Latencies) -> String {
    let bars = bars(latency);
    let most = bars.iter().map(|bar| bar.count).max().unwrap_or(1);
    let axis = Axis::new(most as f64, 1.0);
    let title = "Number of messages by latency";
    let mut svg = open(title) + &grid(&axis, TOP, |number| axis.plain(number));
    let step = (END - LEFT) / bars.len().max(1) as f64;
    for (index, bar) in bars.iter().enumerate() {
        // The bar of a single message must be visible.
        let least = if bar.count > 0 { 1.5 } else { 0.0 };
        let top = height(&axis, TOP, bar.count as f64).min(FLOOR - least);
        let (x, wide, tall) = (LEFT + index as f64 * step, step * 0.86, FLOOR - top);
        let (from, to, count) = (duration(bar.from), duration(bar.to), grouped(bar.count));
        svg += &format!(
            "<rect class=\"bar\" x=\"{x:.1}\" y=\"{top:.1}\" width=\"{wide:.1}\" height=\"{tall:.1}\">\
             <title>{from} to {to}, messages: {count}</title></rect>"
        );
    }
    let first = bars.first().map_or(0, |bar| bar.from);
    for (index, name) in edges(&bars) {
        svg += &label(LEFT + index as f64 * step, &name);
    }
    if !latency.is_empty() {
        let marks = [("p99", 0.99), ("p50", 0.5)].into_iter().enumerate();
        let marks = marks.map(|(row, (name, quantile))| {
            let value = latency.value_at_quantile(quantile);
            let x = LEFT + (place(value) - place(first)) * step;
            mark(name, x.clamp(LEFT, END), row, &duration(value))
        });
        let (lines, names): (String, String) = marks.unzip();
        svg += &(lines + &names);
    }
    svg + "</svg>"
}

/// The place of a latency on the lower axis of a histogram, in bars from the first bar.
fn place(nanoseconds: u64) -> f64 {
    (nanoseconds as f64 / FIRST).max(1.0).log10() * STEPS.len() as f64
}

/// Returns the bars that have a round label: 1, 2 and 5, or only 1 if there are many bars.
fn edges(bars: &[Bar]) -> Vec<(usize, String)> {
    let sparse = bars.len() > MANY;
    let digit = |bar: &Bar| bar.from.to_string().trim_end_matches('0').to_owned();
    let round = |bar: &Bar| match digit(bar).as_str() {
        "1" => true,
        "2" | "5" => !sparse,
        _ => false,
    };
    let bars = bars.iter().enumerate();
    let bars = bars.filter(|(_, bar)| round(bar));
    bars.map(|(index, bar)| (index, whole(bar.from))).collect()
}

/// Writes a latency with one digit, and with its unit.
fn whole(nanoseconds: u64) -> String {
    match nanoseconds {
        0..1_000 => format!("0.{} µs", nanoseconds / 100),
        1_000..1_000_000 => format!("{} µs", nanoseconds / 1_000),
        1_000_000..1_000_000_000 => format!("{} ms", nanoseconds / 1_000_000),
        _ => format!("{} s", nanoseconds / 1_000_000_000),
    }
}

/// Returns a vertical line at a percentile, and its name and value above the bars. The names
/// stand in two rows, so that they do not cover each other.
fn mark(name: &str, x: f64, row: usize, value: &str) -> (String, String) {
    let text = ABOVE + row as f64 * 17.0;
    let top = text - 10.0;
    let (class, beside) = match x > WIDTH / 2.0 {
        true => ("end", x - 4.0),
        false => ("start", x + 4.0),
    };
    let line = format!("<path class=\"mark {name}\" d=\"M{x:.1} {top:.1}V{FLOOR}\"/>");
    let name = format!(
        "<text class=\"{class} {name}\" x=\"{beside:.1}\" y=\"{text:.1}\">{name} {value}</text>"
    );
    (line, name)
}

/// Returns the bars of a logarithmic scale. Leaves out the empty bars before the first message
/// and after the last message.
fn bars(latency: &Latencies) -> Vec<Bar> {
    let decades = (0..DECADES).map(|decade| FIRST * 10f64.powi(decade));
    let mut edges = vec![0];
    edges.extend(decades.flat_map(|decade| STEPS.map(|step| (decade * step).round() as u64)));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn with(values: &[u64]) -> Latencies {
        let mut latency = Latencies::new(3).unwrap();
        for nanoseconds in values {
            latency.record_n(*nanoseconds, 10).unwrap();
        }
        latency
    }

    #[test]
    fn every_message_is_in_one_bar() {
        let latency = with(&[1, 99_999, 100_000, 149_000, 2_000_000, 7_000_000_000_000]);
        let bars = bars(&latency);
        assert_eq!(bars.iter().map(|bar| bar.count).sum::<u64>(), 60);
        let (first, last) = (&bars[0], &bars[bars.len() - 1]);
        assert_eq!((first.from, first.count), (0, 10));
        assert_eq!((last.to, last.count), (u64::MAX, 10));
        assert!(histogram(&Latencies::new(3).unwrap()).ends_with("</svg>"));
    }

    #[test]
    fn labels_are_round_and_percentiles_have_their_value() {
        let latency = with(&[130_000, 400_000, 750_000]);
        let labels: Vec<_> = edges(&bars(&latency))
            .into_iter()
            .map(|(_, name)| name)
            .collect();
        assert_eq!(labels, ["200 µs", "500 µs"]);
        let svg = histogram(&latency);
        assert!(
            svg.contains(">p50 400 µs<") && svg.contains(">p99 750 µs<"),
            "{svg}"
        );
        // Many bars: only powers of ten.
        let latency = with(&[130_000, 750_000_000]);
        let labels: Vec<_> = edges(&bars(&latency))
            .into_iter()
            .map(|(_, name)| name)
            .collect();
        assert_eq!(labels, ["1 ms", "10 ms", "100 ms"]);
    }
}
