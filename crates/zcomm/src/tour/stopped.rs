//! The reasons why a tour ends early.
//!
//! Each error has two lines for the learner. The first line says which message did not arrive, and
//! what happened instead. The second line says what to do.

use std::{io, process::ExitCode};

use zcomm_core::{Error, report};

use super::client::{Missed, PATIENCE};
use crate::shared::failure::Failure;

pub(super) const NOT_CHAT: &str = "is this server a chat_app? cargo run --bin chat_app starts one; \
                                   without an address the tour starts its own";
pub(super) const ITS_LOG: &str = "see the server's log; zcomm demo without an address shows the same \
                                  steps with its own server";
const ITS_TOKEN: &str = "pass the server's token with --token";

pub(super) enum Stopped {
    /// An error of the library, which has its own help.
    Error(Error),
    /// A file or a value in the command line cannot be used.
    Misuse(Failure),
    /// The server did not do what the story expects.
    Wrong { what: String, help: &'static str },
    /// Stdout is closed, so the tour cannot print any more. This is not an error.
    Unread,
}

impl Stopped {
    pub(super) fn wrong(what: impl Into<String>, help: &'static str) -> Stopped {
        let what = what.into();
        Stopped::Wrong { what, help }
    }

    /// Returns the error for a person who did not receive the welcome.
    pub(super) fn no_welcome(name: &str, server: &str, missed: Missed) -> Stopped {
        match missed {
            Missed::Ended(end) => {
                Stopped::wrong(format!("the server refuses {name}: {end}"), ITS_TOKEN)
            }
            Missed::Late(Some(near)) if near.value["type"] == "welcome" => Stopped::wrong(
                format!("{name} receives a welcome that differs from chat_app's"),
                ITS_LOG,
            ),
            Missed::Late(_) | Missed::Refused(_) => Stopped::wrong(
                format!("{server} is a WebSocket, but not a chat_app: it sends no welcome"),
                NOT_CHAT,
            ),
        }
    }

    /// Returns the error for a person who did not receive the message `wanted`.
    pub(super) fn not_received(name: &str, wanted: &str, missed: Missed) -> Stopped {
        let seconds = PATIENCE.as_secs();
        let what = match missed {
            Missed::Late(near) => {
                let instead = near.map(|near| format!("; the server sent {}", near.text));
                let instead = instead.unwrap_or_default();
                format!("and it does not come within {seconds} s{instead}")
            }
            Missed::Refused(error) => format!("and receives {error}"),
            Missed::Ended(end) => format!("but {end}"),
        };
        Stopped::wrong(format!("{name} waits for {wanted}, {what}"), ITS_LOG)
    }

    /// Prints the error and its help on stderr, if there is an error. Returns the exit code.
    pub(super) fn report(&self) -> ExitCode {
        match self {
            Stopped::Error(error) => report(error),
            Stopped::Misuse(failure) => failure.report(),
            Stopped::Wrong { what, help } => Failure::new(what, *help).report(),
            Stopped::Unread => ExitCode::SUCCESS,
        }
    }
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Stopped {
        Stopped::Error(error)
    }
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Stopped {
        Stopped::Misuse(failure)
    }
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Stopped {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Stopped::Unread,
            _ => Stopped::Error(error.into()),
        }
    }
}
