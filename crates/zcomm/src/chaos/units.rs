//! Times and rates with their units, read and written.
//!
//! `200` is a number and not a time: of milliseconds or seconds it would be a thousand times
//! wrong, and nobody would notice at once. So a unit has to be said, and whoever leaves it
//! out, or takes another, is told what can be said. A small b is the classic: 64 kb/s may be
//! kilobytes or kilobits, which is a factor of eight.
//!
//! Production reads such settings with a library, and its users look up what that accepts.

use std::{fmt, time::Duration};

/// What was wrong, and what to type instead.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InputError {
    pub(super) what: String,
    pub(super) help: String,
}

impl InputError {
    pub(super) fn new(what: impl Into<String>, help: impl Into<String>) -> InputError {
        let (mut what, help) = (what.into(), help.into());
        // It repeats what was typed, and a line may be as long as it likes.
        if let Some((end, _)) = what.char_indices().nth(TOLD) {
            what.truncate(end);
            what.push_str(" ...");
        }
        InputError { what, help }
    }
}

/// The longest that is told (characters).
const TOLD: usize = 300;

const LONGEST: Duration = Duration::from_secs(3600);
const TIME: &str = "a time is a number and ms, s or min: 200ms, 1.5s, 2min";
const RATE: &str =
    "a rate is a number and B/s, kB/s, MB/s (bytes), kbit/s or Mbit/s (bits): 64kB/s";

/// Reads `200ms`.
pub(super) fn time(text: &str) -> Result<Duration, InputError> {
    let (number, unit) = split(text, TIME)?;
    let seconds = match unit {
        "ms" => number / 1e3,
        "s" => number,
        "min" => number * 60.0,
        "" => {
            let what = format!("{text} has no unit");
            return Err(InputError::new(what, format!("{text}ms, or {text}s")));
        }
        _ => {
            return Err(InputError::new(
                format!("{unit:?} is no unit of time"),
                TIME,
            ));
        }
    };
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) if time <= LONGEST => Ok(time),
        _ => Err(InputError::new(
            format!("{text} is too long"),
            "at most 60min",
        )),
    }
}

/// Bytes in a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rate(f64);

impl Rate {
    /// Reads `64kB/s`.
    pub(super) fn parse(text: &str) -> Result<Rate, InputError> {
        let (number, unit) = split(text, RATE)?;
        let bytes = match unit {
            "B/s" => number,
            "kB/s" => number * 1e3,
            "MB/s" => number * 1e6,
            "kbit/s" => number * 1e3 / 8.0,
            "Mbit/s" => number * 1e6 / 8.0,
            "" => {
                let what = format!("{text} has no unit");
                return Err(InputError::new(what, format!("{text}kB/s, or {text}B/s")));
            }
            "b/s" | "kb/s" | "mb/s" | "Mb/s" | "KB/s" | "bps" | "kbps" | "Mbps" => {
                let what = format!("{unit:?} may be bytes or bits");
                return Err(InputError::new(what, RATE));
            }
            _ => {
                return Err(InputError::new(
                    format!("{unit:?} is no unit of a rate"),
                    RATE,
                ));
            }
        };
        match (1.0..=1e9).contains(&bytes) {
            true => Ok(Rate(bytes)),
            false => {
                let what = format!("{text} is out of range");
                Err(InputError::new(what, "from 1B/s to 1000MB/s"))
            }
        }
    }

    /// How long so many bytes take.
    pub(super) fn takes(self, bytes: usize) -> Duration {
        Duration::from_secs_f64(bytes as f64 / self.0)
    }

    /// The bytes that pass in this time, at least one.
    pub(super) fn bytes_in(self, time: Duration) -> usize {
        ((self.0 * time.as_secs_f64()) as usize).max(1)
    }
}

/// A number, and the word behind it.
fn split<'a>(text: &'a str, help: &str) -> Result<(f64, &'a str), InputError> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.'));
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    match number.parse() {
        Ok(number) => Ok((number, unit)),
        Err(_) => Err(InputError::new(
            format!("{text:?} does not begin with a number"),
            help,
        )),
    }
}

/// Writes what [`time()`] reads.
pub(super) struct Time(pub(super) Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0.as_secs_f64() * 1e3;
        match milliseconds {
            ..1e3 => write!(f, "{milliseconds}ms"),
            ..6e4 => write!(f, "{}s", milliseconds / 1e3),
            _ => write!(f, "{}min", milliseconds / 6e4),
        }
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

    /// A line of a program may be as long as it likes, and what is said of it not.
    #[test]
    fn what_was_typed_is_not_repeated_to_its_end() {
        let wrong = |length| time(&"ü".repeat(length)).unwrap_err().what;
        assert_eq!(
            wrong(10),
            format!("{:?} does not begin with a number", "ü".repeat(10))
        );
        assert_eq!(wrong(1_000_000).chars().count(), TOLD + 4);
    }

    #[test]
    fn a_time_and_a_rate_are_read_and_written_the_same() {
        for text in ["0ms", "200ms", "1.5s", "10s", "2min", "60min"] {
            assert_eq!(Time(time(text).unwrap()).to_string(), text);
        }
        for text in ["1B/s", "64kB/s", "1.5MB/s", "1000MB/s"] {
            assert_eq!(Rate::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Rate::parse("8kbit/s"), Rate::parse("1kB/s"));
        assert_eq!(time("60s"), time("1min"));
    }

    #[test]
    fn a_wrong_unit_is_answered_with_the_right_ones() {
        for (text, what, help) in [
            ("200", "200 has no unit", "200ms, or 200s"),
            ("200MS", "\"MS\" is no unit", "200ms"),
            ("200 ms", "\" ms\" is no unit", "200ms"),
            ("5m", "\"m\" is no unit", "2min"),
            ("ms", "begin with a number", "200ms"),
            ("-1s", "begin with a number", "200ms"),
            ("1e3s", "\"e3s\" is no unit", "200ms"),
            ("61min", "too long", "60min"),
        ] {
            let wrong = time(text).unwrap_err();
            assert!(wrong.what.contains(what), "{text}: {wrong:?}");
            assert!(wrong.help.contains(help), "{text}: {wrong:?}");
        }
        for (text, what, help) in [
            ("64", "64 has no unit", "64kB/s"),
            ("64kb/s", "may be bytes or bits", "kbit/s"),
            ("64kB", "\"kB\" is no unit", "kB/s"),
            ("0B/s", "out of range", "1B/s"),
            ("2000MB/s", "out of range", "1000MB/s"),
        ] {
            let wrong = Rate::parse(text).unwrap_err();
            assert!(wrong.what.contains(what), "{text}: {wrong:?}");
            assert!(wrong.help.contains(help), "{text}: {wrong:?}");
        }
    }

    #[test]
    fn a_rate_is_a_time_for_bytes_and_bytes_for_a_time() {
        let rate = Rate::parse("64kB/s").unwrap();
        assert_eq!(rate.takes(32_000), Duration::from_millis(500));
        assert_eq!(rate.bytes_in(Duration::from_millis(50)), 3200);
        assert_eq!(Rate::parse("1B/s").unwrap().bytes_in(Duration::ZERO), 1);
    }
}
