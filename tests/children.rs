//! Starts the programs of a test with the default signals.
//!
//! A program inherits the signals that its parent ignores. A shell script that starts `cargo test`
//! in the background lets it ignore Ctrl-C, and `nohup` lets it ignore SIGHUP. A child that ignores
//! Ctrl-C, too, would never end in a test that presses Ctrl-C.
//!
//! POSIX, `exec`: a signal that the parent ignores is ignored by the child, and a signal that the
//! parent catches has its default effect in the child. So the test process catches each signal that
//! it ignores, and does nothing then: it ignores the signal as before, and its children do not.

use std::{ffi::OsStr, process::Command};

/// Returns a command whose program starts with the default signals.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    #[cfg(unix)]
    catch_ignored_signals();
    Command::new(program)
}

#[cfg(unix)]
fn catch_ignored_signals() {
    use tokio::signal::unix::{SignalKind, signal};
    static ONCE: std::sync::Once = std::sync::Once::new();
    // In a thread, because a test may call this in its own runtime.
    ONCE.call_once(|| {
        let caught = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_io()
                .build();
            let runtime = runtime.unwrap();
            let _inside = runtime.enter();
            for (name, kind) in [
                ("HUP", SignalKind::hangup()),
                ("INT", SignalKind::interrupt()),
                ("QUIT", SignalKind::quit()),
                ("TERM", SignalKind::terminate()),
            ] {
                if is_ignored(name) {
                    // tokio catches it until this process ends.
                    drop(signal(kind).unwrap());
                }
            }
        });
        caught.join().unwrap();
    });
}

/// Whether a child would ignore this signal: a shell sends it to itself.
#[cfg(unix)]
pub(crate) fn is_ignored(signal: &str) -> bool {
    let line = "ulimit -c 0; kill -s \"$0\" $$";
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", line, signal]).status().unwrap().success()
}
