//! The terminal of a chat: the user types a line, and messages appear above the line.
//!
//! One thread edits the line. It waits for keys and cannot be cancelled. Another thread, a
//! [`BackgroundWriter`], prints messages with the editor: the editor removes the half-typed
//! line, prints the message, and restores the line. The two threads cannot block the chat.
//!
//! In a pipe, lines are read and written without an editor.

use std::{
    io::{self, IsTerminal, Write},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, Sender, channel},
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
use zcomm_core::{BackgroundWriter, WriterStep};

use super::commands::COMMANDS;
use crate::shared::{lines, text::counted};

/// The time that the editor gets to redraw its line after the last message.
const REDRAW: Duration = Duration::from_millis(100);
/// The number of earlier lines that the arrow keys can show again.
const HISTORY: usize = 200;

/// What the user typed.
pub(super) enum Input {
    Line(String),
    /// Ctrl-D, or the end of a pipe.
    End,
    /// Ctrl-C.
    Interrupted,
    /// The input cannot be read.
    Failed(io::Error),
}

/// The input and the output of the chat.
pub(super) struct Screen {
    input: mpsc::Receiver<Input>,
    /// Sends the prompt for the next line. `None` in a pipe.
    prompts: Option<Sender<String>>,
    /// Whether the user may be in the middle of a line.
    typing: bool,
    out: BackgroundWriter<String>,
    names: Arc<Mutex<Vec<String>>>,
    /// The terminal's settings before the editor changed them.
    #[cfg(unix)]
    terminal: Option<rustix::termios::Termios>,
}

impl Screen {
    /// Opens the terminal with an editor, or the pipes without an editor.
    pub(super) fn open(prompt: String) -> Screen {
        #[cfg(unix)]
        let terminal = rustix::termios::tcgetattr(io::stdin()).ok();
        let names = Arc::default();
        let (input, prompts, out) = match editor(&names) {
            Some((editor, mut printer)) => {
                let (prompts, next_prompt) = channel();
                // Sending cannot fail here, because the receiver still exists.
                prompts.send(prompt).ok();
                let out = print(move |line| printer.print(line).map_err(io::Error::other));
                (edit(editor, next_prompt), Some(prompts), out)
            }
            None => (read(), None, print(|line| plain(&line))),
        };
        Screen {
            input,
            typing: prompts.is_some(),
            prompts,
            out,
            names,
            #[cfg(unix)]
            terminal,
        }
    }

    /// Waits for the next input. After a line, the caller must call [`ready`](Screen::ready).
    pub(super) async fn input(&mut self) -> Input {
        let input = self.input.recv().await.unwrap_or(Input::End);
        self.typing = false;
        input
    }

    /// Shows this prompt and lets the user type the next line.
    pub(super) fn ready(&mut self, prompt: String) {
        if let Some(prompts) = &self.prompts {
            // Sending fails when the input has ended.
            self.typing = prompts.send(prompt).is_ok();
        }
    }

    /// Prints a line above the line that the user is typing.
    pub(super) fn print(&self, line: String) {
        let bytes = line.len();
        self.out.send(line, bytes);
    }

    /// Sets the names that the Tab key completes.
    pub(super) fn complete(&self, names: Vec<String>) {
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = names;
    }

    /// Prints the waiting lines and restores the terminal, even if the user is typing a line.
    pub(super) async fn close(self) {
        drop(self.prompts);
        self.out.close();
        if self.typing {
            // The editor does not report when it has redrawn its line, so wait.
            sleep(REDRAW).await;
        }
        #[cfg(unix)]
        if let Some(terminal) = self.terminal {
            use rustix::termios::{OptionalActions, tcsetattr};
            tcsetattr(io::stdin(), OptionalActions::Now, &terminal).ok();
        }
        if self.typing {
            // Let the next output begin on a new line.
            plain("\n").ok();
        }
    }
}

type Names = Arc<Mutex<Vec<String>>>;
type LineEditor = Editor<Completions, DefaultHistory>;

/// Returns an editor and its printer. Returns `None` in a pipe, or if the terminal does not
/// support an editor.
fn editor(names: &Names) -> Option<(LineEditor, impl ExternalPrinter + Send + use<>)> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return None;
    }
    let config = Config::builder()
        .max_history_size(HISTORY)
        .ok()?
        .auto_add_history(true)
        // Each line of a pasted text becomes a message.
        .bracketed_paste(false)
        .build();
    let mut editor = Editor::with_config(config).ok()?;
    let names = Arc::clone(names);
    editor.set_helper(Some(Completions { names }));
    let printer = editor.create_external_printer().ok()?;
    Some((editor, printer))
}

/// Reads a line from the terminal for each prompt.
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

/// Prints each line in a thread. If `write` fails, the reader of the pipe has ended. Then
/// printing stops, but the exit code still reports the result.
fn print(
    mut write: impl FnMut(String) -> io::Result<()> + Send + 'static,
) -> BackgroundWriter<String> {
    let colours = anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never;
    BackgroundWriter::start(move |step| {
        let line = match step {
            WriterStep::Item(line) => line,
            WriterStep::Dropped(count) => {
                let lines = counted(count, "line");
                format!("! {lines} dropped: the terminal did not accept them")
            }
            WriterStep::Idle => return Ok(()),
        };
        write(match colours {
            true => line + "\n",
            false => anstream::adapter::strip_str(&line).to_string() + "\n",
        })
    })
}

fn plain(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes())?;
    out.flush()
}

/// Completes commands and names when the user presses the Tab key.
struct Completions {
    names: Names,
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

// rustyline requires these traits. The traits do nothing here.
impl Hinter for Completions {
    type Hint = String;
}
impl Highlighter for Completions {}
impl Validator for Completions {}
impl Helper for Completions {}

/// Returns where the last command or name starts, and the words that complete it.
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
