//! The parts of the page's charts, as SVG without a library. A page that loads a library would
//! need the network.
//!
//! Axes have round numbers with their unit. Each line has a name and its own pattern of dashes.
//! Each bar and point shows its value when the mouse is over it.

use super::axis::Axis;

/// The size of a chart in the units of its drawing. On a phone, a unit is about a pixel.
pub(super) const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 220.0;
/// The left end of the lower axis. The numbers of the other axis are at its left.
pub(super) const LEFT: f64 = 70.0;
/// The right end of the lower axis. Half of its last number is at its right.
pub(super) const END: f64 = WIDTH - 16.0;
/// The height of the lower axis, and of the top of the other axis.
pub(super) const FLOOR: f64 = HEIGHT - 28.0;
pub(super) const ABOVE: f64 = 14.0;

pub(super) fn open(title: &str) -> String {
    format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">")
}

/// Returns the height of a value on an axis whose upper end is at the height `top`.
pub(super) fn height(axis: &Axis, top: f64, value: f64) -> f64 {
    FLOOR - (FLOOR - top) * value / axis.top
}

/// Returns a grid line for each number of the axis, and the numbers.
pub(super) fn grid(axis: &Axis, top: f64, unit: impl Fn(f64) -> String) -> String {
    let line = |number: f64| {
        let y = height(axis, top, number);
        let (left, text, number) = (LEFT - 6.0, y + 4.0, unit(number));
        format!(
            "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{END}\"/>\
             <text class=\"end\" x=\"{left}\" y=\"{text:.1}\">{number}</text>"
        )
    };
    axis.numbers().map(line).collect()
}

/// Returns a mark and a label on the lower axis.
pub(super) fn label(x: f64, text: &str) -> String {
    let (end, y) = (FLOOR + 5.0, HEIGHT - 7.0);
    format!(
        "<path class=\"grid\" d=\"M{x:.1} {FLOOR}V{end}\"/>\
         <text class=\"middle\" x=\"{x:.1}\" y=\"{y}\">{text}</text>"
    )
}
