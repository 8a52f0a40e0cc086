//! A terminal for the command, and a check that the command restores it.

use std::{process::Command, time::Duration};

use expectrl::{Eof, Expect, Session, session::OsSession};

use crate::children;

/// Runs the command in a shell on a new terminal. The shell ignores Ctrl-C, and prints the exit
/// code and the settings of the terminal.
pub(crate) fn open(command: &Command) -> OsSession {
    let line = "trap : INT QUIT; stty echo; \"$@\"; echo \"ended with $?\"; stty -a";
    let mut shell = children::command("/bin/sh");
    shell.args(["-c", line, "sh"]).arg(command.get_program());
    shell.args(command.get_args()).env_clear();
    shell.env("TERM", "xterm").env("PATH", "/usr/bin:/bin");
    let settings = command.get_envs();
    shell.envs(settings.filter_map(|(name, value)| Some((name, value?))));
    let mut session = Session::spawn(shell).unwrap();
    session.set_expect_timeout(Some(Duration::from_secs(60)));
    session
}

/// Returns the output until the end, and checks the exit code and the terminal's settings.
pub(crate) fn ends(mut session: OsSession, code: u8) -> String {
    let rest = session.expect(Eof).unwrap();
    let rest = String::from_utf8_lossy(rest.as_bytes()).into_owned();
    let (shown, after) = rest.rsplit_once("ended with ").unwrap();
    assert!(after.starts_with(&format!("{code}\r\n")), "{rest}");
    for flag in ["echo", "icanon", "isig", "icrnl"] {
        let on = after.split([' ', ';', '\r', '\n']).any(|word| word == flag);
        assert!(on, "no {flag} in {after}");
    }
    shown.to_owned()
}
