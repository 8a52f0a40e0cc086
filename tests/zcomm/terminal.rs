//! A terminal for the command, and how it leaves it.

use std::{process::Command, time::Duration};

use expectrl::{Eof, Expect, Session, session::OsSession};

/// In a shell, which hears the keys that end a program, too, and says how it ended and how it
/// left the terminal.
pub(crate) fn open(command: &Command) -> OsSession {
    let line = "trap : INT QUIT; stty echo; \"$@\"; echo \"ended with $?\"; stty -a";
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", line, "sh"]).arg(command.get_program());
    shell.args(command.get_args()).env_clear();
    shell.env("TERM", "xterm").env("PATH", "/usr/bin:/bin");
    let settings = command.get_envs();
    shell.envs(settings.filter_map(|(name, value)| Some((name, value?))));
    let mut session = Session::spawn(shell).unwrap();
    session.set_expect_timeout(Some(Duration::from_secs(20)));
    session
}

/// What it says until it ends, with this code; and the terminal is as it was.
pub(crate) fn ends(mut session: OsSession, code: u8) -> String {
    let rest = session.expect(Eof).unwrap();
    let rest = String::from_utf8_lossy(rest.as_bytes()).into_owned();
    let (told, after) = rest.rsplit_once("ended with ").unwrap();
    assert!(after.starts_with(&format!("{code}\r\n")), "{rest}");
    for flag in ["echo", "icanon", "isig", "icrnl"] {
        let on = after.split([' ', ';', '\r', '\n']).any(|word| word == flag);
        assert!(on, "no {flag} in {after}");
    }
    told.to_owned()
}
