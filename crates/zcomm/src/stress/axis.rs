//! The axis of a chart: round numbers from zero to the largest value.
//!
//! A reader compares a value with the numbers of the axis, so these numbers are round: 0, 200,
//! 400, not 0, 301.5, 603.

use super::units::grouped;

/// An axis has at most this number of steps.
const STEPS: f64 = 5.0;

pub(super) struct Axis {
    /// The distance from one number to the next: 1, 2 or 5, times a power of ten.
    step: f64,
    /// The last number, at least as large as every value.
    pub(super) top: f64,
}

impl Axis {
    /// Returns an axis for values from 0 to `most`. A step is at least `least`.
    pub(super) fn new(most: f64, least: f64) -> Axis {
        let step = round_up(most / STEPS).max(least);
        // A value that is on a grid line needs no further step above it.
        let count = (most / step - 1e-9).ceil().max(1.0);
        let top = step * count;
        Axis { step, top }
    }

    /// Returns the numbers of the axis, from 0 to the top.
    pub(super) fn numbers(&self) -> impl Iterator<Item = f64> {
        let count = (self.top / self.step).round() as u32;
        (0..=count).map(|number| f64::from(number) * self.step)
    }

    /// Writes a number of this axis, with as many decimals as the step needs.
    pub(super) fn plain(&self, number: f64) -> String {
        decimals(number, self.step)
    }

    /// Writes nanoseconds. All numbers of an axis have the same unit.
    pub(super) fn time(&self, nanoseconds: f64) -> String {
        let (size, unit) = match self.top {
            ..1e6 => (1e3, "µs"),
            ..1e9 => (1e6, "ms"),
            _ => (1e9, "s"),
        };
        match nanoseconds > 0.0 {
            true => decimals(nanoseconds / size, self.step / size) + " " + unit,
            false => "0".into(),
        }
    }
}

/// Returns the smallest of 1, 2, 5, 10, 20, 50 and so on that is not less than this number.
pub(super) fn round_up(number: f64) -> f64 {
    let power = 10f64.powf(number.log10().floor());
    let round = [1.0, 2.0, 5.0].map(|digit| digit * power);
    let found = round.into_iter().find(|round| *round >= number * 0.999_999);
    found.unwrap_or(10.0 * power)
}

fn decimals(number: f64, step: f64) -> String {
    if step >= 1.0 {
        return grouped(number.round() as u64);
    }
    let digits = (-step.log10() - 1e-9).ceil().max(0.0) as usize;
    format!("{number:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(most: f64, least: f64) -> Vec<String> {
        let axis = Axis::new(most, least);
        axis.numbers().map(|number| axis.plain(number)).collect()
    }

    #[test]
    fn the_numbers_of_an_axis_are_round() {
        assert_eq!(
            numbers(903.0, 1.0),
            ["0", "200", "400", "600", "800", "1,000"]
        );
        assert_eq!(numbers(2.91, 0.0), ["0", "1", "2", "3"]);
        assert_eq!(numbers(0.3, 0.0), ["0.0", "0.1", "0.2", "0.3"]);
        assert_eq!(numbers(8.38, 0.0), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(numbers(400.0, 0.0), ["0", "100", "200", "300", "400"]);
        assert_eq!(numbers(501.0, 0.0), ["0", "200", "400", "600"]);
    }

    #[test]
    fn a_count_has_whole_steps() {
        assert_eq!(numbers(1.0, 1.0), ["0", "1"]);
        assert_eq!(numbers(3.0, 1.0), ["0", "1", "2", "3"]);
    }

    #[test]
    fn all_times_of_an_axis_have_one_unit() {
        let times = |most| {
            let axis = Axis::new(most, 0.0);
            axis.numbers()
                .map(|number| axis.time(number))
                .collect::<Vec<_>>()
        };
        assert_eq!(times(75_000.0), ["0", "20 µs", "40 µs", "60 µs", "80 µs"]);
        assert_eq!(times(2_910_000.0), ["0", "1 ms", "2 ms", "3 ms"]);
        assert_eq!(times(1.2e9), ["0", "0.5 s", "1.0 s", "1.5 s"]);
    }
}
