//! Reads commands while the proxy runs: keys from a terminal, lines from a pipe.
//!
//! A terminal normally waits for Enter before it passes on input, and it prints each typed key.
//! To read single keys, the proxy switches both functions off, and restores them when the
//! program ends. Ctrl-C still works.
//!
//! From a pipe, each line is a command. So another program can control the proxy. On Windows,
//! each line is a command even in a terminal.

use std::io::{self, IsTerminal, Read};

use tokio::sync::mpsc;

use super::{commands::Command, units::InputError};
use crate::shared::input::{Input, Reading, stdin};

/// At most this number of commands wait in the channel.
const MAX_KEYS: usize = 16;
/// The limit for one line (bytes).
const MAX_LINE: usize = 64 * 1024;

/// The commands from stdin, which a user types or a program sends.
pub(super) struct Keys {
    /// This channel closes when the input ends.
    pub(super) commands: mpsc::Receiver<Result<Command, InputError>>,
    /// The terminal, if commands are single keys.
    pub(super) terminal: Option<Terminal>,
}

impl Keys {
    pub(super) fn listen() -> Keys {
        let terminal = match io::stdin().is_terminal() {
            true => Terminal::take(),
            false => None,
        };
        Keys {
            commands: match terminal {
                Some(_) => keys(),
                None => lines(),
            },
            terminal,
        }
    }
}

/// Reads each line of stdin as a command.
fn lines() -> mpsc::Receiver<Result<Command, InputError>> {
    let reading = Reading {
        // A line that is not UTF-8 is an unknown command, and its error shows the line.
        make: |line| Some(String::from_utf8_lossy(&line).into_owned()),
        whole: false,
        limit: MAX_LINE,
        if_not_text: "",
        if_too_long: "no further commands are accepted",
    };
    stdin(reading, |input| match input {
        Input::Item(line) => Some(Command::parse(&line)),
        Input::End | Input::Interrupted => None,
        Input::Refused(error) | Input::Failed(error) => Some(Err(InputError::new(
            format!("cannot read the input: {error}"),
            "no further commands are accepted",
        ))),
    })
}

/// Reads keys in a thread, because a read of stdin cannot be cancelled.
fn keys() -> mpsc::Receiver<Result<Command, InputError>> {
    let (sender, commands) = mpsc::channel(MAX_KEYS);
    std::thread::spawn(move || {
        let mut pressed = [0; 64];
        while let Ok(length @ 1..) = io::stdin().lock().read(&mut pressed) {
            let pressed = String::from_utf8_lossy(&pressed[..length]);
            for key in single(&pressed) {
                let command = Command::key(key).ok_or_else(|| {
                    InputError::new(format!("{key:?} is not a key"), "? lists all keys")
                });
                if sender.blocking_send(command).is_err() {
                    return;
                }
            }
        }
    });
    commands
}

/// Returns the pressed keys that send one character. Skips keys that send several characters,
/// such as an arrow key. The first of these characters is ESC.
fn single(pressed: &str) -> Vec<char> {
    let (mut keys, mut rest) = (Vec::new(), pressed.chars());
    while let Some(key) = rest.next() {
        if key == '\x1b' {
            let bracket = rest.next();
            if matches!(bracket, Some('[' | 'O')) {
                rest.find(|c| c.is_ascii_alphabetic() || *c == '~');
            }
        } else if !key.is_whitespace() {
            keys.push(key);
        }
    }
    keys
}

/// A terminal in single-key mode. Dropping this value restores the terminal's earlier mode.
#[cfg(unix)]
pub(super) struct Terminal(rustix::termios::Termios);

#[cfg(unix)]
impl Terminal {
    fn take() -> Option<Terminal> {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let before = tcgetattr(io::stdin()).ok()?;
        let mut single = before.clone();
        single.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
        tcsetattr(io::stdin(), OptionalActions::Now, &single).ok()?;
        Some(Terminal(before))
    }
}

#[cfg(unix)]
impl Drop for Terminal {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        // An error means that the terminal is closed.
        tcsetattr(io::stdin(), OptionalActions::Now, &self.0).ok();
    }
}

#[cfg(not(unix))]
pub(super) struct Terminal;

#[cfg(not(unix))]
impl Terminal {
    fn take() -> Option<Terminal> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_and_enter_are_not_keys() {
        assert_eq!(single("l"), ['l']);
        assert_eq!(single("\x1b[Ab\r\n\x1b[15~ \x1bOPq"), ['b', 'q']);
        assert_eq!(single("\x1b"), []);
    }
}
