//! What the tour prints: the steps, and every message with an arrow.
//!
//! What comes is a stranger's, so it is made safe for a terminal, and the secrets that are
//! in it are covered. Long messages wrap at the terminal: what is shown is the line that was
//! on the wire, and somebody may want to copy it.
//!
//! Production logs such a conversation as JSON, without the words.

use std::io::{self, Write};

use tokio::sync::mpsc;

use crate::{
    lines,
    output::visible,
    paint::{FAINT, GOOD, NOTE},
};

pub(super) struct Narrator {
    /// Where Enter comes from, when it is waited for.
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

    /// From now on this is covered.
    pub(super) fn keep_secret(&mut self, secret: &str) {
        if !secret.is_empty() && !self.secrets.iter().any(|known| known == secret) {
            self.secrets.push(secret.to_owned());
        }
    }

    pub(super) fn title(
        &self,
        number: usize,
        of: usize,
        title: &str,
        words: &str,
    ) -> io::Result<()> {
        line(format_args!(
            "{NOTE}{number}/{of}  {title}{NOTE:#}\n\n{words}\n"
        ))
    }

    /// What somebody says.
    pub(super) fn out(&self, who: &str, what: &str) -> io::Result<()> {
        line(format_args!("{NOTE}{who} ->{NOTE:#} {}", self.shown(what)))
    }

    /// What somebody hears.
    pub(super) fn back(&self, who: &str, what: &str) -> io::Result<()> {
        line(format_args!("{GOOD}{who} <-{GOOD:#} {}", self.shown(what)))
    }

    /// What happens besides.
    pub(super) fn aside(&self, what: &str) -> io::Result<()> {
        line(format_args!("{FAINT}       ({what}){FAINT:#}"))
    }

    pub(super) fn words(&self, words: &str) -> io::Result<()> {
        line(format_args!("{words}"))
    }

    /// What to take from a step.
    pub(super) fn notice(&self, words: &str) -> io::Result<()> {
        line(format_args!("\nNotice: {words}\n"))
    }

    /// Waits for Enter, where that was wanted; also when it will never come.
    pub(super) async fn pause(&mut self) -> io::Result<()> {
        if let Some(enter) = &mut self.enter {
            write!(
                anstream::stdout(),
                "{FAINT}Enter: go on. Ctrl-C: enough.{FAINT:#} "
            )?;
            anstream::stdout().flush()?;
            let ended = enter.recv().await.is_none();
            line(format_args!("{}", if ended { "\n" } else { "" }))?;
            if ended {
                self.enter = None;
            }
        }
        Ok(())
    }

    /// Safe for a terminal, and for whoever looks over a shoulder.
    pub(super) fn shown(&self, text: &str) -> String {
        let mut shown = text.to_owned();
        for secret in &self.secrets {
            shown = shown.replace(secret.as_str(), "***");
        }
        visible(&shown)
    }
}

/// An error says that nobody reads any more.
fn line(what: std::fmt::Arguments) -> io::Result<()> {
    writeln!(anstream::stdout(), "{what}")
}
