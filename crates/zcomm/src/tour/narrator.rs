//! Prints the tour: the steps, and each message with an arrow.
//!
//! A message may come from any server, so control characters are made visible and secrets are
//! covered. A long message is not cut: it can be copied as it was on the wire.

use std::{
    fmt::Display,
    io::{self, Write},
};

use tokio::sync::mpsc;

use super::script::Step;
use crate::shared::{
    lines,
    text::{FAINT, GOOD, NOTE, visible},
};

pub(super) struct Narrator {
    /// The lines of stdin, when the tour waits for Enter.
    enter: Option<mpsc::Receiver<io::Result<Vec<u8>>>>,
    secrets: Vec<String>,
}

impl Narrator {
    pub(super) fn new(pause: bool) -> Narrator {
        Narrator {
            enter: pause.then(|| lines::input(|line| line)),
            secrets: Vec::new(),
        }
    }

    /// Covers this text from now on.
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

    /// Waits for Enter, if the tour pauses at all. At the end of stdin it stops pausing.
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

    /// Makes a text safe for a terminal, and covers the secrets in it.
    pub(super) fn shown(&self, text: &str) -> String {
        let mut shown = text.to_owned();
        for secret in &self.secrets {
            shown = shown.replace(secret.as_str(), "***");
        }
        visible(&shown)
    }
}
