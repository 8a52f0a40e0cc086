//! Times and rates, such as `200ms` and `64kB/s`.
//!
//! A time without a unit is in seconds, as in the other subcommands. A rate needs a unit. Units
//! such as `kb/s` are rejected: `64kb/s` could mean kilobytes or kilobits, and a kilobyte is
//! eight kilobits. The error lists the allowed units.

use std::{fmt, time::Duration};

use zcomm_core::{may_be_secret, time_text};

/// What is wrong with the input, and what to type instead.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InputError {
    pub(super) what: String,
    pub(super) help: String,
}

impl InputError {
    pub(super) fn new(what: impl Into<String>, help: impl Into<String>) -> InputError {
        let (mut what, help) = (what.into(), help.into());
        // Limit the error text, because it contains the user's input, which may be very long.
        if let Some((end, _)) = what.char_indices().nth(MAX_LENGTH) {
            what.truncate(end);
            what.push_str(" ...");
        }
        InputError { what, help }
    }
}

/// Returns the user's input, to show it in an error. Returns `***` if the input may contain a
/// secret. For example, a user may type an address with a token instead of a fault.
pub(super) fn shown(text: &str) -> &str {
    if may_be_secret(text) { "***" } else { text }
}

/// The limit for an error text (characters).
const MAX_LENGTH: usize = 300;

const LONGEST: Duration = Duration::from_secs(3600);
const RATE_UNITS: [(&str, f64); 5] = [
    ("kB/s", 1e3),
    ("B/s", 1.0),
    ("MB/s", 1e6),
    ("kbit/s", 1e3 / 8.0),
    ("Mbit/s", 1e6 / 8.0),
];
const RATE_HELP: &str =
    "a rate is a number and B/s, kB/s, MB/s (bytes), kbit/s or Mbit/s (bits): 64kB/s";

/// Reads a time such as `200ms`.
pub(super) fn time(text: &str) -> Result<Duration, InputError> {
    zcomm_core::time(text, Duration::ZERO, LONGEST)
        .map_err(|forms| InputError::new(format!("{:?} is not a time", shown(text)), forms))
}

/// A rate in bytes per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rate(f64);

impl Rate {
    /// Reads a rate such as `64kB/s`.
    pub(super) fn parse(text: &str) -> Result<Rate, InputError> {
        let bytes = scaled(text, &RATE_UNITS, RATE_HELP)?;
        match (1.0..=1e9).contains(&bytes) {
            true => Ok(Rate(bytes)),
            false => {
                let what = format!("{} is out of range", shown(text));
                Err(InputError::new(what, "use 1B/s to 1000MB/s"))
            }
        }
    }

    /// Returns the time that this number of bytes takes at this rate.
    pub(super) fn takes(self, bytes: usize) -> Duration {
        Duration::from_secs_f64(bytes as f64 / self.0)
    }

    /// Returns the number of bytes that pass in this time at this rate, at least 1.
    pub(super) fn bytes_in(self, time: Duration) -> usize {
        ((self.0 * time.as_secs_f64()) as usize).max(1)
    }
}

/// Reads a number and a unit. Returns the number times the factor of the unit.
fn scaled(text: &str, units: &[(&str, f64)], help: &str) -> Result<f64, InputError> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.'));
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let Ok(number) = number.parse::<f64>() else {
        let what = format!("{:?} does not begin with a number", shown(text));
        return Err(InputError::new(what, help));
    };
    if let Some((_, factor)) = units.iter().find(|(name, _)| *name == unit) {
        return Ok(number * factor);
    }
    let what = match unit {
        "" => format!("{} has no unit", shown(text)),
        "b/s" | "kb/s" | "mb/s" | "Mb/s" | "KB/s" | "bps" | "kbps" | "Mbps" => {
            format!("{unit:?} may be bytes or bits")
        }
        _ => format!("{:?} is not a unit", shown(unit)),
    };
    Err(InputError::new(what, help))
}

/// Prints a time in a form that [`time()`] reads.
pub(super) struct Time(pub(super) Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&time_text(self.0))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes @ ..1e3 => write!(f, "{bytes}B/s"),
            bytes @ ..1e6 => write!(f, "{}kB/s", bytes / 1e3),
            bytes => write!(f, "{}MB/s", bytes / 1e6),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of a script may be very long, but the error must stay short.
    #[test]
    fn an_error_repeats_only_the_beginning_of_a_long_input() {
        let what = |length| InputError::new("ü".repeat(length), "").what;
        assert_eq!(what(10), "ü".repeat(10));
        assert_eq!(what(1_000_000).chars().count(), MAX_LENGTH + 4);
    }

    #[test]
    fn a_time_and_a_rate_are_printed_as_they_were_read() {
        for text in ["0s", "200ms", "1.5s", "10s", "2m", "1h"] {
            assert_eq!(Time(time(text).unwrap()).to_string(), text);
        }
        for text in ["1B/s", "64kB/s", "1.5MB/s", "1000MB/s"] {
            assert_eq!(Rate::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Rate::parse("8kbit/s"), Rate::parse("1kB/s"));
        assert_eq!(time("60"), time("1min"));
    }

    #[test]
    fn an_error_names_the_units() {
        for text in ["200MS", "200 ms", "ms", "-1s", "1e3s", "61m"] {
            let error = time(text).unwrap_err();
            assert!(error.what.contains("is not a time"), "{text}: {error:?}");
            assert!(error.help.contains("500ms, 10s or 2m"), "{text}: {error:?}");
        }
        for (text, what, help) in [
            ("64", "64 has no unit", "64kB/s"),
            ("64kb/s", "may be bytes or bits", "kbit/s"),
            ("64kB", "\"kB\" is not a unit", "kB/s"),
            ("0B/s", "out of range", "1B/s"),
            ("2000MB/s", "out of range", "1000MB/s"),
        ] {
            let error = Rate::parse(text).unwrap_err();
            assert!(error.what.contains(what), "{text}: {error:?}");
            assert!(error.help.contains(help), "{text}: {error:?}");
        }
    }

    #[test]
    fn a_rate_converts_bytes_to_time_and_back() {
        let rate = Rate::parse("64kB/s").unwrap();
        assert_eq!(rate.takes(32_000), Duration::from_millis(500));
        assert_eq!(rate.bytes_in(Duration::from_millis(50)), 3200);
        assert_eq!(Rate::parse("1B/s").unwrap().bytes_in(Duration::ZERO), 1);
    }
}
