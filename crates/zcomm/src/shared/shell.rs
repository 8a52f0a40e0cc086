//! Runs a command of the user in a shell, in a process group of its own.
//!
//! The shell may start other programs. So the whole group is killed, not only the shell.

use std::process::Stdio;

use tokio::process::{Child, Command};

/// Returns the command in a shell. The environment of the shell contains no token of a server.
pub(crate) fn shell(command: &str) -> Command {
    let mut shell = match cfg!(windows) {
        true => Command::new("cmd"),
        false => Command::new("/bin/sh"),
    };
    shell
        .arg(if cfg!(windows) { "/C" } else { "-c" })
        .arg(command);
    grouped(shell)
}

/// Puts a command into a process group of its own, with pipes for input and output. Its
/// environment contains no token of a server.
pub(crate) fn grouped(mut command: Command) -> Command {
    command
        .env_remove("WEBSOCKET_TOKEN")
        .env_remove("WEBSOCKET_TOKENS");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command.stderr(Stdio::piped()).kill_on_drop(true);
    // In its own group, the process does not get the Ctrl-C of the terminal.
    #[cfg(unix)]
    command.process_group(0);
    command
}

/// Kills the process group with this id. On Windows, kills only the process.
pub(crate) fn kill_group(pid: Option<u32>, child: &mut Child) {
    #[cfg(unix)]
    signal_group(pid, rustix::process::Signal::KILL);
    // Only Windows needs the child itself.
    #[cfg(unix)]
    let _ = child;
    #[cfg(windows)]
    if pid.is_some() {
        child.start_kill().ok();
    }
}

/// Sends SIGTERM to the process group with this id. On Windows, kills the process.
pub(crate) fn interrupt_group(pid: Option<u32>, child: &mut Child) {
    #[cfg(unix)]
    signal_group(pid, rustix::process::Signal::TERM);
    #[cfg(not(unix))]
    kill_group(pid, child);
    #[cfg(unix)]
    let _ = child;
}

#[cfg(unix)]
fn signal_group(pid: Option<u32>, signal: rustix::process::Signal) {
    if let Some(group) = pid.and_then(|pid| rustix::process::Pid::from_raw(pid as i32)) {
        // Ignore an error: the group may have ended already.
        rustix::process::kill_process_group(group, signal).ok();
    }
}
