//! Writes numbers as text, with few digits and with their unit.

use indicatif::HumanCount;

/// Writes nanoseconds in a suitable unit. For zero, writes `-`.
pub(super) fn duration(nanoseconds: u64) -> String {
    let value = nanoseconds as f64;
    match nanoseconds {
        0 => "-".into(),
        1..100_000 => format!("{:.1} µs", value / 1e3),
        100_000..1_000_000 => format!("{:.0} µs", value / 1e3),
        1_000_000..100_000_000 => format!("{:.2} ms", value / 1e6),
        100_000_000..1_000_000_000 => format!("{:.0} ms", value / 1e6),
        _ => format!("{:.2} s", value / 1e9),
    }
}

/// Writes a number of bytes. The number must not be negative.
pub(super) fn bytes(count: f64) -> String {
    match count {
        ..1e3 => format!("{count:.0} B"),
        ..1e6 => format!("{:.1} kB", count / 1e3),
        ..1e9 => format!("{:.1} MB", count / 1e6),
        _ => format!("{:.2} GB", count / 1e9),
    }
}

/// Writes 1234567 as 1,234,567.
pub(super) fn grouped(number: u64) -> String {
    HumanCount(number).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_have_their_unit() {
        assert_eq!(duration(0), "-");
        assert_eq!(duration(83_200), "83.2 µs");
        assert_eq!(duration(999_999), "1000 µs");
        assert_eq!(duration(1_234_000), "1.23 ms");
        assert_eq!(duration(300_000_000), "300 ms");
        assert_eq!(duration(2_500_000_000), "2.50 s");
        assert_eq!(
            (bytes(999.0), bytes(6_200.0)),
            ("999 B".into(), "6.2 kB".into())
        );
        assert_eq!(
            (grouped(999), grouped(1_234_567)),
            ("999".into(), "1,234,567".into())
        );
    }
}
