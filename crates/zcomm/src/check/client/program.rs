//! The program of the user: one process for each case.
//!
//! The process runs in a process group of its own. After the case, the whole group is killed.
//!
//! A process that writes to a full pipe waits. So all output is read, but only the end of stderr
//! is kept.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, ChildStdin},
    time::timeout,
};

use crate::{
    check::verdict::cut,
    shared::{
        shell::{kill_group, shell},
        text::visible,
    },
};

/// In the command, this text stands for the address.
pub(super) const URL: &str = "{url}";
/// The number of bytes of stderr that are kept.
const KEPT: usize = 2048;
/// The time limit for a killed process to end.
const KILLED: Duration = Duration::from_secs(1);

/// A process. Dropping this value kills the process.
pub(super) struct Program {
    child: Child,
    pid: Option<u32>,
    /// The input of the process stays open, because some clients end when their input ends.
    _input: Option<ChildStdin>,
    said: Arc<Mutex<Vec<u8>>>,
}

impl Program {
    pub(super) fn start(command: &str, url: &str) -> io::Result<Program> {
        let mut child = shell(&command.replace(URL, url)).spawn()?;
        let said = Arc::default();
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(read(stdout, Arc::default()));
        }
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(read(stderr, Arc::clone(&said)));
        }
        Ok(Program {
            pid: child.id(),
            _input: child.stdin.take(),
            child,
            said,
        })
    }

    /// Waits until the process has ended.
    pub(super) async fn ended(&mut self) {
        // Ignores an error: there is no process to wait for.
        self.child.wait().await.ok();
    }

    /// Returns the last line of stderr, safe to print.
    pub(super) fn last_line(&self) -> Option<String> {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&said);
        let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
        Some(cut(&visible(line.trim())))
    }

    /// Kills the process, and waits until it has ended.
    pub(super) async fn end(mut self) {
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

/// Reads all output, and keeps the last bytes.
async fn read(mut output: impl AsyncRead + Unpin, said: Arc<Mutex<Vec<u8>>>) {
    let mut bytes = [0; KEPT];
    while let Ok(length @ 1..) = output.read(&mut bytes).await {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        said.extend(&bytes[..length]);
        let old = said.len().saturating_sub(KEPT);
        said.drain(..old);
    }
}
