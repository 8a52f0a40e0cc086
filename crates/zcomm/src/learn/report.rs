//! What a learner reads after a check: the steps that passed, and the first one that failed.
//!
//! A line has at most 80 characters, so that the report fits on a projector.

use super::{
    exercise::{Exercise, Language},
    folder::Folder,
    play::Failed,
    program::python,
    script::{Action, Kind, Step, What},
};
use crate::shared::text::{BAD, FAINT, GOOD, cut, wrapped};

/// The width of a line.
const WIDTH: usize = 80;
/// The address of the learner's server, as the learner starts it.
const ADDRESS: &str = "ws://127.0.0.1:8765";
/// The port of this address.
const PORT: u16 = 8765;
/// The settings of a server with the files that `zcomm certs` makes.
const CERTIFICATE: [&str; 3] = [
    "WEBSOCKET_SSL_ENABLED=true",
    "WEBSOCKET_SSL_CERT=certs/localhost.pem",
    "WEBSOCKET_SSL_KEY=certs/localhost.key",
];

pub(super) fn passed(number: usize, step: &Step) -> String {
    format!("{GOOD}✓{GOOD:#} {number}  {}\n", step.title)
}

/// Explains the step that failed: its lines up to the wrong one, and how to do the same by hand.
pub(super) fn failed(number: usize, step: &Step, failed: &Failed) -> String {
    let mut text = format!("{BAD}✗ {number}  {}{BAD:#}\n", step.title);
    for (at, action) in step.actions.iter().enumerate().take(failed.at + 1) {
        let sign = if at == failed.at { "✗" } else { " " };
        text += &paragraph(&format!("   {sign} "), &shortened(&action.line));
    }
    text += &paragraph("     but ", &failed.but.what);
    if let Some((_, block)) = &failed.but.case {
        text += &format!("\n{block}");
    }
    if let Some(line) = &failed.wrote {
        text += &paragraph("     the program wrote: ", line);
        text += &missing_package(line);
    }
    text
}

/// What to type if the program has not found its library.
fn missing_package(error: &str) -> String {
    let python = error.contains("No module named 'websockets'");
    let install = match (python, error.contains("Cannot find package 'ws'")) {
        (true, _) if cfg!(windows) => {
            "python -m venv .venv\n  .venv\\Scripts\\pip install -r requirements.txt"
        }
        (true, _) => "python3 -m venv .venv\n  .venv/bin/pip install -r requirements.txt",
        (_, true) => "npm install",
        _ => return String::new(),
    };
    format!("\nThe library for WebSocket is missing. In your folder, type:\n  {install}\n")
}

/// Cuts a line that is longer than the report is wide.
fn shortened(line: &str) -> String {
    match line.chars().count() {
        ..=74 => line.to_owned(),
        _ => cut(line),
    }
}

/// The commands with which a learner repeats a step.
pub(super) fn by_hand(
    step: &Step,
    failed: &Failed,
    kind: Kind,
    exercise: &Exercise,
    folder: Option<&Folder>,
) -> String {
    let program = program(exercise, folder);
    let settings = step.actions.iter().filter_map(|action| match &action.what {
        What::Set(name, value) => Some(format!("{name}={value} ")),
        _ => None,
    });
    let settings: String = settings.collect();
    let text = "\nThe same by hand:\n".to_owned();
    let text = match kind {
        Kind::Server => text + &for_server(step, failed, &format!("{settings}{program}")),
        Kind::Client => {
            let dashes = if program.starts_with("cargo") {
                " --"
            } else {
                ""
            };
            let client = format!("{settings}{program}{dashes} {ADDRESS}/");
            text + &terminal(1, "srv", "cargo zcomm listen 8765") + &terminal(2, "", &client)
        }
    };
    // Only a learner's folder has the short name `cargo zcomm`.
    match Folder::find() {
        Ok(Some(_)) => text,
        _ => text.replace("cargo zcomm ", "zcomm "),
    }
}

/// The commands for the server, and for each actor that the failed line has to do with.
fn for_server(step: &Step, failed: &Failed, program: &str) -> String {
    let is_certificate = |action: &Action| matches!(action.what, What::Certificate);
    let secure = step.actions.iter().any(is_certificate);
    let mut text = String::new();
    if secure {
        text += &terminal(1, "", "cargo zcomm certs");
        for line in CERTIFICATE {
            text += &format!("{:20}export {line}\n", "");
        }
        text += &format!("{:20}{program}\n", "");
    } else {
        text += &terminal(1, "", program);
    }
    let played = step.actions.iter().enumerate().take(failed.at + 1);
    // A refusal that came as expected needs no repetition.
    let played =
        played.filter(|(at, action)| *at == failed.at || !matches!(action.what, What::Refused(..)));
    let peers = played.filter_map(|(_, action)| peer(&action.what, secure));
    let check = failed.but.case.as_ref().map(|(id, _)| {
        let line = &step.actions[failed.at].line;
        let echo = if line.contains("--echo") {
            " --echo"
        } else {
            ""
        };
        let check = format!("cargo zcomm check {ADDRESS}/{echo} --only {id}");
        (String::new(), check)
    });
    for (at, (who, command)) in peers.chain(check).enumerate() {
        text += &terminal(at + 2, &who, &command);
    }
    text
}

/// The command that starts the learner's program.
fn program(exercise: &Exercise, folder: Option<&Folder>) -> String {
    folder.map_or("your program".to_owned(), |folder| {
        let file = format!("{}/{}", exercise.name, folder.language.file());
        match folder.language {
            Language::Rust => format!("cargo run --bin {}", exercise.program()),
            Language::Python => format!("{} {file}", own_python(folder)),
            Language::JavaScript => format!("node {file}"),
        }
    })
}

/// The Python of the learner's virtual environment, which has the packages, or of the system.
fn own_python(folder: &Folder) -> &'static str {
    match python(&folder.path).starts_with(&folder.path) {
        true if cfg!(windows) => r".venv\Scripts\python.exe",
        true => ".venv/bin/python3",
        false if cfg!(windows) => "python",
        false => "python3",
    }
}

/// One line: the terminal, the actor in it, and the command. A long command is broken.
fn terminal(number: usize, who: &str, command: &str) -> String {
    let who = if who.is_empty() {
        String::new()
    } else {
        format!(" ({who})")
    };
    let line = format!("  terminal {number}{who:<6}  {command}\n");
    match line.rsplit_once(" --") {
        Some((before, option)) if line.chars().count() > WIDTH => {
            format!("{before} \\\n      --{option}")
        }
        _ => line,
    }
}

/// The name and the command of an actor.
fn peer(what: &What, secure: bool) -> Option<(String, String)> {
    let (What::Connects(who, way) | What::Refused(who, way, _)) = what else {
        return None;
    };
    let path = if way.path.is_empty() { "/" } else { &way.path };
    let quote = if path.contains(['?', '&']) { "'" } else { "" };
    let origin = way.origin(PORT);
    let origin = origin.map(|origin| format!(" --origin {origin}"));
    let origin = origin.unwrap_or_default();
    let (address, ca) = match secure && !way.plain {
        true => (ADDRESS.replace("ws:", "wss:"), " --ca certs/ca.pem"),
        false => (ADDRESS.to_owned(), ""),
    };
    let command = format!("cargo zcomm connect {quote}{address}{path}{quote}{origin}{ca}");
    Some((who.clone(), command))
}

/// The list of all exercises, with what is done. The titles of the bug hunt are long, so their
/// chapter is only in the story.
pub(super) fn list(exercises: &[Exercise], folder: Option<&Folder>) -> String {
    let head = format!("{:19} min  {:<30} chapter", "exercise", "task");
    let mut text = format!("{FAINT}  {head}{FAINT:#}\n");
    for exercise in exercises {
        let done = folder.is_some_and(|folder| folder.is_done(&exercise.name));
        let sign = match (done, folder) {
            (true, _) => format!("{GOOD}✓{GOOD:#}"),
            (false, Some(folder)) if !folder.program(exercise).exists() => {
                format!("{FAINT}-{FAINT:#}")
            }
            (false, _) => " ".to_owned(),
        };
        let (name, minutes, title) = (&exercise.name, &exercise.minutes, &exercise.title);
        let chapter = if exercise.is_hunt() {
            ""
        } else {
            &exercise.chapter
        };
        let line = format!("{sign} {name:<19} {minutes:>3}  {title:<30} {chapter}");
        text += &format!("{}\n", line.trim_end());
    }
    text
}

/// Wraps a text after a first part, and indents the following lines by the same width.
fn paragraph(first: &str, text: &str) -> String {
    let indent = " ".repeat(first.chars().count().min(9));
    let mut out = String::new();
    for (at, line) in wrapped(text, WIDTH - first.chars().count())
        .iter()
        .enumerate()
    {
        out += &format!("{}{line}\n", if at == 0 { first } else { &indent });
    }
    out
}
