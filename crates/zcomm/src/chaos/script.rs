//! A script switches faults on and off at given times.
//!
//! ```text
//! # A train goes through a tunnel.
//! 0s    latency 80ms
//! 10s   blackhole
//! 20s   clear
//! ```
//!
//! Each line contains a time and a command; `#` begins a comment. Times are counted from the
//! moment when the first client connects, so you do not have to start the client quickly.

use std::{collections::VecDeque, fs::File, io::Read, path::Path, time::Duration};

use zcomm_core::shown_path;

use super::{
    commands::Command,
    units::{InputError, time},
};

/// The limit for a script file (bytes).
const MAX_BYTES: u64 = 256 * 1024;
/// A script has at most this number of steps.
const MAX_STEPS: usize = 1000;

/// The steps of a script that have not run yet, ordered by time.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Script(VecDeque<(Duration, Command)>);

impl Script {
    pub(super) fn read(file: &Path) -> Result<Script, InputError> {
        let name = shown_path(file);
        let unreadable = |why: &dyn std::fmt::Display| {
            let help = "--script names a file with lines such as: 10s blackhole";
            InputError::new(format!("cannot read {name}: {why}"), help)
        };
        let mut text = Vec::new();
        let opened = File::open(file).map_err(|error| unreadable(&error))?;
        let read = opened.take(MAX_BYTES + 1).read_to_end(&mut text);
        if read.map_err(|error| unreadable(&error))? as u64 > MAX_BYTES {
            return Err(unreadable(&"it is longer than 256 KiB"));
        }
        let text = String::from_utf8(text).map_err(|error| {
            let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            unreadable(&format_args!("line {line} is not UTF-8 text"))
        })?;
        Script::parse(&text).map_err(|(line, error)| {
            InputError::new(format!("{name}, line {line}: {}", error.what), error.help)
        })
    }

    /// Reads the lines of a script. An error contains the number of its line, counted from 1.
    fn parse(text: &str) -> Result<Script, (usize, InputError)> {
        let mut script = Script::default();
        // Some editors write only CR at the end of a line. If CR did not end a line, all lines
        // after a `#` would be one comment.
        let text = text.replace("\r\n", "\n");
        for (line, number) in text.split(['\r', '\n']).zip(1..) {
            let line = line.split('#').next().unwrap_or_default().trim();
            if !line.is_empty() {
                script.add(line).map_err(|error| (number, error))?;
            }
        }
        Ok(script)
    }

    /// Reads a line and adds its step.
    fn add(&mut self, line: &str) -> Result<(), InputError> {
        let (at, command) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let at = time(at)?;
        let fail = |what: &str, help: &str| Err(InputError::new(what, help));
        if command.is_empty() {
            return fail(
                "a time without a command",
                "write for example: 10s blackhole",
            );
        }
        let command = Command::parse(command)?;
        if self.0.back().is_some_and(|(before, _)| at < *before) {
            let what = "this step is earlier than the one before";
            return fail(what, "write the lines in the order of their times");
        }
        if self.0.len() == MAX_STEPS {
            let what = format!("a script has at most {MAX_STEPS} steps");
            return fail(&what, "run several scripts, one after the other");
        }
        self.0.push_back((at, command));
        Ok(())
    }

    /// Returns the time of the next step, counted from the first connection.
    pub(super) fn due(&self) -> Option<Duration> {
        self.0.front().map(|(at, _)| *at)
    }

    pub(super) fn next(&mut self) -> Option<Command> {
        self.0.pop_front().map(|(_, command)| command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_steps_and_comments_are_not() {
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
    fn an_error_names_its_line() {
        for (text, line, what) in [
            ("0s latency 80ms\n10x blackhole", 2, "\"10x\" is not a time"),
            ("\n\n0s nonsense", 3, "\"nonsense\" is not a fault"),
            ("# a\r0s nonsense", 2, "not a fault"),
            ("# a\r\n\r\n0s nonsense", 3, "not a fault"),
            ("5s", 1, "without a command"),
            ("5s latency 80ks", 1, "\"80ks\" is not a time"),
            ("5s clear\n4s clear", 2, "earlier"),
        ] {
            let (number, error) = Script::parse(text).unwrap_err();
            assert_eq!(number, line, "{text}");
            assert!(error.what.contains(what), "{text}: {error:?}");
        }
        let long = "1s clear\n".repeat(MAX_STEPS);
        assert!(Script::parse(&long).is_ok());
        assert_eq!(Script::parse(&(long + "1s clear")).unwrap_err().0, 1001);
    }
}
