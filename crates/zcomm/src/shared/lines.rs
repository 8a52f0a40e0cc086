//! Reads the lines of stdin in a thread.
//!
//! A read of stdin cannot be cancelled. In its own thread, the read does not delay the end of
//! the program. The channel has space for only a few lines. When the channel is full, the thread
//! waits, so a large file does not fill the memory.

use std::io::{self, BufRead, Read};

use tokio::sync::mpsc;

/// The size of the longest line (bytes).
const MAX_LINE: u64 = 16 * 1024 * 1024;
/// The largest number of lines in the channel.
const LINES: usize = 16;

/// Returns a channel of the lines, without their line ends. The channel ends at the end of
/// stdin, or after the first error.
pub(crate) fn input<T: Send + 'static>(
    wrap: impl Fn(io::Result<Vec<u8>>) -> T + Send + 'static,
) -> mpsc::Receiver<T> {
    let (sender, lines) = mpsc::channel(LINES);
    std::thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        while let Some(line) = next(&mut stdin).transpose() {
            let last = line.is_err();
            if sender.blocking_send(wrap(line)).is_err() || last {
                return;
            }
        }
    });
    lines
}

/// Reads a line. Returns `None` at the end of the input.
fn next(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let read = input.take(MAX_LINE + 1).read_until(b'\n', &mut line)?;
    if read as u64 > MAX_LINE {
        return Err(io::Error::other(
            "a line of the input is longer than 16 MiB",
        ));
    }
    if line.pop_if(|last| *last == b'\n').is_some() {
        line.pop_if(|last| *last == b'\r');
    }
    Ok((read > 0).then_some(line))
}
