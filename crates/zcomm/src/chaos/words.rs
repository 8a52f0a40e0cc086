//! What can be said to a proxy that makes faults: in an option, in a script, at a key.
//!
//! One table names every fault with its key, and one function reads it, so the three cannot
//! drift apart: `--latency 200ms to-server` is `latency 200ms to-server` in a script and on
//! stdin. A key stands for a fault with a value that was given before, or a usual one.
//!
//! What is wrong is answered with what can be typed instead.

use std::time::Duration;

use zcomm_core::xray::Direction;

use super::{
    faults::{Active, Fault, Ways},
    units::{Rate, Wrong, time},
};

/// The highest number of a frame.
const FRAMES: u64 = 1_000_000;

/// A fault, and how it is switched.
pub(super) struct Kind {
    pub(super) key: char,
    pub(super) name: &'static str,
    /// What stands behind its name.
    pub(super) form: &'static str,
    /// Its value when none was said.
    usual: &'static str,
    pub(super) what: &'static str,
}

const fn kind(
    key: char,
    name: &'static str,
    form: &'static str,
    usual: &'static str,
    what: &'static str,
) -> Kind {
    Kind {
        key,
        name,
        form,
        usual,
        what,
    }
}

/// Every fault.
pub(super) const KINDS: [Kind; 11] = [
    kind(
        'l',
        "latency",
        "TIME",
        "200ms",
        "everything comes so much later",
    ),
    kind(
        'j',
        "jitter",
        "TIME",
        "100ms",
        "and by up to so much more, order kept",
    ),
    kind(
        'w',
        "bandwidth",
        "RATE",
        "8kB/s",
        "no more than this gets through",
    ),
    kind(
        'b',
        "blackhole",
        "[TIME]",
        "",
        "nothing passes, nothing ends",
    ),
    kind('p', "drop-pongs", "", "", "no pong arrives"),
    kind(
        'd',
        "duplicate",
        "[N]",
        "1",
        "every N-th message arrives twice",
    ),
    kind(
        's',
        "slow-reader",
        "RATE",
        "1kB/s",
        "the server is read this slowly",
    ),
    kind(
        'i',
        "idle-kill",
        "TIME",
        "10s",
        "closed after so long without a byte",
    ),
    kind(
        'x',
        "corrupt",
        "[N]",
        "1",
        "one bit of frame N is turned over",
    ),
    kind(
        'm',
        "cut-mid-frame",
        "[N]",
        "1",
        "it ends in the middle of frame N",
    ),
    kind(
        'a',
        "reset-after",
        "TIME|N frames",
        "5s",
        "TCP reset after this",
    ),
];

/// What is done at once.
pub(super) const ACTS: [(char, &str, &str); 6] = [
    ('r', "reset", "reset every connection now"),
    ('c', "cut", "cut each in the middle of its next frame"),
    ('0', "clear", "no faults any more"),
    ('?', "list", "this list, and what is on"),
    ('n', "now", "what is on"),
    ('q', "quit", "end"),
];

/// Something that was said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Change {
    On(Active),
    /// Off what has this name.
    Off(&'static str),
    /// On when it is off, off when it is on.
    Toggle(&'static str),
    Clear,
    /// Resets every connection.
    Reset,
    /// Cuts each in its next frame.
    Cut,
    List,
    Now,
    Quit,
}

impl Change {
    /// Reads a line: a key, or a fault with its value, or its name and `off`.
    pub(super) fn parse(line: &str) -> Result<Change, Wrong> {
        let words: Vec<_> = line.split_whitespace().collect();
        let (name, rest) = words.split_first().ok_or_else(|| unknown(""))?;
        if rest.is_empty()
            && let Some(change) = Change::at_once(name)
        {
            return Ok(change);
        }
        match (KINDS.iter().find(|kind| kind.name == *name), rest) {
            (None, _) => Err(unknown(name)),
            (Some(kind), ["off"]) => Ok(Change::Off(kind.name)),
            (Some(kind), rest) => Ok(Change::On(fault(kind.name, rest)?)),
        }
    }

    /// Reads a key.
    pub(super) fn key(key: char) -> Option<Change> {
        Change::at_once(key.encode_utf8(&mut [0; 4]))
    }

    fn at_once(word: &str) -> Option<Change> {
        let is = |key: char| word.strip_prefix(key) == Some("");
        if let Some(kind) = KINDS.iter().find(|kind| is(kind.key)) {
            return Some(Change::Toggle(kind.name));
        }
        let act = ACTS.iter().find(|(key, name, _)| is(*key) || *name == word);
        Some(match act?.1 {
            "reset" => Change::Reset,
            "cut" => Change::Cut,
            "clear" => Change::Clear,
            "list" => Change::List,
            "now" => Change::Now,
            _ => Change::Quit,
        })
    }
}

/// The usual form of a fault.
pub(super) fn usual(name: &str) -> Option<Active> {
    let kind = KINDS.iter().find(|kind| kind.name == name)?;
    let words: Vec<_> = kind.usual.split_whitespace().collect();
    fault(name, &words).ok()
}

/// Reads what stands behind the name of a fault.
pub(super) fn fault(name: &str, words: &[&str]) -> Result<Active, Wrong> {
    let (words, ways) = match words {
        [words @ .., "to-server"] => (words, Ways::Only(Direction::ClientToServer)),
        [words @ .., "to-client"] => (words, Ways::Only(Direction::ServerToClient)),
        [words @ .., "both"] => (words, Ways::Both),
        words => (words, Ways::Both),
    };
    let fault = match (name, words) {
        ("latency", [value]) => Fault::Latency(time(value)?),
        ("jitter", [value]) => Fault::Jitter(time(value)?),
        ("bandwidth", [value]) => Fault::Bandwidth(Rate::parse(value)?),
        ("blackhole", []) => Fault::Blackhole(Duration::ZERO),
        ("blackhole", [after]) => Fault::Blackhole(time(after)?),
        ("drop-pongs", []) => Fault::DropPongs,
        ("duplicate", []) => Fault::Duplicate(1),
        ("duplicate", [every]) => Fault::Duplicate(number(every)?),
        ("slow-reader", [value]) => Fault::SlowReader(Rate::parse(value)?),
        ("idle-kill", [value]) => Fault::IdleKill(time(value)?),
        ("corrupt", []) => Fault::Corrupt(1),
        ("corrupt", [frame]) => Fault::Corrupt(number(frame)?),
        ("cut-mid-frame", []) => Fault::CutMidFrame(1),
        ("cut-mid-frame", [frame]) => Fault::CutMidFrame(number(frame)?),
        ("reset-after", [frames, "frame" | "frames"]) => Fault::ResetAfterFrames(number(frames)?),
        ("reset-after", [after]) => Fault::ResetAfterTime(reset_time(after)?),
        (name, words) => return Err(odd(name, words)),
    };
    match fault.has_ways() || ways == Ways::Both {
        true => Ok(Active { fault, ways }),
        false => Err(Wrong::new(
            format!("{name} has no direction: it is about the whole connection"),
            format!("{fault}"),
        )),
    }
}

fn reset_time(text: &str) -> Result<Duration, Wrong> {
    time(text).map_err(|wrong| match text.parse::<u64>() {
        Ok(number) => Wrong::new(wrong.what, format!("{number}s, or {number} frames")),
        Err(_) => wrong,
    })
}

fn number(text: &str) -> Result<u64, Wrong> {
    match text.parse() {
        Ok(number) if (1..=FRAMES).contains(&number) => Ok(number),
        _ => Err(Wrong::new(
            format!("{text:?} is no number of frames"),
            format!("a number from 1 to {FRAMES}; the address stands before the faults"),
        )),
    }
}

/// A fault with words that do not fit.
fn odd(name: &str, words: &[&str]) -> Wrong {
    let kind = KINDS.iter().find(|kind| kind.name == name);
    let Some(kind) = kind else {
        return unknown(name);
    };
    let form = format!("{name} {}", kind.form);
    let ways = "and, where that makes sense, to-server or to-client behind it";
    let what = match words {
        [] => format!("{name} needs a value"),
        words => format!("{:?} does not fit behind {name}", words.join(" ")),
    };
    Wrong::new(what, format!("{}, {ways}", form.trim_end()))
}

fn unknown(name: &str) -> Wrong {
    let names: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
    let acts: Vec<_> = ACTS.iter().map(|act| act.1).collect();
    let all = format!("one of {}, or {}", names.join(", "), acts.join(", "));
    Wrong::new(format!("{name:?} is no fault"), all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_the_same() {
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
            "idle-kill 1min",
            "corrupt 2",
            "cut-mid-frame 7 to-client",
            "reset-after 5s",
            "reset-after 3 frames to-server",
            "reset-after 1 frame",
        ] {
            let Ok(Change::On(active)) = Change::parse(line) else {
                panic!("{line}");
            };
            assert_eq!(active.to_string(), line);
        }
    }

    #[test]
    fn every_fault_has_a_key_of_its_own_and_a_usual_value() {
        let keys = KINDS.iter().map(|kind| kind.key);
        let mut keys: Vec<_> = keys.chain(ACTS.iter().map(|act| act.0)).collect();
        keys.sort_unstable();
        let all = keys.len();
        keys.dedup();
        assert_eq!(keys.len(), all);
        for kind in &KINDS {
            assert_eq!(usual(kind.name).unwrap().fault.name(), kind.name);
            assert_eq!(Change::key(kind.key), Some(Change::Toggle(kind.name)));
            let off = Change::parse(&format!("{} off", kind.name));
            assert_eq!(off, Ok(Change::Off(kind.name)));
        }
        assert_eq!(Change::key('z'), None);
        assert_eq!(Change::parse("0"), Ok(Change::Clear));
        assert_eq!(Change::parse(" reset "), Ok(Change::Reset));
    }

    #[test]
    fn what_cannot_be_read_is_answered_with_what_can() {
        for (line, what, help) in [
            ("latncy 200ms", "\"latncy\" is no fault", "latency"),
            ("latency", "latency needs a value", "latency TIME"),
            ("latency 200", "200 has no unit", "200ms"),
            ("latency 1s 2s", "\"1s 2s\" does not fit", "latency TIME"),
            (
                "latency 1s to-sever",
                "\"1s to-sever\" does not fit",
                "to-server",
            ),
            ("idle-kill 60s to-server", "no direction", "idle-kill 1min"),
            ("cut-mid-frame 0", "\"0\" is no number of frames", "1 to"),
            (
                "cut-mid-frame ws://a/",
                "no number of frames",
                "address stands before",
            ),
            ("reset-after 5", "5 has no unit", "5s, or 5 frames"),
            ("drop-pongs 5", "\"5\" does not fit", "drop-pongs"),
            ("reset 5", "\"reset\" is no fault", "reset"),
        ] {
            let wrong = Change::parse(line).unwrap_err();
            assert!(wrong.what.contains(what), "{line}: {wrong:?}");
            assert!(wrong.help.contains(help), "{line}: {wrong:?}");
        }
    }
}
