//! Every program that a test starts has the default signals, so that Ctrl-C ends it.

use super::tidy::{files_below, read};
use crate::children;

#[test]
fn a_test_starts_programs_with_the_default_signals() {
    // In two words, because this file is one of those that are read.
    let needle = ["Command", "new("].join("::");
    let mut found = files_below("tests", ".rs");
    found.extend(files_below("demos/tests", ".rs"));
    found.retain(|path| read(path).contains(&needle));
    let why = "instead of Command's own function, call children::command: see tests/children.rs";
    assert_eq!(found, ["tests/children.rs"], "{why}");
}

/// As in the background of a shell script, or behind `nohup`.
#[cfg(unix)]
#[test]
fn a_runner_that_ignores_signals_changes_nothing() {
    let line = "trap '' HUP INT QUIT TERM; exec \"$0\" --exact --ignored \"$1\"";
    let mut runner = children::command("/bin/sh");
    runner.args(["-c", line]);
    runner.arg(std::env::current_exe().unwrap());
    runner.arg("house::signals::below_such_a_runner");
    let done = runner.output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    let passed = done.status.success() && said.contains("1 passed");
    assert!(passed, "{said}");
}

#[cfg(unix)]
#[test]
#[ignore = "a part of the test above it"]
fn below_such_a_runner() {
    let ignored = || ["HUP", "INT", "QUIT", "TERM"].map(children::is_ignored);
    assert_eq!(ignored(), [true; 4]);
    children::command("true").status().unwrap();
    assert_eq!(ignored(), [false; 4]);
}
