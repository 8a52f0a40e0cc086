//! The command `zcomm`, as a user types it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod addresses;
mod answers;
mod certs;
mod chaos;
mod chat;
mod check;
#[path = "../children.rs"]
mod children;
mod connect;
mod doctor;
mod doctor_redis;
mod grader;
mod help;
mod hostile;
mod hosts;
mod input;
mod learn;
mod listen;
mod options;
mod peers;
#[cfg(unix)]
mod prompt;
#[path = "../xray/recorded.rs"]
mod recorded;
mod servers;
#[cfg(unix)]
mod signals;
mod steps;
mod stress;
#[cfg(unix)]
mod terminal;
mod tour;
mod trust;
#[path = "../vacant.rs"]
mod vacant;
#[path = "../xray/wireshark.rs"]
mod wireshark;
mod xray;
mod xray_tshark;

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// The result of a run.
struct Done {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl From<Output> for Done {
    fn from(output: Output) -> Done {
        Done {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs `zcomm` in this folder to its end.
fn zcomm(folder: &Path, arguments: &[&str]) -> Done {
    zcomm_command(folder, arguments).output().unwrap().into()
}

/// Runs a command to its end, with this input.
fn pipe(mut command: Command, input: impl AsRef<[u8]>) -> Done {
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // The command may have ended already.
    stdin.write_all(input.as_ref()).ok();
    drop(stdin);
    child.wait_with_output().unwrap().into()
}

fn zcomm_command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = children::command(env!("CARGO_BIN_EXE_zcomm"));
    command.args(arguments).current_dir(folder).env_clear();
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn certs(folder: &Path, arguments: &[&str]) -> Done {
    zcomm(folder, &[&["certs"], arguments].concat())
}

/// Returns a file that `certs` has made in its default folder.
fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join("certs").join(name)).unwrap()
}

/// Makes an empty folder with this name.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::remove_dir_all(&folder).ok();
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn without_a_subcommand_it_lists_them() {
    let done = zcomm(&folder("nothing"), &[]);
    assert_eq!(done.code, Some(2));
    assert!(done.stderr.contains("certs"), "{}", done.stderr);
}
