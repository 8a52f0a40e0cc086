//! The lines of stdin.
//!
//! Nobody can take a read back that has begun, and the end of the program must not wait for
//! one: so they are read in a thread of their own. The channel behind it is short, so that a
//! file is read as fast as its lines are sent, and not into memory.

use std::io::{self, BufRead, Read};

use tokio::sync::mpsc;

/// The longest line (bytes).
const MAX_LINE: u64 = 16 * 1024 * 1024;
/// Lines that were read and are not taken yet.
const LINES: usize = 16;

/// Reads lines, without their ends, until there are no more or one cannot be read.
pub(crate) fn input<T: Send + 'static>(
    wrap: impl Fn(io::Result<Vec<u8>>) -> T + Send + 'static,
) -> mpsc::Receiver<T> {
    let (sender, lines) = mpsc::channel(LINES);
    std::thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        loop {
            let mut line = Vec::new();
            let read = (&mut stdin).take(MAX_LINE + 1).read_until(b'\n', &mut line);
            let line = match read {
                Ok(0) => return,
                Ok(read) if read as u64 > MAX_LINE => Err(io::Error::other(
                    "a line of the input is longer than 16 MiB",
                )),
                Ok(_) => Ok(without_end(line)),
                Err(error) => Err(error),
            };
            let last = line.is_err();
            if sender.blocking_send(wrap(line)).is_err() || last {
                return;
            }
        }
    });
    lines
}

fn without_end(mut line: Vec<u8>) -> Vec<u8> {
    if line.pop_if(|last| *last == b'\n').is_some() {
        line.pop_if(|last| *last == b'\r');
    }
    line
}
