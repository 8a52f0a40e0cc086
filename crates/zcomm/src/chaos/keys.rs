//! What is typed while it runs: keys at a terminal, lines in a pipe.
//!
//! A terminal keeps what is typed until Enter, and shows it. For single keys it is told not
//! to, and told back at the end, however that comes; Ctrl-C stays what it is. In a pipe a line
//! is a command, so that a program can do what a hand does.
//!
//! Windows has no such terminals: there every command is a line.

use std::io::{self, IsTerminal, Read};

use tokio::sync::mpsc;

use super::{commands::Command, units::InputError};
use crate::lines;

/// Keys that were pressed and are not done yet.
const KEYS: usize = 16;

/// The commands of a person or a program; it ends with the input.
pub(super) struct Keys {
    pub(super) commands: mpsc::Receiver<Result<Command, InputError>>,
    /// Whether single keys count.
    pub(super) single: bool,
    _terminal: Option<Terminal>,
}

impl Keys {
    pub(super) fn listen() -> Keys {
        let terminal = match io::stdin().is_terminal() {
            true => Terminal::take(),
            false => None,
        };
        Keys {
            single: terminal.is_some(),
            commands: match terminal {
                Some(_) => keys(),
                None => lines::input(|line| command(&line?)),
            },
            _terminal: terminal,
        }
    }
}

impl From<io::Error> for InputError {
    fn from(error: io::Error) -> InputError {
        InputError::new(format!("the input: {error}"), "it is not read any more")
    }
}

fn command(line: &[u8]) -> Result<Command, InputError> {
    let line = String::from_utf8_lossy(line);
    Command::parse(&line)
}

/// Each key, read in a thread of its own: a read cannot be taken back.
fn keys() -> mpsc::Receiver<Result<Command, InputError>> {
    let (sender, commands) = mpsc::channel(KEYS);
    std::thread::spawn(move || {
        let mut pressed = [0; 64];
        while let Ok(length @ 1..) = io::stdin().lock().read(&mut pressed) {
            let pressed = String::from_utf8_lossy(&pressed[..length]);
            for key in single(&pressed) {
                let change = Command::key(key).ok_or_else(|| {
                    InputError::new(format!("{key:?} is no key"), "? shows all of them")
                });
                if sender.blocking_send(change).is_err() {
                    return;
                }
            }
        }
    });
    commands
}

/// The keys that are one character. An arrow is several: ESC, a bracket, and what ends it.
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

/// A terminal that gives single keys, until it is dropped.
#[cfg(unix)]
struct Terminal(rustix::termios::Termios);

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
        // When this fails the terminal is gone.
        tcsetattr(io::stdin(), OptionalActions::Now, &self.0).ok();
    }
}

#[cfg(not(unix))]
struct Terminal;

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
    fn an_arrow_is_no_key_and_neither_is_enter() {
        assert_eq!(single("l"), ['l']);
        assert_eq!(single("\x1b[Ab\r\n\x1b[15~ \x1bOPq"), ['b', 'q']);
        assert_eq!(single("\x1b"), []);
    }
}
