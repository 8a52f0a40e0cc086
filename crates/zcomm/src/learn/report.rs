//! What a learner reads after a check: the steps that passed, and the first one that failed.
//!
//! A line has at most 80 characters, so that the report fits on a projector.

use super::{
    exercise::{Exercise, Language},
    folder::Folder,
    play::Failed,
    script::{Kind, Step, What},
};
use crate::shared::text::{BAD, FAINT, GOOD, cut, wrapped};

/// The width of a line.
const WIDTH: usize = 80;
/// The address of the learner's server, as the learner starts it.
const ADDRESS: &str = "ws://127.0.0.1:8765";
/// The port of this address.
const PORT: u16 = 8765;

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
    if let Some(line) = &failed.last_line {
        text += &paragraph("     the program wrote: ", line);
    }
    text
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
    let mut text = "\nThe same by hand:\n".to_owned();
    match kind {
        Kind::Server => {
            if step
                .actions
                .iter()
                .any(|one| matches!(one.what, What::Certificate))
            {
                text += "  first             zcomm certs; set the three variables that it prints\n";
            }
            text += &terminal(1, "", &format!("{settings}{program}"));
            let peers = step.actions.iter().filter_map(|action| peer(&action.what));
            let check = failed.but.case.as_ref().map(|(id, _)| {
                let line = &step.actions[failed.at].line;
                let echo = if line.contains("--echo") {
                    " --echo"
                } else {
                    ""
                };
                (
                    String::new(),
                    format!("zcomm check {ADDRESS}/{echo} --only {id}"),
                )
            });
            for (at, (who, command)) in peers.chain(check).enumerate() {
                text += &terminal(at + 2, &who, &with_cargo(&command, folder));
            }
        }
        Kind::Client => {
            text += &terminal(1, "srv", &with_cargo("zcomm listen 8765", folder));
            let dashes = if program.starts_with("cargo") {
                " --"
            } else {
                ""
            };
            text += &terminal(2, "", &format!("{settings}{program}{dashes} {ADDRESS}/"));
        }
    }
    text
}

/// The command that starts the learner's program.
fn program(exercise: &Exercise, folder: Option<&Folder>) -> String {
    folder.map_or("your program".to_owned(), |folder| {
        let file = format!("{}/{}", exercise.name, folder.language.file());
        match folder.language {
            Language::Rust => format!("cargo run --bin {}", exercise.name),
            Language::Python => format!("python3 {file}"),
            Language::JavaScript => format!("node {file}"),
        }
    })
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
fn peer(what: &What) -> Option<(String, String)> {
    let (What::Connects(who, way) | What::Refused(who, way, _)) = what else {
        return None;
    };
    let path = if way.path.is_empty() { "/" } else { &way.path };
    let quote = if path.contains(['?', '&']) { "'" } else { "" };
    let origin = way.origin(PORT).map(|origin| format!(" --origin {origin}"));
    let origin = origin.unwrap_or_default();
    let command = format!("zcomm connect {quote}{ADDRESS}{path}{quote}{origin}");
    Some((who.clone(), command))
}

/// In a learner's folder, `cargo zcomm` starts the command of the course.
fn with_cargo(command: &str, folder: Option<&Folder>) -> String {
    match folder {
        Some(_) => format!("cargo {command}"),
        None => command.to_owned(),
    }
}

/// The list of all exercises, with what is done.
pub(super) fn list(exercises: &[Exercise], folder: Option<&Folder>) -> String {
    let mut text = String::new();
    for exercise in exercises {
        let done = folder.is_some_and(|folder| folder.is_done(&exercise.name));
        let sign = match (done, folder) {
            (true, _) => format!("{GOOD}✓{GOOD:#}"),
            (false, Some(folder)) if !folder.program(exercise).exists() => {
                format!("{FAINT}-{FAINT:#}")
            }
            (false, _) => " ".to_owned(),
        };
        text += &format!("{sign} {:<16} {}\n", exercise.name, exercise.title);
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
