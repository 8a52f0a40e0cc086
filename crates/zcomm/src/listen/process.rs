//! `--exec`: one process for each client.
//!
//! The command runs in a shell, in its own process group. When the client leaves, the server
//! kills the whole group, because the shell may have started other programs. So the command
//! does not run longer than its client. On Windows, the server kills only the shell.
//!
//! The number of processes has a limit.
//!
//! Tasks copy the lines of stdin, stdout and stderr through short queues. When a queue for
//! output is full, its task reads no more lines. So a process that writes without end does not
//! fill the memory.

use std::{
    io::{self, IsTerminal},
    mem,
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::timeout,
};
use zcomm_core::ClientId;

use super::output::Notes;
use crate::shared::{
    shell::{kill_group, shell},
    text::visible,
};

/// At most this number of lines wait in one queue.
const LINES: usize = 16;
/// The time limit for a killed process to end.
const KILLED: Duration = Duration::from_secs(2);

/// The command to run for each client.
pub(super) struct Exec {
    command: String,
    free: Arc<Semaphore>,
    /// The limit for one line of the process (bytes).
    max_line: usize,
}

/// The process of one client. Dropping this value kills the process.
pub(super) struct Process {
    pub(super) child: Child,
    /// The id of the process, which is also the id of its group. `None` after the group is
    /// killed.
    pid: Option<u32>,
    /// The lines for stdin.
    pub(super) input: mpsc::Sender<Vec<u8>>,
    /// The lines of stdout, without their line ends.
    pub(super) lines: mpsc::Receiver<Vec<u8>>,
    _slot: OwnedSemaphorePermit,
}

impl Exec {
    pub(super) fn new(command: &str, most: usize, max_line: usize) -> Exec {
        Exec {
            command: command.to_owned(),
            free: Arc::new(Semaphore::new(most)),
            max_line,
        }
    }

    /// Starts the process of a client. Returns `None` when too many processes run.
    pub(super) fn start(&self, client: ClientId, notes: &Notes) -> io::Result<Option<Process>> {
        let Ok(slot) = Arc::clone(&self.free).try_acquire_owned() else {
            return Ok(None);
        };
        let mut child = shell(&self.command).spawn()?;
        let (input, to_stdin) = mpsc::channel(LINES);
        let (from_stdout, lines) = mpsc::channel(LINES);
        if let Some(stdin) = child.stdin.take() {
            tokio::spawn(write(stdin, to_stdin));
        }
        if let Some(stdout) = child.stdout.take() {
            let (notes, longest) = (notes.clone(), self.max_line);
            let on_cut = move || {
                notes.note(&format!(
                    "{client}: the process has written a line of more than {longest} bytes, which \
                     is sent in parts; WEBSOCKET_MAX_MESSAGE_BYTES sets a higher limit"
                ));
            };
            tokio::spawn(read(stdout, longest, from_stdout, on_cut));
        }
        if let Some(stderr) = child.stderr.take() {
            let (sender, errors) = mpsc::channel(LINES);
            tokio::spawn(read(stderr, self.max_line, sender, || ()));
            tokio::spawn(show(client, errors, notes.clone()));
        }
        let pid = child.id();
        Ok(Some(Process {
            child,
            pid,
            input,
            lines,
            _slot: slot,
        }))
    }
}

impl Process {
    /// Kills the process, and waits until it has ended.
    pub(super) async fn end(mut self) {
        self.kill();
        // If the time is over, the runtime waits for the process in the background.
        timeout(KILLED, self.child.wait()).await.ok();
    }

    /// Kills the process. On Unix, also kills the other programs of its group.
    pub(super) fn kill(&mut self) {
        kill_group(self.pid, &mut self.child);
        // Forget the id, because a later group may get the same id.
        self.pid = None;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Writes each line to the process. Stops if the process has closed its stdin.
async fn write(mut stdin: ChildStdin, mut lines: mpsc::Receiver<Vec<u8>>) {
    while let Some(mut line) = lines.recv().await {
        line.push(b'\n');
        if stdin.write_all(&line).await.is_err() {
            return;
        }
    }
}

/// Reads lines from the process until the output ends. Cuts a line that is longer than `longest`
/// bytes into parts, and calls `on_cut` for the first such line.
async fn read(
    output: impl AsyncRead + Unpin,
    longest: usize,
    lines: mpsc::Sender<Vec<u8>>,
    on_cut: impl FnOnce(),
) {
    let (mut output, mut on_cut) = (BufReader::new(output), Some(on_cut));
    let mut rest: Vec<u8> = Vec::new();
    loop {
        let mut line = mem::take(&mut rest);
        if !line.ends_with(b"\n") {
            // A line of `longest` bytes is not cut. So also read the line end, which has at
            // most 2 bytes.
            let mut part = (&mut output).take((longest + 2).saturating_sub(line.len()) as u64);
            match part.read_until(b'\n', &mut line).await {
                Ok(0) if line.is_empty() => return,
                Ok(_) => {}
                Err(_) => return,
            }
        }
        let length = without_line_end(&line).len();
        if length > longest {
            let after = line.split_off(longest);
            rest = half_character(&mut line);
            rest.extend(after);
            on_cut.take().into_iter().for_each(|on_cut| on_cut());
        } else {
            line.truncate(length);
        }
        if lines.send(line).await.is_err() {
            return;
        }
    }
}

fn without_line_end(line: &[u8]) -> &[u8] {
    match line.strip_suffix(b"\n") {
        Some(line) => line.strip_suffix(b"\r").unwrap_or(line),
        None => line,
    }
}

/// Removes the bytes of an incomplete character from the end of a line, and returns them. With
/// these bytes, the line would not be a text.
fn half_character(line: &mut Vec<u8>) -> Vec<u8> {
    match str::from_utf8(line) {
        Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => {
            line.split_off(error.valid_up_to())
        }
        _ => Vec::new(),
    }
}

/// Shows the lines of stderr. On a terminal, makes control characters visible, because a client
/// may have chosen the text.
async fn show(client: ClientId, mut lines: mpsc::Receiver<Vec<u8>>, notes: Notes) {
    let terminal = io::stderr().is_terminal();
    while let Some(line) = lines.recv().await {
        let line = String::from_utf8_lossy(&line);
        let line = if terminal {
            visible(&line)
        } else {
            line.into_owned()
        };
        notes.note(&format!("{client}, stderr: {line}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the parts in which these bytes arrive, and the number of calls of `on_cut`.
    async fn parts(output: &[u8], longest: usize) -> (Vec<Vec<u8>>, usize) {
        let (sender, mut lines) = mpsc::channel(LINES);
        let mut cut = 0;
        read(output, longest, sender, || cut += 1).await;
        let mut parts = Vec::new();
        while let Some(line) = lines.recv().await {
            parts.push(line);
        }
        (parts, cut)
    }

    #[tokio::test]
    async fn a_long_line_is_cut_between_two_characters() {
        for (output, expected, cut) in [
            ("abcd\nef\r\n", &["abcd", "ef"][..], 0),
            ("abcdefghij\n", &["abcde", "fghij"], 1),
            ("aäöüß\nb", &["aäö", "üß", "b"], 1),
            ("aaääöü", &["aaä", "äö", "ü"], 1),
            ("abcd🌍\n", &["abcd", "🌍"], 1),
            // A line of five bytes is whole, and no empty line follows it.
            ("abcde\nf\n", &["abcde", "f"], 0),
            ("abcde\r\n", &["abcde"], 0),
            ("\n\n", &["", ""], 0),
        ] {
            let (parts, calls) = parts(output.as_bytes(), 5).await;
            let parts: Vec<_> = parts.iter().map(|part| str::from_utf8(part)).collect();
            let expected: Vec<_> = expected.iter().map(|part| Ok(*part)).collect();
            assert_eq!((parts, calls), (expected, cut), "{output}");
        }
        // Bytes that are not a text are cut at the limit.
        let (parts, _) = parts(b"\xffbcd\xc3\xa4", 5).await;
        assert_eq!(parts, [&b"\xffbcd\xc3"[..], b"\xa4"]);
    }
}
