//! A program of the user, which `zcomm check` and `zcomm learn` test.
//!
//! The process runs in a process group of its own. At the end, the whole group is killed.
//!
//! A process that writes to a full pipe waits. So all output is read, but only its last bytes are
//! kept.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, ChildStdin, Command},
    time::timeout,
};

use super::{
    shell::{interrupt_group, kill_group},
    text::{cut, visible},
};

/// The number of bytes of stdout, and of stderr, that are kept.
const KEPT: usize = 2048;
/// The time limit for a killed process to end.
const KILLED: Duration = Duration::from_secs(1);

/// A process. Dropping this value kills the process.
pub(crate) struct Program {
    child: Child,
    pid: Option<u32>,
    /// The input of the process stays open, because some clients end when their input ends.
    _input: Option<ChildStdin>,
    printed: Output,
    said: Output,
}

type Output = Arc<Mutex<Vec<u8>>>;

impl Program {
    /// Starts a command of [`shell`](super::shell::shell) or [`grouped`](super::shell::grouped).
    pub(crate) fn start(mut command: Command) -> io::Result<Program> {
        let mut child = command.spawn()?;
        let (printed, said) = (Output::default(), Output::default());
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(read(stdout, Arc::clone(&printed)));
        }
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(read(stderr, Arc::clone(&said)));
        }
        Ok(Program {
            pid: child.id(),
            _input: child.stdin.take(),
            child,
            printed,
            said,
        })
    }

    /// Waits until the process has ended.
    pub(crate) async fn ended(&mut self) {
        // Ignores an error: there is no process to wait for.
        self.child.wait().await.ok();
    }

    /// Returns the exit code of a process that has ended. A signal has no exit code.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        self.child.try_wait().ok()??.code()
    }

    /// Asks the process to stop, as a service manager does: SIGTERM on Unix.
    pub(crate) fn interrupt(&mut self) {
        interrupt_group(self.pid, &mut self.child);
    }

    /// Returns the last lines of stdout.
    pub(crate) fn printed(&self) -> String {
        text(&self.printed)
    }

    /// Returns the last lines of stderr.
    pub(crate) fn said(&self) -> String {
        text(&self.said)
    }

    /// Returns the last line of stderr, safe to print.
    pub(crate) fn last_line(&self) -> Option<String> {
        let said = self.said();
        let line = said.lines().rev().find(|line| !line.trim().is_empty())?;
        Some(cut(&visible(line.trim())))
    }

    /// Kills the process, and waits until it has ended.
    pub(crate) async fn end(mut self) {
        kill_group(self.pid.take(), &mut self.child);
        // After the time limit, the runtime waits for the process in the background.
        timeout(KILLED, self.child.wait()).await.ok();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        kill_group(self.pid.take(), &mut self.child);
    }
}

fn text(output: &Output) -> String {
    let bytes = output.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads all output, and keeps the last bytes.
async fn read(mut output: impl AsyncRead + Unpin, said: Output) {
    let mut bytes = [0; KEPT];
    while let Ok(length @ 1..) = output.read(&mut bytes).await {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        said.extend(&bytes[..length]);
        let old = said.len().saturating_sub(KEPT);
        said.drain(..old);
    }
}
