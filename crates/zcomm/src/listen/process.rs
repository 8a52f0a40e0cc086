//! `--exec`: one process for each client.
//!
//! The command runs in a shell, in its own process group. When the client leaves, the server
//! kills the whole group, because the shell may have started other programs. So the command does
//! not run longer than its client. The number of processes has a limit.
//!
//! Three tasks copy the lines of stdin, stdout and stderr through short queues. When a queue for
//! output is full, its task reads no more lines. So a process that writes without end does not
//! fill the memory.

use std::{
    io::{self, IsTerminal},
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

/// The largest number of lines in one queue.
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
            tokio::spawn(read(stdout, self.max_line, from_stdout));
        }
        if let Some(stderr) = child.stderr.take() {
            let (sender, errors) = mpsc::channel(LINES);
            tokio::spawn(read(stderr, self.max_line, sender));
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

    /// Kills the process and the programs that it has started.
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
/// bytes into parts.
async fn read(output: impl AsyncRead + Unpin, longest: usize, lines: mpsc::Sender<Vec<u8>>) {
    let mut output = BufReader::new(output);
    loop {
        let mut line = Vec::new();
        let mut part = (&mut output).take(longest as u64);
        match part.read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        if line.pop_if(|last| *last == b'\n').is_some() {
            line.pop_if(|last| *last == b'\r');
        }
        if lines.send(line).await.is_err() {
            return;
        }
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
