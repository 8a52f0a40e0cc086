//! The terminal of a chat: a line that is being typed, and others that come in above it.
//!
//! The line is edited in a thread of its own, which waits for keys and cannot be told to
//! stop. What comes from the network is printed by another thread, through the editor: it
//! takes the half-typed line away, prints, and puts it back. Neither may hold up the chat, so
//! both are reached by bounded channels; lines that a stopped terminal (Ctrl-S) does not take
//! are counted and left out.
//!
//! Without a terminal, in a pipe, lines are read and written as they come.

use std::{
    io::{self, IsTerminal, Write},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    },
    thread,
    time::Duration,
};

use rustyline::{
    Context, Editor, ExternalPrinter, Helper, completion::Completer, config::Config,
    error::ReadlineError, highlight::Highlighter, hint::Hinter, history::DefaultHistory,
    validate::Validator,
};
use tokio::{sync::mpsc, time::sleep};

use super::commands::COMMANDS;
use crate::shared::{lines, text::counted};

/// Lines that are to be printed and are not yet.
const UNPRINTED: usize = 1000;
/// For the last lines to be printed.
const LAST_LINES: Duration = Duration::from_secs(1);
/// For the editor to draw what was printed last.
const REDRAW: Duration = Duration::from_millis(100);
/// Lines that can be got back with the arrow keys.
const HISTORY: usize = 200;

/// What the person at the terminal does.
pub(super) enum Input {
    Line(String),
    /// Ctrl-D, or the end of a pipe.
    End,
    /// Ctrl-C.
    Interrupted,
    /// The input cannot be read.
    Failed(io::Error),
}

/// Where lines come from and go to.
pub(super) struct Screen {
    input: mpsc::Receiver<Input>,
    /// The prompt for the next line; a pipe has none.
    prompts: Option<Sender<String>>,
    /// Somebody may be in the middle of a line.
    typing: bool,
    out: SyncSender<String>,
    /// Ends when all is printed.
    printed: Receiver<()>,
    unshown: u64,
    names: Arc<Mutex<Vec<String>>>,
    /// As it was before the editor changed it.
    #[cfg(unix)]
    terminal: Option<rustix::termios::Termios>,
}

impl Screen {
    /// Takes the terminal, or the pipes.
    pub(super) fn open(prompt: String) -> Screen {
        #[cfg(unix)]
        let terminal = rustix::termios::tcgetattr(io::stdin()).ok();
        let names = Arc::default();
        let (out, lines) = sync_channel(UNPRINTED);
        let (input, prompts, printed) = match editor(&names) {
            Some((editor, mut printer)) => {
                let (prompts, next_prompt) = channel();
                // The other end is in the thread that begins next.
                prompts.send(prompt).ok();
                let printed = print(lines, move |line| printer.print(line).is_ok());
                (edit(editor, next_prompt), Some(prompts), printed)
            }
            None => (read(), None, print(lines, |line| plain(&line).is_ok())),
        };
        Screen {
            input,
            typing: prompts.is_some(),
            prompts,
            out,
            printed,
            unshown: 0,
            names,
            #[cfg(unix)]
            terminal,
        }
    }

    /// The next that is typed. After a line, [`ready`](Screen::ready) has to be called.
    pub(super) async fn input(&mut self) -> Input {
        let input = self.input.recv().await.unwrap_or(Input::End);
        self.typing = false;
        input
    }

    /// The line has been dealt with: another may be typed, behind this prompt.
    pub(super) fn ready(&mut self, prompt: String) {
        if let Some(prompts) = &self.prompts {
            // When nobody is there, the input has ended.
            self.typing = prompts.send(prompt).is_ok();
        }
    }

    /// Prints a line above the one that is being typed.
    pub(super) fn print(&mut self, line: String) {
        let line = match self.unshown {
            0 => line,
            count => {
                let lines = counted(count, "line");
                format!("! not shown: {lines}, which the terminal did not take\n{line}")
            }
        };
        match self.out.try_send(line) {
            Ok(()) => self.unshown = 0,
            Err(_) => self.unshown += 1,
        }
    }

    /// The names that the Tab key completes.
    pub(super) fn complete(&self, names: Vec<String>) {
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = names;
    }

    /// Prints what waits, and gives the terminal back as it was, also in the middle of a line.
    pub(super) async fn close(self) {
        drop(self.out);
        drop(self.prompts);
        // The thread says nothing; it ends. One that cannot print is left.
        self.printed.recv_timeout(LAST_LINES).ok();
        if self.typing {
            // The editor draws in its own time, and tells nobody when it has.
            sleep(REDRAW).await;
        }
        #[cfg(unix)]
        if let Some(terminal) = self.terminal {
            use rustix::termios::{OptionalActions, tcsetattr};
            tcsetattr(io::stdin(), OptionalActions::Now, &terminal).ok();
        }
        if self.typing {
            // What comes next stands on a line of its own.
            plain("\n").ok();
        }
    }
}

type Words = Arc<Mutex<Vec<String>>>;
type LineEditor = Editor<Completions, DefaultHistory>;

/// An editor and the way to print above it; `None` without a terminal that can do both.
fn editor(names: &Words) -> Option<(LineEditor, impl ExternalPrinter + Send + use<>)> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return None;
    }
    let config = Config::builder()
        .max_history_size(HISTORY)
        .ok()?
        .auto_add_history(true)
        // A message of several lines is several messages.
        .bracketed_paste(false)
        .build();
    let mut editor = Editor::with_config(config).ok()?;
    let names = Arc::clone(names);
    editor.set_helper(Some(Completions { names }));
    let printer = editor.create_external_printer().ok()?;
    Some((editor, printer))
}

/// Reads lines from the terminal, one for each prompt.
fn edit(mut editor: LineEditor, prompts: Receiver<String>) -> mpsc::Receiver<Input> {
    let (sender, input) = mpsc::channel(1);
    thread::spawn(move || {
        while let Ok(prompt) = prompts.recv() {
            let typed = match editor.readline(&prompt) {
                Ok(line) => Input::Line(line),
                Err(ReadlineError::Eof) => Input::End,
                Err(ReadlineError::Interrupted) => Input::Interrupted,
                Err(error) => Input::Failed(io::Error::other(error)),
            };
            if sender.blocking_send(typed).is_err() {
                return;
            }
        }
    });
    input
}

/// Reads lines from a pipe.
fn read() -> mpsc::Receiver<Input> {
    lines::input(|line| match line.map(String::from_utf8) {
        Ok(Ok(line)) => Input::Line(line),
        Ok(Err(_)) => Input::Failed(io::Error::other("a line of the input is not UTF-8 text")),
        Err(error) => Input::Failed(error),
    })
}

/// Prints each line until there are no more. What it returns ends then.
fn print(
    lines: Receiver<String>,
    mut write: impl FnMut(String) -> bool + Send + 'static,
) -> Receiver<()> {
    let (done, printed) = sync_channel(0);
    thread::spawn(move || {
        let colours = anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never;
        for line in lines {
            let line = match colours {
                true => line + "\n",
                false => anstream::adapter::strip_str(&line).to_string() + "\n",
            };
            // Nobody reads any more; the exit code tells the rest.
            if !write(line) {
                break;
            }
        }
        drop(done);
    });
    printed
}

fn plain(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes())?;
    out.flush()
}

/// What the Tab key does.
struct Completions {
    names: Words,
}

impl Completer for Completions {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(completions(&line[..at], &names))
    }
}

// These do nothing here.
impl Hinter for Completions {
    type Hint = String;
}
impl Highlighter for Completions {}
impl Validator for Completions {}
impl Helper for Completions {}

/// Where the word begins that stands at the end of this, and what it can become.
fn completions(typed: &str, names: &[String]) -> (usize, Vec<String>) {
    let (start, of_commands) = match typed.strip_prefix("/msg ") {
        Some(name) => (typed.len() - name.len(), false),
        None if typed.starts_with('/') => (0, true),
        None => (typed.rfind(' ').map_or(0, |space| space + 1), false),
    };
    let command = |(form, _): &(&'static str, _)| form.split(' ').next();
    let words: Vec<&str> = match of_commands {
        true => COMMANDS.iter().filter_map(command).collect(),
        false => names.iter().map(String::as_str).collect(),
    };
    let begun = &typed[start..];
    let fits = words
        .into_iter()
        .filter(|word| !begun.is_empty() && word.starts_with(begun));
    (start, fits.map(|word| format!("{word} ")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tab_key_completes_commands_and_names() {
        let names = ["Ada".to_owned(), "Ada 2".to_owned(), "Ben".to_owned()];
        let complete = |typed| completions(typed, &names);
        assert_eq!(complete("/b"), (0, vec!["/broadcast ".to_owned()]));
        assert_eq!(complete("/msg B"), (5, vec!["Ben ".to_owned()]));
        assert_eq!(complete("hello A").1, ["Ada ", "Ada 2 "]);
        assert_eq!(complete("/msg Ada 2"), (5, vec!["Ada 2 ".to_owned()]));
        assert_eq!(complete("/broadcast B").1, Vec::<String>::new());
        assert_eq!(complete("").1, Vec::<String>::new());
    }
}
