//! Prints the tour: the steps, and each message with an arrow.
//!
//! A message may come from any server, so each control character is replaced by a visible symbol.
//! Each secret is replaced by `***`, so that the screen does not show the secret. A long message
//! is not cut, so that a learner can copy the whole message.

use std::{
    fmt::Display,
    io::{self, Write},
};

use tokio::sync::mpsc;

use super::script::Step;
use crate::shared::{
    input::{Input, Reading, stdin},
    text::{FAINT, GOOD, NOTE, visible},
};

/// The limit for one line of stdin (bytes).
const MAX_LINE: usize = 64 * 1024;

pub(super) struct Narrator {
    /// The lines of stdin. `None` if the tour does not wait for Enter.
    enter: Option<mpsc::Receiver<()>>,
    secrets: Vec<String>,
}

impl Narrator {
    pub(super) fn new(pause: bool) -> Narrator {
        Narrator {
            enter: pause.then(enter),
            secrets: Vec::new(),
        }
    }

    /// From now on, prints `***` instead of this text.
    pub(super) fn keep_secret(&mut self, secret: &str) {
        if !secret.is_empty() && !self.secrets.iter().any(|known| known == secret) {
            self.secrets.push(secret.to_owned());
        }
    }

    /// Prints a line. Fails when stdout is closed.
    pub(super) fn print(&self, line: impl Display) -> io::Result<()> {
        writeln!(anstream::stdout(), "{line}")
    }

    pub(super) fn title(&self, number: usize, of: usize, step: &Step) -> io::Result<()> {
        let Step { title, intro, .. } = step;
        self.print(format_args!(
            "{NOTE}{number}/{of}  {title}{NOTE:#}\n\n{intro}\n"
        ))
    }

    /// Prints what a person sends.
    pub(super) fn sends(&self, name: &str, what: &str) -> io::Result<()> {
        self.print(format_args!("{NOTE}{name} ->{NOTE:#} {}", self.shown(what)))
    }

    /// Prints what a person receives.
    pub(super) fn receives(&self, name: &str, what: &str) -> io::Result<()> {
        self.print(format_args!("{GOOD}{name} <-{GOOD:#} {}", self.shown(what)))
    }

    /// Prints a remark between the messages.
    pub(super) fn aside(&self, what: &str) -> io::Result<()> {
        self.print(format_args!("{FAINT}       ({what}){FAINT:#}"))
    }

    /// Waits for Enter, if the tour has pauses. After the end of stdin, the tour has no pauses.
    pub(super) async fn pause(&mut self) -> io::Result<()> {
        let Some(enter) = &mut self.enter else {
            return Ok(());
        };
        let mut out = anstream::stdout();
        write!(out, "{FAINT}Enter: next step. Ctrl-C: stop.{FAINT:#} ")?;
        out.flush()?;
        let ended = enter.recv().await.is_none();
        if ended {
            self.enter = None;
        }
        self.print(if ended { "\n" } else { "" })
    }

    /// Makes a text safe for a terminal, and replaces each secret in it by `***`.
    pub(super) fn shown(&self, text: &str) -> String {
        let mut shown = text.to_owned();
        for secret in &self.secrets {
            shown = shown.replace(secret.as_str(), "***");
        }
        visible(&shown)
    }
}

/// Reads the lines of stdin. Their text does not matter.
fn enter() -> mpsc::Receiver<()> {
    let reading = Reading {
        make: |_| Some(()),
        whole: false,
        limit: MAX_LINE,
        if_not_text: "",
        if_too_long: "",
    };
    stdin(reading, |input| {
        matches!(input, Input::Item(())).then_some(())
    })
}
