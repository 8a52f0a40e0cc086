//! Draws the server's CPU time per message over the number of connections, from a table of runs.
//!
//! A server with a constant cost per message has a level line. The lower axis is logarithmic,
//! because the numbers of connections are usually 100, 1,000 and 10,000. The picture contains its
//! colours for light and dark, so that any page can show it.

use std::{collections::BTreeMap, path::Path};

use zcomm_core::shown_path;

use super::{
    axis::Axis,
    markup::escaped,
    table::{CPU, LOAD, Row, spread},
    units::grouped,
};
use crate::shared::{failure::Failure, text::counted};

const STYLE: &str = include_str!("growth.css");
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
/// The four sides of the grid. The names of the curves are at its right.
const LEFT: f64 = 56.0;
const RIGHT: f64 = 440.0;
const TOP: f64 = 84.0;
const FLOOR: f64 = HEIGHT - 64.0;
/// The height of a line of text, and the width of the longest number of the lower axis.
const LINE: f64 = 21.0;
const NUMBER: f64 = 60.0;
/// The number of colours, each with its own pattern of dashes, and of characters of a label.
const MOST: usize = 8;
const LONGEST: usize = 24;

/// The runs of one label: for each number of connections, the smallest, the middle and the
/// largest cost, and the number of runs.
struct Curve {
    label: String,
    points: Vec<(f64, [f64; 3], usize)>,
}

pub(super) fn svg(file: &Path, rows: &[Row]) -> Result<String, Failure> {
    let rows: Vec<_> = rows.iter().filter(|row| cost(row).is_some()).collect();
    let name = shown_path(file);
    let Some(first) = rows.first() else {
        return Err(Failure::usage(
            format!("no row of {name} has the connections and the CPU time of the server"),
            "run zcomm stress on the server's machine with --csv: it appends a row",
        ));
    };
    for column in LOAD {
        let mut texts = rows.iter().map(|row| row.text(column));
        let one = texts
            .clone()
            .find(|text| !text.is_empty())
            .unwrap_or_default();
        if let Some(two) = texts.find(|text| !text.is_empty() && *text != one) {
            return Err(Failure::usage(
                format!("the rows of {name} differ in {column}: {one:?} and {two:?}"),
                "a curve shows one load: use a table for each",
            ));
        }
    }
    let curves = curves(&rows);
    if curves.len() > MOST {
        return Err(Failure::usage(
            format!("{name} has {} labels", curves.len()),
            format!(
                "a chart has at most {MOST} curves: use a table for the labels that you compare"
            ),
        ));
    }
    Ok(draw(&curves, first.text("mode") == "fanout"))
}

/// Returns the number of receivers, or of connections if all connections receive; and the CPU
/// time per message.
fn cost(row: &Row) -> Option<(u64, f64)> {
    let connections = row.number("connections")? as u64;
    let publishers = row.number("publishers").unwrap_or(0.0) as u64;
    let count = connections.checked_sub(publishers)?;
    Some((count.max(1), row.number(CPU)?))
}

/// Returns the curves in the order of their first rows.
fn curves(rows: &[&Row]) -> Vec<Curve> {
    let mut labels: Vec<&str> = Vec::new();
    for row in rows {
        if !labels.contains(&row.label()) {
            labels.push(row.label());
        }
    }
    let curve = |label: &str| {
        let mut costs: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.label() == label) {
            let Some((count, cost)) = cost(row) else {
                continue;
            };
            costs.entry(count).or_default().push(cost);
        }
        let points = costs.into_iter().filter_map(|(count, costs)| {
            let runs = costs.len();
            Some((count as f64, spread(costs)?, runs))
        });
        Curve {
            label: cut(label),
            points: points.collect(),
        }
    };
    labels.into_iter().map(curve).collect()
}

fn cut(label: &str) -> String {
    match label.chars().nth(LONGEST) {
        Some(_) => label.chars().take(LONGEST - 1).chain(['…']).collect(),
        None => label.to_owned(),
    }
}

/// The two axes: from numbers to places in the picture.
struct Scale {
    least: f64,
    most: f64,
    axis: Axis,
}

impl Scale {
    fn new(curves: &[Curve]) -> Scale {
        let points = || curves.iter().flat_map(|curve| &curve.points);
        let counts = || points().map(|(count, ..)| *count);
        let costs = points().map(|(_, [.., highest], _)| *highest);
        Scale {
            least: counts().fold(f64::MAX, f64::min),
            // A table with a single number of connections has an axis, too.
            most: counts()
                .fold(1.0, f64::max)
                .max(2.0 * counts().fold(f64::MAX, f64::min)),
            axis: Axis::new(costs.fold(0.001, f64::max), 0.0),
        }
    }

    fn x(&self, count: f64) -> f64 {
        let part = (count / self.least).ln() / (self.most / self.least).ln();
        LEFT + 20.0 + (RIGHT - LEFT - 40.0) * part
    }

    fn y(&self, cost: f64) -> f64 {
        FLOOR - (FLOOR - TOP) * cost / self.axis.top
    }
}

fn draw(curves: &[Curve], fanout: bool) -> String {
    let scale = Scale::new(curves);
    let (title, below) = match fanout {
        true => ("Cost of a delivery", "listeners"),
        false => ("Cost of a message", "connections"),
    };
    let middle = f64::midpoint(LEFT, RIGHT);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" \
         height=\"{HEIGHT}\" role=\"img\" aria-labelledby=\"t d\">\n<title id=\"t\">{title}</title>\n\
         <desc id=\"d\">{}</desc>\n<style>\n{STYLE}</style>\n\
         <rect class=\"paper\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"8\"/>\n\
         <text class=\"h\" x=\"16\" y=\"30\">{title}</text>\n\
         <text x=\"16\" y=\"54\">CPU time of the server (µs); lower is better</text>\n\
         <text class=\"m\" x=\"{middle}\" y=\"{}\">{below}, logarithmic axis</text>\n",
        described(curves, below),
        HEIGHT - 12.0,
    );
    svg += &grid(&scale, curves);
    let places = label_places(&scale, curves);
    for (index, (curve, place)) in curves.iter().zip(places).enumerate() {
        svg += &format!("<g class=\"c{index}\">{}</g>\n", line(&scale, curve, place));
    }
    svg + "</svg>\n"
}

/// Describes the curves for a reader who does not see them.
fn described(curves: &[Curve], below: &str) -> String {
    let curves = curves.iter().map(|curve| {
        let points = curve.points.iter();
        let points = points
            .map(|(count, [_, cost, _], _)| format!("{cost:.2} µs at {}", grouped(*count as u64)));
        let points = points.collect::<Vec<_>>().join(", ");
        format!("{}: {points} {below}.", escaped(&curve.label))
    });
    curves.collect::<Vec<_>>().join(" ")
}

/// Returns the grid: a line for each number of the left axis, and a mark for each measured number
/// of connections whose text has enough space.
fn grid(scale: &Scale, curves: &[Curve]) -> String {
    let mut svg = String::new();
    for number in scale.axis.numbers() {
        let (y, text) = (scale.y(number), scale.axis.plain(number));
        let (left, middle) = (LEFT - 8.0, y + 5.0);
        svg += &format!(
            "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/>\
             <text class=\"e\" x=\"{left}\" y=\"{middle:.1}\">{text}</text>\n"
        );
    }
    let counts = curves.iter().flat_map(|curve| &curve.points);
    let mut counts: Vec<f64> = counts.map(|(count, ..)| *count).collect();
    counts.sort_by(f64::total_cmp);
    let mut free = f64::MIN;
    for count in counts {
        let (x, end, text) = (scale.x(count), FLOOR + 6.0, FLOOR + LINE + 2.0);
        if x >= free {
            let count = grouped(count as u64);
            svg += &format!(
                "<path class=\"grid\" d=\"M{x:.1} {FLOOR}V{end}\"/>\
                 <text class=\"m\" x=\"{x:.1}\" y=\"{text}\">{count}</text>\n"
            );
            free = x + NUMBER;
        }
    }
    svg
}

/// Returns the height of each curve's name: that of its last point, or next to it where another
/// name is there.
fn label_places(scale: &Scale, curves: &[Curve]) -> Vec<f64> {
    let last = |curve: &Curve| {
        curve
            .points
            .last()
            .map_or(FLOOR, |(_, [_, cost, _], _)| scale.y(*cost))
    };
    let mut order: Vec<usize> = (0..curves.len()).collect();
    order.sort_by(|one, two| last(&curves[*one]).total_cmp(&last(&curves[*two])));
    let mut places = vec![0.0; curves.len()];
    let mut lowest = FLOOR - LINE * (curves.len() as f64 - 1.0);
    let mut free: f64 = f64::MIN;
    for index in order {
        // Leave space for the names below this one.
        let place = last(&curves[index]).min(lowest).max(free);
        (free, lowest) = (place + LINE, lowest + LINE);
        places[index] = place;
    }
    places
}

/// Returns a curve, its points, and its name with the last value at its end.
fn line(scale: &Scale, curve: &Curve, place: f64) -> String {
    let (mut path, mut points) = (String::new(), String::new());
    let mut end = String::new();
    for (count, [lowest, cost, highest], runs) in &curve.points {
        let (x, y) = (scale.x(*count), scale.y(*cost));
        let (top, bottom) = (scale.y(*highest), scale.y(*lowest));
        path += &format!("{x:.1},{y:.1} ");
        let runs = counted(*runs as u64, "run");
        points += &format!(
            "<path d=\"M{x:.1} {top:.1}V{bottom:.1}\"/><circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\">\
             <title>{}: {cost:.2} µs, median of {runs}, {lowest:.2} to {highest:.2}</title></circle>",
            grouped(*count as u64)
        );
        let (name, text) = (escaped(&curve.label), place + 5.0);
        let (near, far) = (x + 8.0, RIGHT + 14.0);
        end = format!(
            "<path class=\"lead\" d=\"M{near:.1} {y:.1}L{far} {place:.1}\"/>\
             <text x=\"{}\" y=\"{text:.1}\">{name} {cost:.2}</text>",
            far + 5.0
        );
    }
    format!("<polyline points=\"{}\"/>{points}{end}", path.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stress::table::read_text;

    fn drawn(rows: &str) -> Result<String, String> {
        let header = "label,connections,publishers,size,server_cpu_us_per_message";
        let table = read_text(format!("{header}\n{rows}\n").as_bytes())?;
        svg(Path::new("runs.csv"), &table.rows).map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn a_curve_has_the_median_for_each_number_of_listeners() {
        let svg =
            drawn("a,101,1,64,2\na,101,1,64,9\na,101,1,64,3\na,1001,1,64,4\nb,1000,,,5").unwrap();
        assert!(svg.contains("a: 3.00 µs at 100, 4.00 µs at 1,000"), "{svg}");
        assert!(
            svg.contains("100: 3.00 µs, median of 3 runs, 2.00 to 9.00"),
            "{svg}"
        );
        assert!(
            svg.contains(">a 4.00</text>") && svg.contains(">b 5.00</text>"),
            "{svg}"
        );
        assert_eq!(svg.matches("<polyline").count(), 2, "{svg}");
    }

    /// Every coordinate is a number inside the picture, also if all runs have the same size.
    #[test]
    fn a_single_row_is_a_point() {
        let svg = drawn("only,1,,64,0.2").unwrap();
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert!(svg.contains(">only 0.20</text>"), "{svg}");
    }

    #[test]
    fn a_table_that_is_not_one_load_is_refused() {
        let why = drawn("a,10,1,64,2\na,20,1,128,2").unwrap_err();
        assert!(why.contains("differ in size"), "{why}");
        let why = drawn("a,10,1,64,").unwrap_err();
        assert!(why.contains("no row of runs.csv"), "{why}");
        let many: String = (0..9).map(|label| format!("{label},10,1,64,2\n")).collect();
        assert!(drawn(many.trim_end()).unwrap_err().contains("9 labels"));
    }

    #[test]
    fn names_at_the_same_place_do_not_cover_each_other() {
        let curves = (0..8).map(|index| Curve {
            label: index.to_string(),
            points: vec![(10.0, [0.01; 3], 1)],
        });
        let curves: Vec<_> = curves.collect();
        let mut places = label_places(&Scale::new(&curves), &curves);
        places.sort_by(f64::total_cmp);
        assert!(
            places.windows(2).all(|two| two[1] - two[0] >= LINE),
            "{places:?}"
        );
        assert!(
            places
                .iter()
                .all(|place| (TOP - LINE..=FLOOR).contains(place)),
            "{places:?}"
        );
    }

    #[test]
    fn a_long_label_is_cut_and_markup_is_text() {
        assert_eq!(cut(&"é".repeat(24)).chars().count(), 24);
        assert_eq!(cut(&"é".repeat(25)), "é".repeat(23) + "…");
        assert!(drawn("<b>,10,1,64,2").unwrap().contains(">&lt;b&gt; 2.00<"));
    }
}
