//! The signals that ask a program to stop.
//!
//! A program stops when a user presses Ctrl-C or Ctrl-\, when a service manager sends SIGTERM,
//! and when the terminal closes (SIGHUP). On Windows, a program stops after Ctrl-C or
//! Ctrl-Break, when the console closes, and when the session ends.
//!
//! A second signal ends most programs at once. But one request to stop can arrive as two
//! signals. The command `timeout` sends SIGTERM twice: to the program and to its process
//! group. When a terminal closes, the shell and the kernel send SIGHUP. So `StopSignals`
//! ignores some signals:
//! - SIGTERM, within a second after another signal.
//! - SIGHUP, at any time after another signal.
//!
//! Ctrl-C and Ctrl-\ always count.
//!
//! A program that was started with `nohup` ignores SIGHUP, so it continues when its terminal
//! closes. In this case, `StopSignals` does not catch SIGHUP.

use std::{
    future::poll_fn,
    io,
    task::{Context, Poll},
    time::{Duration, Instant},
};

/// For this time after a signal, SIGTERM is ignored as a copy of the same request.
const COPY: Duration = Duration::from_secs(1);

/// The exit code after SIGHUP. The exit code of a signal is 128 plus the number of the signal,
/// as in shells.
const HANGUP: u8 = 129;
/// The exit code after Ctrl-C.
const INTERRUPT: u8 = 130;
/// The exit code after Ctrl-\ (SIGQUIT).
#[cfg(unix)]
const QUIT: u8 = 131;
/// The exit code after SIGTERM.
const TERMINATE: u8 = 143;

/// A function that checks whether a signal of one kind has arrived.
type Source = Box<dyn FnMut(&mut Context<'_>) -> Poll<Option<()>> + Send>;

/// The signals that ask a program to stop.
///
/// Create this value once, before the work begins. From then on, these signals do not end the
/// process. If a signal arrives between two calls of [`next`](Self::next), the second call
/// returns the exit code of this signal.
pub struct StopSignals {
    /// Each signal, with its exit code.
    sources: Vec<(u8, Source)>,
    /// The time of the last signal that was not a copy.
    last: Option<Instant>,
}

impl StopSignals {
    /// Catches the signals. Call this function inside the tokio runtime.
    ///
    /// # Errors
    /// If the operating system does not let the program catch a signal.
    pub fn new() -> io::Result<StopSignals> {
        Ok(StopSignals {
            sources: sources()?,
            last: None,
        })
    }

    /// Waits for the next signal and returns its exit code. A cancelled call loses no signal.
    pub async fn next(&mut self) -> u8 {
        loop {
            let code = self.arrived().await;
            let copy = self.last.is_some_and(|last| last.elapsed() < COPY);
            if !(copy && code == TERMINATE) {
                self.last = Some(Instant::now());
                return code;
            }
        }
    }

    async fn arrived(&mut self) -> u8 {
        let code = poll_fn(|context| {
            let mut sources = self.sources.iter_mut();
            let arrived =
                sources.find_map(|(code, poll)| poll(context).is_ready().then_some(*code));
            arrived.map_or(Poll::Pending, Poll::Ready)
        })
        .await;
        // After the first signal, do not wait for SIGHUP. Its handler stays installed, so a
        // later SIGHUP does nothing.
        self.sources.retain(|(code, _)| *code != HANGUP);
        code
    }
}

fn source(poll: impl FnMut(&mut Context<'_>) -> Poll<Option<()>> + Send + 'static) -> Source {
    Box::new(poll)
}

#[cfg(unix)]
fn sources() -> io::Result<Vec<(u8, Source)>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut kinds = vec![
        (INTERRUPT, SignalKind::interrupt()),
        (TERMINATE, SignalKind::terminate()),
        (QUIT, SignalKind::quit()),
    ];
    // Check this before the program catches SIGHUP, because a caught signal is not ignored.
    if !hangup_is_ignored() {
        kinds.push((HANGUP, SignalKind::hangup()));
    }
    let mut sources = Vec::new();
    for (code, kind) in kinds {
        let mut signal = signal(kind)?;
        sources.push((code, source(move |context| signal.poll_recv(context))));
    }
    Ok(sources)
}

/// Whether this process ignores SIGHUP. On Linux, `/proc/self/status` has one bit for each
/// signal. The bit is 1 if the process ignores the signal. The lowest bit is for signal 1, which
/// is SIGHUP.
#[cfg(target_os = "linux")]
fn hangup_is_ignored() -> bool {
    // Without this file (no /proc), assume the usual case: SIGHUP is not ignored.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|set| u64::from_str_radix(set.trim(), 16).ok());
    ignored.is_some_and(|set| set & 1 == 1)
}

/// Whether this process ignores SIGHUP. In Rust, the system call for this check needs
/// `unsafe`. So start a shell, which also ignores SIGHUP if this process ignores SIGHUP. A
/// shell cannot trap a signal that was ignored when the shell started. So the shell prints
/// nothing if SIGHUP is ignored.
#[cfg(all(unix, not(target_os = "linux")))]
fn hangup_is_ignored() -> bool {
    use std::process::{Command, Stdio};
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "trap 'echo trapped' HUP; kill -HUP $$; exit 0"]);
    let answer = shell.stdin(Stdio::null()).stderr(Stdio::null()).output();
    answer.is_ok_and(|answer| answer.status.success() && answer.stdout.is_empty())
}

#[cfg(windows)]
fn sources() -> io::Result<Vec<(u8, Source)>> {
    use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_logoff, ctrl_shutdown};
    let (mut interrupt, mut pause, mut close) = (ctrl_c()?, ctrl_break()?, ctrl_close()?);
    let (mut logoff, mut shutdown) = (ctrl_logoff()?, ctrl_shutdown()?);
    Ok(vec![
        (
            INTERRUPT,
            source(move |context| interrupt.poll_recv(context)),
        ),
        (INTERRUPT, source(move |context| pause.poll_recv(context))),
        (HANGUP, source(move |context| close.poll_recv(context))),
        (TERMINATE, source(move |context| logoff.poll_recv(context))),
        (
            TERMINATE,
            source(move |context| shutdown.poll_recv(context)),
        ),
    ])
}
