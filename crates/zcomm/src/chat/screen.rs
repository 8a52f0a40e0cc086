//! The input and the output of a chat: a [`Console`] that completes commands and names.

use std::sync::{Arc, Mutex, PoisonError};

use super::commands::COMMANDS;
use crate::shared::{
    console::{Console, Printer},
    input::{Input, Reading},
};

/// The limit for one line (bytes). `chat_app` accepts texts of 4,000 characters, and a
/// character has at most four bytes.
const MAX_LINE: usize = 16 * 1024;

pub(super) struct Screen {
    console: Console<String>,
    out: Printer,
    names: Arc<Mutex<Vec<String>>>,
}

impl Screen {
    /// Opens stdin: a terminal with an editor, a pipe without an editor.
    pub(super) fn open(prompt: &str) -> Screen {
        let names: Arc<Mutex<Vec<String>>> = Arc::default();
        let known = Arc::clone(&names);
        let reading = Reading {
            make: |line| String::from_utf8(line).ok(),
            whole: false,
            limit: MAX_LINE,
            if_not_text: "a chat accepts only text: save the file as UTF-8",
            if_too_long: "send a shorter text: a chat is not for files",
        };
        let complete = move |typed: &str| {
            let names = known.lock().unwrap_or_else(PoisonError::into_inner);
            completions(typed, &names)
        };
        let mut console = Console::open(reading, Some(Box::new(complete)));
        console.ready(prompt);
        Screen {
            out: console.printer().unwrap_or_else(Printer::plain),
            console,
            names,
        }
    }

    /// Whether the user types at a terminal.
    pub(super) fn is_terminal(&self) -> bool {
        self.console.printer().is_some()
    }

    /// Waits for the next input. After a line, the caller must call [`ready`](Screen::ready).
    pub(super) async fn input(&mut self) -> Input<String> {
        self.console.input().await
    }

    /// Shows this prompt and lets the user type the next line.
    pub(super) fn ready(&mut self, prompt: &str) {
        self.console.ready(prompt);
    }

    /// Prints a line above the line that the user is typing.
    pub(super) fn print(&self, line: String) {
        self.out.print(line);
    }

    /// Sets the names that the Tab key completes.
    pub(super) fn complete(&self, names: Vec<String>) {
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = names;
    }

    /// Prints the waiting lines and restores the terminal, even if the user is typing a line.
    pub(super) async fn close(self) {
        self.out.close();
        self.console.close().await;
    }
}

/// Returns where the last command or name starts, and the words that can replace it.
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
