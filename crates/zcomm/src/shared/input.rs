//! Reads the input of a subcommand: lines or all bytes of stdin, or a file.
//!
//! A read of stdin cannot be cancelled. So a thread reads stdin, and the program does not wait
//! for this thread at the end. The thread sends the lines through a channel that has space for
//! only a few lines. When the channel is full, the thread waits. So a large input does not
//! fill the memory.
//!
//! A line that cannot be sent ends the input. The error contains the number of this line. The
//! earlier lines are still sent.

use std::{
    fs::File,
    io::{self, BufRead, IsTerminal, Read},
    path::Path,
};

use tokio::sync::mpsc;
use zcomm_core::{Error, shown_path};

/// At most this number of lines wait in the channel.
const LINES: usize = 16;
/// If the program does not use the line editor, Linux cuts a typed line at this size (bytes).
const TERMINAL_LINE: usize = 4095;

/// A part of the input.
pub(crate) enum Input<T> {
    /// A line without its line end, or the whole input.
    Item(T),
    /// The end of a pipe, or Ctrl-D.
    End,
    /// Ctrl-C in the line editor.
    Interrupted,
    /// An item cannot be sent. In a pipe, this is the end of the input.
    Refused(Error),
    /// The input cannot be read.
    Failed(Error),
}

/// How to read the input.
pub(crate) struct Reading<T> {
    /// Makes an item from a line or from the whole input. Returns `None` if the item must be text
    /// and the bytes are not UTF-8.
    pub(crate) make: fn(Vec<u8>) -> Option<T>,
    /// Whether the whole input is one item. Otherwise each line is an item.
    pub(crate) whole: bool,
    /// The limit for one item (bytes).
    pub(crate) limit: usize,
    /// What to type if an item is not text.
    pub(crate) if_not_text: &'static str,
    /// What to type if an item is too long.
    pub(crate) if_too_long: &'static str,
}

impl<T> Reading<T> {
    /// Reads a file as one item.
    pub(crate) fn file(&self, path: &Path) -> Result<T, Error> {
        let name = shown_path(path);
        let failed = |error: &dyn std::fmt::Display| Error::Ended {
            what: format!("cannot read {name}: {error}"),
            help: Some("--file names a file that you may read"),
        };
        let file = File::open(path).map_err(|error| failed(&error))?;
        let mut bytes = Vec::new();
        let read = file.take(self.most()).read_to_end(&mut bytes);
        read.map_err(|error| failed(&error))?;
        self.item(bytes, &name)
    }

    /// Returns the number of bytes to read: one more than the limit. If this byte arrives, the
    /// item is too long.
    fn most(&self) -> u64 {
        self.limit as u64 + 1
    }

    fn item(&self, bytes: Vec<u8>, what: &str) -> Result<T, Error> {
        if bytes.len() > self.limit {
            return Err(self.too_long(what));
        }
        (self.make)(bytes).ok_or_else(|| Error::Ended {
            what: format!("{what} is not UTF-8 text"),
            help: Some(self.if_not_text),
        })
    }

    fn too_long(&self, what: &str) -> Error {
        Error::Ended {
            what: format!("{what} is longer than {} bytes", self.limit),
            help: Some(self.if_too_long),
        }
    }

    /// Makes an item. If the item cannot be sent, returns [`Input::Refused`].
    pub(crate) fn input(&self, bytes: Vec<u8>, what: &str) -> Input<T> {
        self.item(bytes, what)
            .map_or_else(Input::Refused, Input::Item)
    }

    /// Reads the whole input. An empty input has no item.
    fn whole(&self, input: impl Read) -> io::Result<Input<T>> {
        let mut bytes = Vec::new();
        input.take(self.most()).read_to_end(&mut bytes)?;
        Ok(match bytes.is_empty() {
            true => Input::End,
            false => self.input(bytes, "the input"),
        })
    }

    /// Reads the line with this number.
    fn line(&self, input: &mut impl BufRead, number: u64) -> io::Result<Input<T>> {
        let name = format!("line {number} of the input");
        let mut line = Vec::new();
        // Read two more bytes, for the line end.
        let read = input.take(self.most() + 2).read_until(b'\n', &mut line)?;
        if line.pop_if(|last| *last == b'\n').is_some() {
            line.pop_if(|last| *last == b'\r');
        }
        Ok(match read {
            0 => Input::End,
            _ => self.input(line, &name),
        })
    }
}

/// Reads stdin in a thread. Calls `wrap` with each part of the input, and sends the returned
/// value through the channel. If `wrap` returns `None`, nothing is sent.
pub(crate) fn stdin<T: Send + 'static, U: Send + 'static>(
    mut reading: Reading<T>,
    wrap: impl Fn(Input<T>) -> Option<U> + Send + 'static,
) -> mpsc::Receiver<U> {
    if io::stdin().is_terminal() && !reading.whole {
        reading.limit = reading.limit.min(TERMINAL_LINE - 1);
        reading.if_too_long = "a terminal cuts a longer line: send the line through a pipe";
    }
    let (sender, items) = mpsc::channel(LINES);
    std::thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        let mut items = items_of(&mut stdin, reading).filter_map(wrap);
        // `send` fails when the subcommand has ended.
        items.all(|item| sender.blocking_send(item).is_ok());
    });
    items
}

/// Returns the parts of an input. The last part is the end of the input or an error.
fn items_of<T>(input: &mut impl BufRead, reading: Reading<T>) -> impl Iterator<Item = Input<T>> {
    let (mut number, mut over) = (0, false);
    std::iter::from_fn(move || {
        if over {
            return None;
        }
        number += 1;
        let read = match (reading.whole, number) {
            (true, 1) => reading.whole(&mut *input),
            (true, _) => Ok(Input::End),
            (false, _) => reading.line(&mut *input, number),
        };
        let item = read.unwrap_or_else(|error| Input::Failed(error.into()));
        over = !matches!(item, Input::Item(_));
        Some(item)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the items of an input, and the error that ended the input.
    fn read(input: &[u8], whole: bool, limit: usize) -> (Vec<String>, Option<String>) {
        let reading = Reading {
            make: |bytes| String::from_utf8(bytes).ok(),
            whole,
            limit,
            if_not_text: "send bytes in another way",
            if_too_long: "send less",
        };
        let (mut items, mut failed) = (Vec::new(), None);
        for item in items_of(&mut &*input, reading) {
            match item {
                Input::Item(item) => items.push(item),
                Input::Refused(error) | Input::Failed(error) => failed = Some(error.with_help()),
                Input::End | Input::Interrupted => {}
            }
        }
        (items, failed)
    }

    #[test]
    fn a_line_has_no_line_end_and_the_whole_input_is_unchanged() {
        assert_eq!(read(b"a\r\n\nb\r", false, 9).0, ["a", "", "b\r"]);
        assert_eq!(read(b"a\r\n\nb\r", true, 9).0, ["a\r\n\nb\r"]);
        assert_eq!(read(b"", false, 9).0, [""; 0]);
        assert_eq!(read(b"", true, 9).0, [""; 0]);
    }

    #[test]
    fn a_line_that_is_not_text_is_named_and_ends_the_input() {
        let (lines, failed) = read(b"one\ntwo\n\xff\nfour\n", false, 9);
        assert_eq!(lines, ["one", "two"]);
        let words = "line 3 of the input is not UTF-8 text; send bytes in another way";
        assert_eq!(failed.as_deref(), Some(words));
        let (none, failed) = read(b"one\n\xff", true, 9);
        assert_eq!(none, [""; 0]);
        assert!(failed.unwrap().starts_with("the input is not UTF-8 text"));
    }

    #[test]
    fn a_line_may_be_as_long_as_the_limit_without_its_line_end() {
        assert_eq!(read(b"1234\r\n1234\n1234", false, 4).0, ["1234"; 3]);
        let (lines, failed) = read(b"1234\n12345\n1", false, 4);
        assert_eq!(lines, ["1234"]);
        let words = "line 2 of the input is longer than 4 bytes; send less";
        assert_eq!(failed.as_deref(), Some(words));
        assert_eq!(read(b"12\n4", true, 4).0, ["12\n4"]);
        assert!(
            read(b"12\n45", true, 4)
                .1
                .unwrap()
                .contains("longer than 4 bytes")
        );
    }
}
