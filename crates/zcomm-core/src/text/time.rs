//! A length of time as people write it: `500ms`, `10s`, `2m`, `1h`, or a number of seconds.
//!
//! Settings and command-line options read a time with this code, so a time has the same forms
//! everywhere.

use std::time::Duration;

/// The units, and the seconds of each unit.
const UNITS: [(&str, f64); 6] = [
    ("", 1.0),
    ("ms", 1e-3),
    ("s", 1.0),
    ("m", 60.0),
    ("min", 60.0),
    ("h", 3600.0),
];

/// Reads a time from `least` to `most`.
///
/// # Errors
/// If the text is not a time, or the time is outside the limits. The error is a sentence that
/// lists the limits and the forms of a time.
pub fn time(text: &str, least: Duration, most: Duration) -> Result<Duration, String> {
    let time = seconds(text).and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    time.filter(|time| (least..=most).contains(time))
        .ok_or_else(|| {
            let examples = match most < Duration::from_secs(120) {
                true => "500ms or 10s",
                false => "500ms, 10s or 2m",
            };
            let (least, most) = (time_text(least), time_text(most));
            format!(
                "expected a time from {least} to {most}, such as {examples}; a number alone means \
                 seconds"
            )
        })
}

fn seconds(text: &str) -> Option<f64> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.'));
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
    Some(number.parse::<f64>().ok()? * factor)
}

/// Writes a time in a form that [`time()`] reads: `0s`, `500ms`, `90s`, `2m`, `1h`. The number of
/// hours or minutes is always whole.
#[must_use]
pub fn time_text(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        0.0 => "0s".into(),
        ..1.0 => format!("{}ms", seconds * 1e3),
        _ if seconds % 3600.0 == 0.0 => format!("{}h", seconds / 3600.0),
        _ if seconds % 60.0 == 0.0 => format!("{}m", seconds / 60.0),
        _ => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn read(text: &str) -> Result<Duration, String> {
        time(text, Duration::ZERO, HOUR)
    }

    #[test]
    fn a_time_has_a_unit_or_is_in_seconds() {
        for (text, milliseconds) in [
            ("500ms", 500),
            ("10s", 10_000),
            ("10", 10_000),
            ("0.5", 500),
            ("1.5s", 1_500),
            ("2m", 120_000),
            ("2min", 120_000),
            ("1h", 3_600_000),
            ("0", 0),
        ] {
            assert_eq!(
                read(text),
                Ok(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
    }

    #[test]
    fn any_other_text_is_refused_with_the_forms() {
        for text in [
            "", "ms", "s", "-1", "-1s", "1e3", "1e3s", "inf", "NaN", "10 s", "10S", "10sec",
            "1m30s", "1.2.3", "61m", "3601", "1e400", "\u{663}s",
        ] {
            let error = read(text).unwrap_err();
            let forms = "expected a time from 0s to 1h, such as 500ms, 10s or 2m; a number alone \
                         means seconds";
            assert_eq!(error, forms, "{text}");
        }
        assert!(time("99ms", Duration::from_millis(100), HOUR).is_err());
        assert!(time("100ms", Duration::from_millis(100), HOUR).is_ok());
        // The examples are within the limits.
        let minute = Duration::from_secs(60);
        let error = time("2m", Duration::ZERO, minute).unwrap_err();
        assert!(error.contains("to 1m, such as 500ms or 10s; "), "{error}");
    }

    #[test]
    fn a_time_is_written_as_it_is_read() {
        for text in ["0s", "200ms", "1.5s", "10s", "90s", "2m", "1h"] {
            assert_eq!(time_text(read(text).unwrap()), text);
        }
    }
}
