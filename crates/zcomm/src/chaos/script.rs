//! A scenario: what goes wrong, and when.
//!
//! ```text
//! # A train goes through a tunnel.
//! 0s    latency 80ms
//! 10s   blackhole
//! 20s   clear
//! ```
//!
//! Each line is a time and what could be typed at that time; `#` begins a remark. Times
//! count from the first connection, so that a scenario is the same however long it takes to
//! start the client.
//!
//! Production repeats such an afternoon with a recording of a real network.

use std::{collections::VecDeque, fs::File, io::Read, path::Path, time::Duration};

use super::{
    commands::Command,
    units::{InputError, time},
};

/// The longest script (bytes, and lines that are no remarks).
const MAX_BYTES: u64 = 256 * 1024;
const MAX_STEPS: usize = 1000;

/// What is to happen, in the order of its times.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Script(VecDeque<(Duration, Command)>);

impl Script {
    /// Reads a file.
    pub(super) fn read(file: &Path) -> Result<Script, InputError> {
        let name = file.display();
        let cannot = |why: &dyn std::fmt::Display| {
            let help = "lines such as: 10s blackhole";
            InputError::new(format!("cannot read {name}: {why}"), help)
        };
        let mut text = Vec::new();
        let opened = File::open(file).map_err(|error| cannot(&error))?;
        let read = opened.take(MAX_BYTES + 1).read_to_end(&mut text);
        if read.map_err(|error| cannot(&error))? as u64 > MAX_BYTES {
            return Err(cannot(&"it is longer than 256 KiB"));
        }
        let text = String::from_utf8(text).map_err(|_| cannot(&"it is not UTF-8 text"))?;
        Script::parse(&text).map_err(|(line, wrong)| {
            InputError::new(format!("{name}, line {line}: {}", wrong.what), wrong.help)
        })
    }

    /// Reads lines; what is wrong comes with its number, counted from 1.
    fn parse(text: &str) -> Result<Script, (usize, InputError)> {
        let mut steps: VecDeque<(Duration, Command)> = VecDeque::new();
        for (line, number) in text.lines().zip(1..) {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let (at, change) = step(line).map_err(|wrong| (number, wrong))?;
            let wrong = |what, help: &str| Err((number, InputError::new(what, help)));
            if steps.back().is_some_and(|(before, _)| at < *before) {
                return wrong(
                    "it is earlier than the line before".into(),
                    "lines in the order of their times",
                );
            }
            if steps.len() == MAX_STEPS {
                let what = format!("a script has at most {MAX_STEPS} steps");
                return wrong(what, "several scripts, one after the other");
            }
            steps.push_back((at, change));
        }
        Ok(Script(steps))
    }

    /// When the next step is due, after the start.
    pub(super) fn due(&self) -> Option<Duration> {
        self.0.front().map(|(at, _)| *at)
    }

    /// The next step.
    pub(super) fn next(&mut self) -> Option<Command> {
        self.0.pop_front().map(|(_, change)| change)
    }
}

fn step(line: &str) -> Result<(Duration, Command), InputError> {
    let (at, words) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let at = time(at)?;
    match words.trim() {
        "" => Err(InputError::new(
            "a time, and nothing that happens then",
            "10s blackhole, for example",
        )),
        words => Ok((at, Command::parse(words)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_steps_and_remarks_are_not() {
        let text = "# a tunnel\n0s latency 80ms # slow\n\n 10s\tblackhole\n10s cut\n20s clear\n";
        let mut script = Script::parse(text).unwrap();
        let mut seen = Vec::new();
        while let Some(due) = script.due() {
            seen.push((due.as_secs(), script.next().unwrap()));
        }
        assert_eq!(seen.len(), 4);
        assert_eq!(seen[1], (10, Command::parse("blackhole").unwrap()));
        assert_eq!(seen[2..], [(10, Command::Cut), (20, Command::Clear)]);
        assert_eq!(script.next(), None);
    }

    #[test]
    fn a_wrong_line_is_named_with_its_number() {
        for (text, line, what) in [
            ("0s latency 80ms\n10 blackhole", 2, "10 has no unit"),
            ("\n\n0s nonsense", 3, "\"nonsense\" is not a fault"),
            ("5s", 1, "nothing that happens"),
            ("5s latency 80", 1, "80 has no unit"),
            ("5s clear\n4s clear", 2, "earlier"),
        ] {
            let (number, wrong) = Script::parse(text).unwrap_err();
            assert_eq!(number, line, "{text}");
            assert!(wrong.what.contains(what), "{text}: {wrong:?}");
        }
        let long = "1s clear\n".repeat(MAX_STEPS);
        assert!(Script::parse(&long).is_ok());
        assert_eq!(Script::parse(&(long + "1s clear")).unwrap_err().0, 1001);
    }
}
