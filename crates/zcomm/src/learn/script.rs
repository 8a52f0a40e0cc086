//! The steps of an exercise, as its file `steps.txt` has them: one action a line, in plain words.
//!
//! ```text
//! step a client that leaves is not counted
//!     ada connects
//!     ada gets 1
//!     bob connects
//!     ada gets 2
//!     bob disappears
//!     ada gets 1
//! ```
//!
//! The learner reads the same lines in the report. A word such as `$word` is random in each run, so
//! a program cannot know the answer in advance.

use std::{collections::BTreeMap, time::Duration};

use regex_lite::Regex;
use zcomm_core::time;

/// What the learner's program is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Server,
    Client,
}

pub(super) struct Script {
    pub(super) kind: Kind,
    pub(super) steps: Vec<Step>,
}

/// One step. The program is started anew for each step.
pub(super) struct Step {
    pub(super) title: String,
    pub(super) actions: Vec<Action>,
}

pub(super) struct Action {
    /// The line of the script, with its random words.
    pub(super) line: String,
    pub(super) what: What,
}

/// What one line does, or what it expects. A `String` that comes first is the name of an actor.
pub(super) enum What {
    /// Sets a variable of the program's environment.
    Set(String, String),
    /// Makes a certificate for the program: the program must serve `wss://`.
    Certificate,
    /// Connects to the program.
    Connects(String, Way),
    /// Opens a TCP connection, and sends nothing.
    Stalls,
    /// The program refuses the handshake with this HTTP status.
    Refused(String, Way, u16),
    /// The program connects. The pause before its connection is at least this long.
    Accepts(String, Duration),
    Sends(String, Data),
    Gets(String, Expected),
    /// No message is left.
    GetsNothing(String),
    /// Sends a Close frame.
    Closes(String, u16, String),
    /// Gets a Close frame with this code, or with one of these reasons.
    IsClosed(String, u16),
    /// Ends the connection without a Close frame.
    Disappears(String),
    /// Disappears, and closes the port for this time.
    IsDown(String, Duration),
    /// Lets this time pass: the client measures it.
    Waits(Duration),
    /// Plays cases of `zcomm check`.
    Check(Vec<String>, bool),
    /// Sends SIGTERM to the program.
    Stop,
    /// The program ends. With a code, its exit code is this code.
    Ends(Option<bool>),
    /// The last line that the program prints on stdout.
    Prints(Expected),
}

/// The origin of a page that the program itself serves. `{port}` stands for the program's port.
const OWN_PAGE: &str = "http://127.0.0.1:{port}";

/// How an actor connects.
#[derive(Clone, Default)]
pub(super) struct Way {
    pub(super) path: String,
    pub(super) origin: Option<String>,
    pub(super) plain: bool,
}

impl Way {
    /// The origin, with the port of the program.
    pub(super) fn origin(&self, port: u16) -> Option<String> {
        let origin = self.origin.as_ref()?;
        Some(origin.replace("{port}", &port.to_string()))
    }
}

pub(super) enum Data {
    Text(String),
    /// Only this number of bytes of the frame with this text.
    First(usize, String),
    /// The other bytes of the frame whose first bytes are sent.
    Rest,
    Bytes(Vec<u8>),
}

pub(super) enum Expected {
    Text(String),
    Bytes(Vec<u8>),
    Regex(Regex),
}

impl Expected {
    /// Whether a text is the expected one. JSON is compared as JSON: spaces and the order of
    /// members do not count.
    pub(super) fn fits(&self, text: &str) -> bool {
        let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
        match self {
            Expected::Text(expected) if expected.starts_with('{') => json(expected) == json(text),
            Expected::Text(expected) => expected == text,
            Expected::Regex(regex) => regex.is_match(text),
            Expected::Bytes(_) => false,
        }
    }
}

impl Script {
    /// Reads a script. An error names the line that is wrong.
    pub(super) fn read(text: &str) -> Result<Script, String> {
        let mut lines = text.lines().map(str::trim);
        let mut lines = lines
            .by_ref()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        let kind = match lines.next() {
            Some("server") => Kind::Server,
            Some("client") => Kind::Client,
            _ => return Err("the first line must be `server` or `client`".into()),
        };
        let mut steps: Vec<Step> = Vec::new();
        let mut words = Words::default();
        for line in lines {
            if let Some(title) = line.strip_prefix("step ") {
                words = Words::default();
                steps.push(Step {
                    title: title.to_owned(),
                    actions: Vec::new(),
                });
                continue;
            }
            let line = words.fill(line);
            let step = steps.last_mut().ok_or("a line before the first step")?;
            let what = action(&line).ok_or_else(|| format!("no such action: {line}"))?;
            step.actions.push(Action { line, what });
        }
        Ok(Script { kind, steps })
    }
}

/// The random words of a step.
#[derive(Default)]
struct Words(BTreeMap<String, String>);

impl Words {
    /// Replaces each `$name` by its word.
    fn fill(&mut self, line: &str) -> String {
        let mut parts = line.split('$');
        let mut filled = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let end = part.find(|c: char| !c.is_ascii_lowercase());
            let (name, rest) = part.split_at(end.unwrap_or(part.len()));
            // A `$` without a name is the end of a regular expression.
            match name {
                "" => filled.push('$'),
                name => filled += self.0.entry(name.to_owned()).or_insert_with(random_word),
            }
            filled += rest;
        }
        filled
    }
}

fn random_word() -> String {
    let letters = ["bdfgklmnprst", "aeiou"].into_iter().cycle().take(5);
    let letters = letters.map(|of| char::from(of.as_bytes()[fastrand::usize(..of.len())]));
    letters.collect()
}

fn action(line: &str) -> Option<What> {
    let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
    match (first, rest) {
        ("set", rest) => {
            let (name, value) = rest.split_once(' ')?;
            Some(What::Set(name.to_owned(), value.to_owned()))
        }
        ("certificate", "") => Some(What::Certificate),
        ("check", rest) => {
            let names = rest.split(' ').filter(|word| *word != "--echo");
            let names = names.map(str::to_owned).collect();
            Some(What::Check(names, rest.contains("--echo")))
        }
        ("program", "is told to stop") => Some(What::Stop),
        ("program", "ends") => Some(What::Ends(None)),
        ("program", "ends well") => Some(What::Ends(Some(true))),
        ("program", "ends with an error") => Some(What::Ends(Some(false))),
        ("program", rest) => Some(What::Prints(expected(rest.strip_prefix("prints ")?)?)),
        (who, rest) => of_actor(who.to_owned(), rest),
    }
}

fn of_actor(who: String, line: &str) -> Option<What> {
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    match (verb, rest) {
        ("connects", rest) => Some(What::Connects(who, way(rest)?)),
        ("is", rest) => match rest.split_once(' ')? {
            ("refused", rest) => {
                let (status, rest) = rest.split_once(' ').unwrap_or((rest, ""));
                Some(What::Refused(who, way(rest)?, status.parse().ok()?))
            }
            ("closed", code) => Some(What::IsClosed(who, code.parse().ok()?)),
            ("down", rest) => {
                let pause = rest.strip_prefix("for ")?;
                let pause = time(pause, Duration::ZERO, Duration::from_secs(5)).ok()?;
                Some(What::IsDown(who, pause))
            }
            _ => None,
        },
        ("accepts", "") => Some(What::Accepts(who, Duration::ZERO)),
        ("accepts", rest) => {
            let pause = rest.strip_prefix("after at least ")?;
            let pause = time(pause, Duration::ZERO, Duration::from_secs(5)).ok()?;
            Some(What::Accepts(who, pause))
        }
        ("stalls", "") => Some(What::Stalls),
        ("sends", rest) => Some(What::Sends(who, data(rest)?)),
        ("gets", "nothing else") => Some(What::GetsNothing(who)),
        ("gets", rest) => Some(What::Gets(who, expected(rest)?)),
        ("closes", rest) => {
            let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
            Some(What::Closes(who, code.parse().ok()?, reason.to_owned()))
        }
        ("leaves", "") => Some(What::Closes(who, 1000, String::new())),
        ("waits", pause) => {
            let pause = time(pause, Duration::ZERO, Duration::from_secs(5)).ok()?;
            Some(What::Waits(pause))
        }
        ("disappears", "") => Some(What::Disappears(who)),
        _ => None,
    }
}

/// Reads `bytes 00 ff`, `the first 3 bytes of text`, `the rest`, or a text.
fn data(text: &str) -> Option<Data> {
    if let Some(digits) = text.strip_prefix("bytes ") {
        return Some(Data::Bytes(bytes(digits)?));
    }
    if let Some(part) = text.strip_prefix("the first ") {
        let (number, text) = part.split_once(" bytes of ")?;
        return Some(Data::First(number.parse().ok()?, text.to_owned()));
    }
    Some(match text {
        "the rest" => Data::Rest,
        text => Data::Text(repeated(text)),
    })
}

/// Reads `to /path?query`, `from https://origin` and `without TLS`, in this order. The last part
/// may be `from the server's own page`.
fn way(text: &str) -> Option<Way> {
    let mut way = Way::default();
    let text = match text.strip_suffix("from the server's own page") {
        Some(before) => {
            way.origin = Some(OWN_PAGE.to_owned());
            before
        }
        None => text,
    };
    let mut words = text.split(' ').filter(|word| !word.is_empty());
    while let (Some(word), Some(value)) = (words.next(), words.next()) {
        match word {
            "to" => way.path = value.to_owned(),
            "from" => way.origin = Some(value.to_owned()),
            "without" if value == "TLS" => way.plain = true,
            _ => return None,
        }
    }
    Some(way)
}

fn expected(text: &str) -> Option<Expected> {
    if let Some(digits) = text.strip_prefix("bytes ") {
        return Some(Expected::Bytes(bytes(digits)?));
    }
    let regex = text
        .strip_prefix('/')
        .and_then(|text| text.strip_suffix('/'));
    Some(match regex {
        Some(regex) => Expected::Regex(Regex::new(regex).ok()?),
        None => Expected::Text(repeated(text)),
    })
}

/// Writes a text as often as its end says: `ab 3 times` is `ababab`.
fn repeated(text: &str) -> String {
    let times = text.strip_suffix(" times");
    let times = times.and_then(|text| text.rsplit_once(' '));
    let times = times.and_then(|(text, times)| Some(text.repeat(times.parse().ok()?)));
    times.unwrap_or_else(|| text.to_owned())
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.split(' ');
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_no_action_is_named() {
        for (text, error) in [
            ("", "the first line must be `server` or `client`"),
            ("server\nada connects", "a line before the first step"),
            ("server\nstep one\nada dances", "no such action: ada dances"),
            (
                "server\nstep one\nada gets /(/",
                "no such action: ada gets /(/",
            ),
            (
                "server\nstep one\nada sends the first x bytes of y",
                "no such action: ada sends the first x bytes of y",
            ),
            (
                "client\nstep one\nada is closed x",
                "no such action: ada is closed x",
            ),
        ] {
            assert_eq!(Script::read(text).err().as_deref(), Some(error));
        }
    }

    #[test]
    fn a_random_word_is_the_same_in_all_lines_of_a_step() {
        let text = "server\nstep one\nada sends $word\nada gets $word!\nstep two\nada gets $word";
        let script = Script::read(text).unwrap_or_else(|error| panic!("{error}"));
        let lines: Vec<_> = script.steps[0]
            .actions
            .iter()
            .map(|one| &one.line)
            .collect();
        let word = lines[0].strip_prefix("ada sends ").unwrap();
        assert_eq!(*lines[1], format!("ada gets {word}!"));
        assert_eq!(script.steps.len(), 2);
    }

    #[test]
    fn a_text_is_repeated_only_by_a_number() {
        for (text, expected) in [
            ("ab 3 times", "ababab"),
            ("a b 2 times", "a ba b"),
            ("many times", "many times"),
            ("ab 3 time", "ab 3 time"),
        ] {
            assert_eq!(repeated(text), expected);
        }
    }

    #[test]
    fn the_own_page_has_the_port_of_the_program() {
        let way = way("to /x from the server's own page").unwrap();
        assert_eq!(way.path, "/x");
        assert_eq!(way.origin(81).as_deref(), Some("http://127.0.0.1:81"));
    }

    #[test]
    fn json_is_compared_as_json() {
        let expected = Expected::Text(r#"{"a":1,"b":[2]}"#.into());
        assert!(expected.fits(r#"{ "b": [2], "a": 1 }"#));
        assert!(!expected.fits(r#"{"a":1}"#));
        assert!(!expected.fits("text"));
        let expected = Expected::Text("2".into());
        assert!(expected.fits("2") && !expected.fits("02"));
    }
}
