//! Reads the options of the command: which cases run, and which command repeats a case.

use super::{
    arguments::Arguments,
    case::{Case, Level, Of, Play, Talk},
    cases,
    report::Context,
    run::Outcome,
};
use crate::{
    certs::word,
    shared::{failure::Failure, text::visible},
};

/// Returns what the options say about messages.
pub(super) fn talk(arguments: &Arguments) -> Talk {
    match (&arguments.send, &arguments.expect) {
        (Some(text), Some(regex)) => Talk::Answers(text.clone(), regex.clone()),
        _ if arguments.echo => Talk::Echo,
        _ => Talk::Unknown,
    }
}

/// Returns this side's cases with the names in `only`, or all cases of this side if `only` is
/// empty. A name is a case, such as `ws/5.1/1`, or a section, such as `ws/5.1`.
pub(super) fn select(of: Of, only: &[String]) -> Result<Vec<&'static Case>, Failure> {
    let mut cases = cases::of(of);
    for name in only {
        if !cases.iter().any(|case| begins(case.id, name)) {
            let what = format!("no case has the name {:?}", name.trim());
            let help = "a name is a section, such as ws/5.1, or a case, such as ws/5.1/1";
            return Err(Failure::usage(what, help));
        }
    }
    cases.retain(|case| only.is_empty() || only.iter().any(|name| begins(case.id, name)));
    Ok(cases)
}

/// Whether `name` is the case `id`, or a section that contains this case.
fn begins(id: &str, name: &str) -> bool {
    let name = name.trim().trim_end_matches('/');
    let rest = id.strip_prefix(name);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.']))
}

/// Returns the skipped cases and the cases to play. `closed` is set if no WebSocket opens. Then
/// `closed` names the case that explains why.
pub(super) fn divide(
    selected: Vec<&'static Case>,
    strict: bool,
    talk: &Talk,
    closed: Option<&str>,
) -> (Vec<Outcome>, Vec<&'static Case>) {
    let (mut skipped, mut playable) = (Vec::new(), Vec::new());
    for case in selected {
        let opened = matches!(
            case.play,
            Play::Frames(..) | Play::Answering(..) | Play::Attack(..)
        );
        if case.level == Level::Should && !strict && case.of != Of::Hostile {
            skipped.push(Outcome::skipped(case, "SHOULD: add --strict"));
        } else if let Some(first) = closed.filter(|_| opened) {
            let why = format!("no WebSocket opens: see {first}");
            skipped.push(Outcome::skipped(case, why));
        } else if let Some(option) = case.needs(talk) {
            let why = format!("needs a peer that answers messages: {option}");
            skipped.push(Outcome::skipped(case, why));
        } else {
            playable.push(case);
        }
    }
    (skipped, playable)
}

/// What the report must know about a server. `shown` is the address `url` without its secrets.
pub(super) fn about_server(arguments: &Arguments, url: &str, shown: &str) -> Context {
    let query = if shown == url { "" } else { "?…" };
    let name = format!("{shown}{query}");
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b":/.-_[]".contains(&byte);
    let target = match name.bytes().all(plain) {
        true => name.clone(),
        false => word(&name),
    };
    context(arguments, name, &target)
}

/// What the report must know about a client that this command starts.
pub(super) fn about_client(arguments: &Arguments, command: &str) -> Context {
    let target = format!("--client --exec {}", word(command));
    context(arguments, visible(command), &target)
}

fn context(arguments: &Arguments, name: String, target: &str) -> Context {
    let mut command = format!("zcomm check {target}");
    if arguments.echo {
        command += " --echo";
    }
    if let (Some(text), Some(regex)) = (&arguments.send, &arguments.expect) {
        command += &format!(" --send {} --expect {}", word(text), word(regex));
    }
    if arguments.hostile {
        command += " --hostile";
    }
    if arguments.strict {
        command += " --strict";
    }
    Context {
        name,
        command: command + &arguments.handshake.shown(),
        verbose: arguments.verbose,
    }
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
        for name in ["ws/5.5.1/22", "ws/5.50", "ws/5.5.2", "w", "5.5.1"] {
            assert!(!begins("ws/5.5.1/3", name), "{name}");
        }
        assert!(!begins("ws/5.2/10", "ws/5.2/1"));
    }
}
