//! The table of all faults, and the set of faults that are on.
//!
//! The table describes every fault. The options of `zcomm chaos`, its keys, its scripts and the
//! list that `?` prints all use this table. So a fault is written in the same way everywhere:
//! `--latency 200ms to-server` as an option, `latency 200ms to-server` in a script or on stdin.
//!
//! The value of a fault may be the number of a frame. Each direction counts its frames from 1,
//! and counts only frames that carry data.

use std::{fmt, time::Duration};

use zcomm_core::xray::Direction;

use super::units::{InputError, Rate, Time, shown, time};
use crate::shared::text::counted;

/// The highest frame number that a fault can have.
const MAX_FRAMES: u64 = 1_000_000;

/// Identifies a row of the [`TABLE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Latency,
    Jitter,
    Bandwidth,
    SlowReader,
    Blackhole,
    DropPongs,
    Duplicate,
    Corrupt,
    CutMidFrame,
    ResetAfter,
    IdleKill,
}

/// A row of the [`TABLE`]: the description of one fault.
#[derive(Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) fault: Fault,
    pub(super) key: char,
    pub(super) name: &'static str,
    /// The kind of value, such as `TIME`; written as `[TIME]` if the value is optional.
    pub(super) form: &'static str,
    /// The value that the fault's key sets. It is also the default of an optional value.
    pub(super) usual: &'static str,
    /// Whether a direction may follow the value, such as `to-server`.
    directed: bool,
    pub(super) what: &'static str,
}

/// All faults, in the order of the help.
#[rustfmt::skip] // A table: two lines for each fault.
pub(super) const TABLE: [Entry; 11] = [
    Entry { fault: Fault::Latency, key: 'l', name: "latency", form: "TIME", usual: "200ms",
            directed: true, what: "Delay all data by this long" },
    Entry { fault: Fault::Jitter, key: 'j', name: "jitter", form: "TIME", usual: "100ms",
            directed: true, what: "Add a random delay of up to TIME; keep the order" },
    Entry { fault: Fault::Bandwidth, key: 'w', name: "bandwidth", form: "RATE", usual: "8kB/s",
            directed: true, what: "Pass on data no faster than this" },
    Entry { fault: Fault::SlowReader, key: 's', name: "slow-reader", form: "RATE", usual: "1kB/s",
            directed: false, what: "Read from the server no faster than this" },
    Entry { fault: Fault::Blackhole, key: 'b', name: "blackhole", form: "[TIME]", usual: "",
            directed: true, what: "Hold back all data when a connection is TIME old" },
    Entry { fault: Fault::DropPongs, key: 'p', name: "drop-pongs", form: "", usual: "",
            directed: true, what: "Drop all pongs" },
    Entry { fault: Fault::Duplicate, key: 'd', name: "duplicate", form: "[N]", usual: "1",
            directed: true, what: "Deliver every N-th message twice" },
    Entry { fault: Fault::Corrupt, key: 'x', name: "corrupt", form: "[N]", usual: "1",
            directed: true, what: "Flip one bit of data frame N" },
    Entry { fault: Fault::CutMidFrame, key: 'm', name: "cut-mid-frame", form: "[N]", usual: "1",
            directed: true, what: "Close in the middle of data frame N" },
    Entry { fault: Fault::ResetAfter, key: 'a', name: "reset-after", form: "TIME|FRAMES",
            usual: "5s", directed: true, what: "Reset TCP after a time or frames: 5s, 3 frames" },
    Entry { fault: Fault::IdleKill, key: 'i', name: "idle-kill", form: "TIME", usual: "10s",
            directed: false, what: "Close without a Close frame when idle for TIME" },
];

impl Entry {
    /// Whether the fault can be written without a value.
    pub(super) fn is_optional(&self) -> bool {
        self.form.is_empty() || self.form.starts_with('[')
    }

    /// Returns the fault with the value that its key sets. Returns `None` only if this value is
    /// wrong in the [`TABLE`].
    pub(super) fn usual(&'static self) -> Option<Active> {
        self.read(&self.usual.split_whitespace().collect::<Vec<_>>())
            .ok()
    }

    /// Reads the words after the fault's name: a value, then a direction.
    pub(super) fn read(&'static self, words: &[&str]) -> Result<Active, InputError> {
        let (words, direction) = match words {
            [words @ .., "to-server"] => (words, Some(Direction::ClientToServer)),
            [words @ .., "to-client"] => (words, Some(Direction::ServerToClient)),
            [words @ .., "both"] => (words, None),
            words => (words, None),
        };
        let mut active = Active {
            entry: self,
            value: self.value(words)?,
            direction,
        };
        // Each direction counts its own frames. But a reset after a time applies to the whole
        // connection, so this reset has no direction.
        let timed_reset = self.fault == Fault::ResetAfter && active.value.time().is_some();
        if direction.is_some() && (timed_reset || !self.directed) {
            let name = self.name;
            let what = format!("{name} has no direction: it applies to the whole connection");
            active.direction = None;
            return Err(InputError::new(what, format!("write {active}")));
        }
        Ok(active)
    }

    fn value(&self, words: &[&str]) -> Result<Value, InputError> {
        let usual: Vec<_> = self.usual.split_whitespace().collect();
        let words = match words {
            [] if self.is_optional() => &usual,
            words => words,
        };
        Ok(match (self.form.trim_matches(['[', ']']), words) {
            (_, []) if self.is_optional() => Value::None,
            ("TIME", [text]) => Value::Time(time(text)?),
            ("RATE", [text]) => Value::Rate(Rate::parse(text)?),
            ("N", [text]) => Value::Number(number(text)?),
            ("TIME|FRAMES", [text, "frame" | "frames"]) => Value::Frames(number(text)?),
            ("TIME|FRAMES", [text]) => Value::Time(time_or_frames(text)?),
            (_, words) => return Err(self.misuse(words)),
        })
    }

    fn misuse(&self, words: &[&str]) -> InputError {
        let what = match words {
            [] => format!("{} needs a value", self.name),
            words => format!("{} does not take {:?}", self.name, shown(&words.join(" "))),
        };
        let ways = match self.directed {
            true => " [to-server|to-client]",
            false => "",
        };
        let form = format!("{} {}", self.name, self.form);
        InputError::new(what, format!("write {}{ways}", form.trim_end()))
    }
}

/// Reads a time that needs a unit: a number alone could be seconds or frames.
fn time_or_frames(text: &str) -> Result<Duration, InputError> {
    match text.parse::<u64>() {
        Ok(number) => Err(InputError::new(
            format!("{text} may be a time or frames"),
            format!("write {number}s or {number} frames"),
        )),
        Err(_) => time(text),
    }
}

fn number(text: &str) -> Result<u64, InputError> {
    match text.parse() {
        Ok(number) if (1..=MAX_FRAMES).contains(&number) => Ok(number),
        _ => Err(InputError::new(
            format!("{:?} is not a number of frames", shown(text)),
            format!("use a number from 1 to {MAX_FRAMES}, and write the address before the faults"),
        )),
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    None,
    Time(Duration),
    Rate(Rate),
    Number(u64),
    /// A number of frames, written with its unit: `3 frames`.
    Frames(u64),
}

impl Value {
    /// Returns the time. [`Value::None`] has the time zero. Other kinds of values have no time, so
    /// the result is `None`.
    pub(super) fn time(self) -> Option<Duration> {
        match self {
            Value::None => Some(Duration::ZERO),
            Value::Time(time) => Some(time),
            _ => None,
        }
    }
}

/// A fault that is on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Active {
    pub(super) entry: &'static Entry,
    pub(super) value: Value,
    /// `None` if the fault applies to both directions, or to the connection as a whole.
    direction: Option<Direction>,
}

impl fmt::Display for Active {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.entry.name)?;
        match self.value {
            Value::None => {}
            Value::Time(time) => write!(f, " {}", Time(time))?,
            Value::Rate(rate) => write!(f, " {rate}")?,
            Value::Number(number) => write!(f, " {number}")?,
            Value::Frames(frames) => write!(f, " {}", counted(frames, "frame"))?,
        }
        f.write_str(match self.direction {
            None => "",
            Some(Direction::ClientToServer) => " to-server",
            Some(Direction::ServerToClient) => " to-client",
        })
    }
}

/// All faults that are on. Each fault is in this list at most once.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Faults(Vec<Active>);

impl Faults {
    /// Switches a fault on. If this fault is on already, replaces its value.
    pub(super) fn put(&mut self, active: Active) {
        match self.0.iter_mut().find(|old| old.entry == active.entry) {
            Some(old) => *old = active,
            None => self.0.push(active),
        }
    }

    pub(super) fn remove(&mut self, fault: Fault) {
        self.0.retain(|active| active.entry.fault != fault);
    }

    /// Returns a fault if it is on, in any direction.
    pub(super) fn get(&self, fault: Fault) -> Option<Active> {
        let mut all = self.0.iter();
        all.find(|active| active.entry.fault == fault).copied()
    }

    /// Returns a fault's value if the fault is on in this direction.
    pub(super) fn value(&self, fault: Fault, direction: Direction) -> Option<Value> {
        let active = self.get(fault)?;
        let applies = active.direction.is_none_or(|only| only == direction);
        applies.then_some(active.value)
    }

    /// Returns a fault's time if the fault is on in this direction.
    pub(super) fn time(&self, fault: Fault, direction: Direction) -> Option<Duration> {
        self.value(fault, direction)?.time()
    }

    /// Returns a fault's rate if the fault is on in this direction.
    pub(super) fn rate(&self, fault: Fault, direction: Direction) -> Option<Rate> {
        match self.value(fault, direction)? {
            Value::Rate(rate) => Some(rate),
            _ => None,
        }
    }

    /// Returns a fault's number if the fault is on in this direction.
    pub(super) fn number(&self, fault: Fault, direction: Direction) -> Option<u64> {
        match self.value(fault, direction)? {
            Value::Number(number) | Value::Frames(number) => Some(number),
            _ => None,
        }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, others @ ..] = &self.0[..] else {
            return f.write_str("no faults");
        };
        write!(f, "{first}")?;
        others.iter().try_for_each(|other| write!(f, ", {other}"))
    }
}

/// Returns "from the client" or "from the server", for a report about this direction.
pub(super) fn sender(direction: Direction) -> &'static str {
    match direction {
        Direction::ClientToServer => "from the client",
        Direction::ServerToClient => "from the server",
    }
}
