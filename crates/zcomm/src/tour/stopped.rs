//! Why a tour ended early, in words.
//!
//! Who takes a tour is learning: of what did not come the sentence says who waited, for what,
//! and what came instead; and the second line, what to do.
//!
//! Production sends it to whoever is on duty.

use std::{io, process::ExitCode};

use zcomm_core::{Error, report};

use super::visitor::{Missed, PATIENCE};
use crate::failure::Failure;

pub(super) const NOT_CHAT: &str = "is chat_app the program there? cargo run --bin chat_app starts one; \
                                   without an address the tour has its own";
pub(super) const ITS_LOG: &str = "the log of the server says more; zcomm demo without an address tells \
                                  the same story with a server of its own";
const ITS_TOKEN: &str = "the token of the server goes behind --token";

pub(super) enum Stopped {
    /// Something that the library knows to explain.
    Error(Error),
    /// Something that should have come and did not: what happened, and what to do.
    Wrong { what: String, help: &'static str },
    /// Nobody reads any more.
    Unread,
}

impl Stopped {
    pub(super) fn wrong(what: impl Into<String>, help: &'static str) -> Stopped {
        let what = what.into();
        Stopped::Wrong { what, help }
    }

    /// The server does not greet `who`.
    pub(super) fn not_greeted(who: &str, server: &str, missed: Missed) -> Stopped {
        match missed {
            Missed::Ended(end) => Stopped::wrong(format!("{who} is not let in: {end}"), ITS_TOKEN),
            Missed::Late { near: true, .. } => Stopped::wrong(
                format!("{who} gets another welcome than a chat_app would send"),
                ITS_LOG,
            ),
            Missed::Late { .. } | Missed::Refused(_) => Stopped::wrong(
                format!("{server} is a WebSocket, but no chat: it does not greet with a welcome"),
                NOT_CHAT,
            ),
        }
    }

    /// `who` does not hear `wanted`.
    pub(super) fn not_heard(who: &str, wanted: &str, missed: Missed) -> Stopped {
        let seconds = PATIENCE.as_secs();
        let what = match missed {
            Missed::Late { instead, .. } => {
                let instead = instead.map(|text| format!("; what came is {text}"));
                let instead = instead.unwrap_or_default();
                format!("waits for {wanted}, and it does not come within {seconds} s{instead}")
            }
            Missed::Refused(text) => format!("waits for {wanted}, and hears {text}"),
            Missed::Ended(end) => format!("waits for {wanted}, but {end}"),
        };
        Stopped::wrong(format!("{who} {what}"), ITS_LOG)
    }

    /// Says in which step it was.
    pub(super) fn in_step(self, number: usize, title: &str) -> Stopped {
        match self {
            Stopped::Wrong { what, help } => {
                Stopped::wrong(format!("step {number}, \"{title}\": {what}"), help)
            }
            other => other,
        }
    }

    /// Two lines on stderr, and the exit code.
    pub(super) fn report(&self) -> ExitCode {
        match self {
            Stopped::Error(error) => report(error),
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

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Stopped {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Stopped::Unread,
            _ => Stopped::Error(error.into()),
        }
    }
}
