//! `zcomm check`: tests a WebSocket server of any language, and names the section of the standard
//! that it breaks.
//!
//! ```text
//! cases (tables) ──▶ run ──▶ link ──▶ server
//!                     ▲       │ zcomm-xray reads
//!                     └─ judge ◀──────┘  ──▶ verdict ──▶ report
//! ```
//!
//! A [`case`] is data: what to send, what to accept, what RFC 6455 says. `run` plays each case on
//! a connection of its own. The grader has no decoder: the X-ray reads what comes back.
//!
//! The engine is a folder of this command and not a crate: all its users are subcommands.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
mod arguments;
mod bytes;
mod request;

mod case;

mod cases;

mod link;
mod verdict;

mod opening;
mod reading;

mod judge;

mod server;

mod run;

mod report;

use std::{fs, path::Path, process::ExitCode, sync::Arc};

use zcomm_core::shown_path;

use crate::{
    certs::word,
    shared::{failure::Failure, text::print},
};
pub(crate) use arguments::Arguments;
use case::{Case, Level, Talk};
use report::{Context, Score};
use run::{Outcome, play_all};
use server::{Measured, Server};

/// Tests a server. The exit code is 1 if a case failed, and 2 if no case ran.
pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let options = arguments.handshake.options(&arguments.url)?;
    let context = context(arguments, options.shown_url());
    let selected = select(&arguments.only)?;
    let server = Server::new(options)?;
    let measured = server.measure(arguments.timeout).await?;
    let setting = Server::setting(&measured, arguments.timeout, talk(arguments));
    if !arguments.json {
        print(report::head(&context, measured.round_trip, setting.limit))?;
    }
    let jobs = if measured.together {
        arguments.jobs.get().into()
    } else {
        1
    };
    let (mut outcomes, playable) = divide(selected, arguments.strict, &setting.talk, &measured);
    outcomes.extend(play_all(playable, Arc::new(server), setting, jobs).await);
    let order: Vec<_> = cases::for_servers().map(|case| case.id).collect();
    outcomes.sort_by_key(|outcome| order.iter().position(|id| *id == outcome.case.id));
    if let Some(file) = &arguments.junit {
        write_file(file, &report::to_junit(&outcomes, &context))?;
    }
    print(match arguments.json {
        true => report::to_json(&outcomes, &context),
        false => report::to_text(&outcomes, &context),
    })?;
    Ok(Score::of(&outcomes).exit_code())
}

fn talk(arguments: &Arguments) -> Talk {
    match (&arguments.send, &arguments.expect) {
        (Some(text), Some(regex)) => Talk::Answers(text.clone(), regex.clone()),
        _ if arguments.echo => Talk::Echo,
        _ => Talk::Unknown,
    }
}

/// Returns the cases with these names. A name is an id, or the beginning of ids.
fn select(only: &[String]) -> Result<Vec<&'static Case>, Failure> {
    for name in only {
        if !cases::for_servers().any(|case| begins(case.id, name)) {
            let what = format!("no case has the name {:?}", name.trim());
            let help = "a name is a section, such as ws/5.1, or a case, such as ws/5.1/1";
            return Err(Failure::usage(what, help));
        }
    }
    let wanted = |case: &&Case| only.is_empty() || only.iter().any(|name| begins(case.id, name));
    Ok(cases::for_servers().filter(wanted).collect())
}

/// Whether a name is a case, or one of the sections around it.
fn begins(id: &str, name: &str) -> bool {
    let name = name.trim().trim_end_matches('/');
    let rest = id.strip_prefix(name);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.']))
}

/// Divides the cases into those that are skipped and those that can be played.
fn divide(
    selected: Vec<&'static Case>,
    strict: bool,
    talk: &Talk,
    measured: &Measured,
) -> (Vec<Outcome>, Vec<&'static Case>) {
    let (mut skipped, mut playable) = (Vec::new(), Vec::new());
    for case in selected {
        let frames = matches!(case.play, case::Play::Frames(..));
        if case.level == Level::Should && !strict {
            skipped.push(Outcome::skipped(case, "SHOULD: add --strict"));
        } else if frames && !measured.opens {
            skipped.push(Outcome::skipped(case, "no WebSocket opens: see ws/4.2.2/1"));
        } else if let Some(option) = case.needs(talk) {
            let why = format!("needs a server that answers messages: {option}");
            skipped.push(Outcome::skipped(case, why));
        } else {
            playable.push(case);
        }
    }
    (skipped, playable)
}

/// What the report needs, such as the options of the command that repeats a case.
fn context(arguments: &Arguments, shown_url: &str) -> Context {
    let mut options = String::new();
    if arguments.echo {
        options += " --echo";
    }
    if let (Some(text), Some(regex)) = (&arguments.send, &arguments.expect) {
        options += &format!(" --send {} --expect {}", word(text), word(regex));
    }
    if arguments.strict {
        options += " --strict";
    }
    options += &arguments.handshake.shown();
    let query = if shown_url == arguments.url {
        ""
    } else {
        "?…"
    };
    let url = format!("{shown_url}{query}");
    let plain = url
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b":/.-_[]".contains(&byte));
    Context {
        url: if plain { url } else { word(url) },
        options,
        verbose: arguments.verbose,
    }
}

fn write_file(file: &Path, text: &str) -> Result<(), Failure> {
    fs::write(file, text).map_err(|error| {
        let what = format!("cannot write {}: {error}", shown_path(file));
        Failure::usage(
            what,
            "--junit names a file in a folder that you can write to",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::begins;

    #[test]
    fn a_name_is_a_case_or_a_section_around_it() {
        for name in [
            "ws/5.5.1/2",
            "ws/5.5.1",
            "ws/5.5.1/",
            "ws/5.5",
            "ws/5",
            "ws",
        ] {
            assert!(begins("ws/5.5.1/2", name), "{name}");
        }
        for name in [
            "ws/5.5.1/22",
            "ws/5.5.1/",
            "ws/5.50",
            "ws/5.5.2",
            "w",
            "5.5.1",
        ] {
            assert!(!begins("ws/5.5.1/3", name) || name == "ws/5.5.1/", "{name}");
        }
        assert!(!begins("ws/5.2/10", "ws/5.2/1"));
    }
}
