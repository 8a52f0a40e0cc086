//! The input of a subcommand, and the output above the line that the user types.
//!
//! At a terminal, one thread runs the line editor, which waits for keys. Another thread, a
//! [`BackgroundWriter`], prints lines through the editor. The editor removes the half-typed line,
//! prints the new line, and restores the half-typed line. Neither thread can block the
//! subcommand.
//!
//! In a pipe, the input is read without an editor, and there is no [`Printer`].

use std::{
    io::{self, IsTerminal, Write},
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

#[cfg(unix)]
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use rustyline::{
    CompletionType, Context, Editor, ExternalPrinter, Helper, completion::Completer,
    config::Config, error::ReadlineError, highlight::Highlighter, hint::Hinter,
    history::DefaultHistory, validate::Validator,
};
use tokio::{sync::mpsc, time::sleep};
use zcomm_core::{BackgroundWriter, Error, WriterStep};

use super::{
    input::{Input, Reading, stdin},
    text::counted,
};

/// At the end, the program waits this long, so that the editor can redraw its line.
const REDRAW: Duration = Duration::from_millis(100);
/// The number of earlier lines that the arrow keys can show again.
const HISTORY: usize = 200;

/// The input of a subcommand. `T` is a line, or the whole input.
pub(crate) struct Console<T> {
    /// How to read stdin. `None` if the channel `input` already exists.
    reading: Option<Reading<T>>,
    input: Option<mpsc::Receiver<Input<T>>>,
    terminal: Option<Terminal>,
}

/// A terminal with a line editor.
struct Terminal {
    /// Sends the prompt for the next line.
    prompts: Sender<String>,
    /// Whether the user may be in the middle of a line.
    typing: bool,
    out: Printer,
    /// The terminal's settings before the editor changed them.
    #[cfg(unix)]
    settings: Option<rustix::termios::Termios>,
}

/// A function that completes a typed line. It returns where the last word starts, and the words
/// that can replace this word.
pub(crate) type Complete = Box<dyn Fn(&str) -> (usize, Vec<String>) + Send>;

impl<T: Send + 'static> Console<T> {
    /// Opens stdin: a terminal with an editor, a pipe without an editor. The user can type the
    /// first line after the first call of [`ready`](Self::ready). Without `complete`, the Tab
    /// key types a tab.
    pub(crate) fn open(reading: Reading<T>, complete: Option<Complete>) -> Console<T> {
        #[cfg(unix)]
        let settings = tcgetattr(io::stdin()).ok();
        let Some((editor, printer)) = editor(complete).filter(|_| !reading.whole) else {
            return Console {
                reading: Some(reading),
                input: None,
                terminal: None,
            };
        };
        let (prompts, next_prompt) = channel();
        let terminal = Terminal {
            prompts,
            typing: false,
            out: Printer::above_the_line(printer),
            #[cfg(unix)]
            settings,
        };
        Console {
            reading: None,
            input: Some(edit(editor, next_prompt, reading)),
            terminal: Some(terminal),
        }
    }

    /// Makes a console whose input is only this item.
    pub(crate) fn of(item: T) -> Console<T> {
        let (sender, input) = mpsc::channel(1);
        // Sending cannot fail here, because the channel is empty and its receiver exists.
        sender.try_send(Input::Item(item)).ok();
        Console {
            reading: None,
            input: Some(input),
            terminal: None,
        }
    }

    /// Waits for the next input. After an item or a refused item, the caller must call
    /// [`ready`](Self::ready).
    pub(crate) async fn input(&mut self) -> Input<T> {
        // Start to read only now: a subcommand that never calls `input` must not read stdin.
        if let Some(reading) = self.reading.take() {
            self.input = Some(stdin(reading, Some));
        }
        let input = match &mut self.input {
            Some(input) => input.recv().await.unwrap_or(Input::End),
            None => Input::End,
        };
        if let Some(terminal) = &mut self.terminal {
            terminal.typing = false;
        }
        input
    }
}

impl<T> Console<T> {
    /// Shows this prompt and lets the user type the next line.
    pub(crate) fn ready(&mut self, prompt: &str) {
        if let Some(terminal) = &mut self.terminal {
            terminal.ready(prompt);
        }
    }

    /// Returns a printer that prints above the line that the user types. Returns `None` if there
    /// is no line editor.
    pub(crate) fn printer(&self) -> Option<Printer> {
        self.terminal.as_ref().map(|terminal| terminal.out.clone())
    }

    /// Prints the waiting lines and restores the terminal, even if the user is typing a line.
    pub(crate) async fn close(self) {
        if let Some(terminal) = self.terminal {
            terminal.close().await;
        }
    }
}

impl Terminal {
    fn ready(&mut self, prompt: &str) {
        #[cfg(unix)]
        if let Some(settings) = &self.settings {
            let mut waiting = settings.clone();
            // The user may type or paste text while the editor does not read. The terminal must
            // not cut or print this text, because the editor reads it later as the next line.
            waiting.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
            tcsetattr(io::stdin(), OptionalActions::Now, &waiting).ok();
        }
        // Sending fails if the thread of the editor has ended.
        self.typing = self.prompts.send(prompt.to_owned()).is_ok();
    }

    async fn close(self) {
        drop(self.prompts);
        self.out.close();
        if self.typing {
            // The editor does not report when it has redrawn its line, so wait.
            sleep(REDRAW).await;
        }
        #[cfg(unix)]
        if let Some(settings) = self.settings {
            tcsetattr(io::stdin(), OptionalActions::Now, &settings).ok();
        }
        if self.typing {
            // Let the next output begin on a new line.
            plain("\n").ok();
        }
    }
}

/// Prints lines in a thread, so that a slow terminal does not delay a connection. All clones use
/// one thread.
#[derive(Clone)]
pub(crate) struct Printer(Arc<BackgroundWriter<String>>);

impl Printer {
    /// Prints on stdout, without an editor.
    pub(crate) fn plain() -> Printer {
        Printer::start(|line| plain(&line))
    }

    fn above_the_line(mut editor: impl ExternalPrinter + Send + 'static) -> Printer {
        Printer::start(move |line| editor.print(line).map_err(io::Error::other))
    }

    /// Starts a thread that calls `write` with each line. If `write` fails, the thread prints
    /// no more lines. This does not change the exit code of the subcommand.
    fn start(mut write: impl FnMut(String) -> io::Result<()> + Send + 'static) -> Printer {
        let colours = anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never;
        Printer(Arc::new(BackgroundWriter::start(move |step| {
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
        })))
    }

    pub(crate) fn print(&self, line: String) {
        let bytes = line.len();
        self.0.send(line, bytes);
    }

    /// Waits until the waiting lines are printed, but at most one second.
    pub(crate) fn close(&self) {
        self.0.close();
    }
}

/// Prints the text of each call of `write` as one line. An X-ray writes whole lines.
impl Write for Printer {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.print(
            String::from_utf8_lossy(text)
                .trim_end_matches('\n')
                .to_owned(),
        );
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn plain(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes())?;
    out.flush()
}

type LineEditor = Editor<Keys, DefaultHistory>;

/// Returns an editor and its printer. Returns `None` in a pipe, or if the terminal does not
/// support an editor.
fn editor(complete: Option<Complete>) -> Option<(LineEditor, impl ExternalPrinter + Send + use<>)> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return None;
    }
    let config = Config::builder()
        .max_history_size(HISTORY)
        .ok()?
        .auto_add_history(true)
        // Without bracketed paste, each line of a pasted text becomes a message.
        .bracketed_paste(false)
        .completion_type(match complete {
            Some(_) => CompletionType::Circular,
            None => CompletionType::List,
        })
        .build();
    let mut editor = Editor::with_config(config).ok()?;
    editor.set_helper(Some(Keys { complete }));
    let printer = editor.create_external_printer().ok()?;
    Some((editor, printer))
}

/// Reads a line from the terminal for each prompt.
fn edit<T: Send + 'static>(
    mut editor: LineEditor,
    prompts: Receiver<String>,
    reading: Reading<T>,
) -> mpsc::Receiver<Input<T>> {
    let (sender, input) = mpsc::channel(1);
    thread::spawn(move || {
        while let Ok(prompt) = prompts.recv() {
            let typed = match editor.readline(&prompt) {
                Ok(line) => reading.input(line.into_bytes(), "the typed line"),
                Err(ReadlineError::Eof) => Input::End,
                Err(ReadlineError::Interrupted) => Input::Interrupted,
                Err(error) => Input::Failed(Error::Io(io::Error::other(error))),
            };
            if sender.blocking_send(typed).is_err() {
                return;
            }
        }
    });
    input
}

/// Completes words when the user presses the Tab key.
struct Keys {
    complete: Option<Complete>,
}

impl Completer for Keys {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(match &self.complete {
            Some(complete) => complete(&line[..at]),
            // Insert a tab, because a pasted text may contain tabs.
            None => (at, vec!["\t".to_owned()]),
        })
    }
}

// rustyline requires these traits. The traits do nothing here.
impl Hinter for Keys {
    type Hint = String;
}
impl Highlighter for Keys {}
impl Validator for Keys {}
impl Helper for Keys {}
