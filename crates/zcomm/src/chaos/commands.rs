//! The commands of `zcomm chaos`: a key, a line on stdin, or a step of a script.
//!
//! A key switches a fault on or off. A line can also set the fault's value
//! (`latency 50ms to-client`) or switch the fault off (`latency off`). An error says what to
//! type instead.

use super::{
    faults::{Active, Entry, TABLE},
    units::{InputError, shown},
};

/// The commands that do not set a fault: key, name, command, description.
#[rustfmt::skip] // A table: one line for each command.
const ACTIONS: [(char, &str, Command, &str); 6] = [
    ('r', "reset", Command::Reset, "Reset all connections now"),
    ('c', "cut", Command::Cut, "Cut each connection in its next message"),
    ('0', "clear", Command::Clear, "Switch all faults off"),
    ('?', "list", Command::List, "List all faults and commands"),
    ('n', "now", Command::Now, "Show the faults that are on"),
    ('q', "quit", Command::Quit, "End the program"),
];

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Command {
    On(Active),
    Off(&'static Entry),
    /// Switches the fault on if it is off, and off if it is on.
    Toggle(&'static Entry),
    Clear,
    Reset,
    Cut,
    List,
    Now,
    Quit,
}

impl Command {
    /// Reads a line: a key, a command's name, or a fault's name with a value or `off`.
    pub(super) fn parse(line: &str) -> Result<Command, InputError> {
        let words: Vec<_> = line.split_whitespace().collect();
        let (name, rest) = words.split_first().ok_or_else(|| unknown(""))?;
        if rest.is_empty()
            && let Some(command) = Command::without_value(name)
        {
            return Ok(command);
        }
        let entry = TABLE.iter().find(|entry| entry.name == *name);
        let entry = entry.ok_or_else(|| unknown(name))?;
        match rest {
            ["off"] => Ok(Command::Off(entry)),
            rest => Ok(Command::On(entry.read(rest)?)),
        }
    }

    /// Returns the command of a key; `None` if the key has no command.
    pub(super) fn key(key: char) -> Option<Command> {
        Command::without_value(key.encode_utf8(&mut [0; 4]))
    }

    fn without_value(word: &str) -> Option<Command> {
        let is = |key: char| word.strip_prefix(key) == Some("");
        if let Some(entry) = TABLE.iter().find(|entry| is(entry.key)) {
            return Some(Command::Toggle(entry));
        }
        let mut actions = ACTIONS.iter();
        let action = actions.find(|(key, name, ..)| is(*key) || *name == word)?;
        Some(action.2)
    }

    /// Returns a line of help for each command.
    pub(super) fn list() -> impl Iterator<Item = String> {
        let line = |key, form: &str, what| format!("{key}  {form:<26} {what}");
        let faults = TABLE.iter().map(move |entry| {
            let form = format!("{} {}", entry.name, entry.form);
            line(entry.key, &form, entry.what)
        });
        let actions = ACTIONS.iter();
        faults.chain(actions.map(move |(key, name, _, what)| line(*key, name, what)))
    }
}

fn unknown(name: &str) -> InputError {
    let faults: Vec<_> = TABLE.iter().map(|entry| entry.name).collect();
    let actions: Vec<_> = ACTIONS.iter().map(|action| action.1).collect();
    let (faults, actions) = (faults.join(", "), actions.join(", "));
    InputError::new(
        format!("{:?} is not a fault", shown(name)),
        format!("use one of {faults}; or, without a value, {actions}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_printed_as_it_was_read() {
        for line in [
            "latency 200ms",
            "latency 1.5s to-server",
            "jitter 50ms to-client",
            "bandwidth 64kB/s",
            "blackhole",
            "blackhole 5s to-client",
            "drop-pongs to-server",
            "duplicate 3",
            "slow-reader 1kB/s",
            "idle-kill 1m",
            "corrupt 2",
            "cut-mid-frame 7 to-client",
            "reset-after 5s",
            "reset-after 3 frames to-server",
            "reset-after 1 frame",
        ] {
            let Ok(Command::On(active)) = Command::parse(line) else {
                panic!("{line}");
            };
            assert_eq!(active.to_string(), line);
        }
    }

    #[test]
    fn every_key_is_unique_and_every_fault_has_a_usual_value() {
        let keys = TABLE.iter().map(|entry| entry.key);
        let mut keys: Vec<_> = keys.chain(ACTIONS.iter().map(|act| act.0)).collect();
        keys.sort_unstable();
        let all = keys.len();
        keys.dedup();
        assert_eq!(keys.len(), all);
        for entry in &TABLE {
            assert_eq!(entry.usual().unwrap().entry, entry);
            assert_eq!(Command::key(entry.key), Some(Command::Toggle(entry)));
            let off = Command::parse(&format!("{} off", entry.name));
            assert_eq!(off, Ok(Command::Off(entry)));
        }
        assert_eq!(Command::key('z'), None);
        assert_eq!(Command::parse("0"), Ok(Command::Clear));
        assert_eq!(Command::parse(" reset "), Ok(Command::Reset));
    }

    #[test]
    fn an_error_names_what_can_be_typed_instead() {
        for (line, what, help) in [
            ("latncy 200ms", "\"latncy\" is not a fault", "latency"),
            ("latency", "latency needs a value", "latency TIME"),
            ("latency 200ks", "\"200ks\" is not a time", "500ms"),
            (
                "latency 1s 2s",
                "latency does not take \"1s 2s\"",
                "latency TIME",
            ),
            (
                "latency 1s to-sever",
                "does not take \"1s to-sever\"",
                "to-server",
            ),
            ("idle-kill 60s to-server", "no direction", "idle-kill 1m"),
            ("cut-mid-frame 0", "\"0\" is not a number of frames", "1 to"),
            (
                "cut-mid-frame ws://a/",
                "not a number of frames",
                "the address before the faults",
            ),
            (
                "reset-after 5",
                "5 may be a time or frames",
                "5s or 5 frames",
            ),
            (
                "drop-pongs 5",
                "drop-pongs does not take \"5\"",
                "drop-pongs",
            ),
            ("reset 5", "\"reset\" is not a fault", "reset"),
        ] {
            let wrong = Command::parse(line).unwrap_err();
            assert!(wrong.what.contains(what), "{line}: {wrong:?}");
            assert!(wrong.help.contains(help), "{line}: {wrong:?}");
        }
    }
}
