//! `zcomm check --client`: a wrong client fails its rule and no other.
//!
//! The client is this test program itself, started again with one test of it.

use std::{collections::BTreeSet, path::Path, process::Stdio, time::Instant};

use super::{
    check, failed,
    faults::{CLIENT_FAULTS, Fault},
    lines, peer,
};
use crate::{Done, zcomm_command};

/// The sections of the rules that only clients have.
const ONLY: [&str; 6] = ["--only", "ws/4.1", "--only", "ws/5.1", "--only", "ws/5.3"];

/// The command of a client with this fault.
fn command(fault: usize) -> String {
    let program = std::env::current_exe().unwrap();
    let program = program.display();
    format!(
        "GRADER_FAULT={fault} GRADER_URL={{url}} {program} --exact grader::clients::one_client \
         --ignored"
    )
}

#[test]
#[ignore = "a part of the tests below"]
#[allow(
    clippy::disallowed_methods,
    reason = "of a test, and no setting of ours"
)]
fn one_client() {
    let [fault, url] = ["GRADER_FAULT", "GRADER_URL"].map(|name| std::env::var(name).unwrap());
    let (fault, _) = CLIENT_FAULTS[fault.parse::<usize>().unwrap()];
    peer::connect(fault, &url);
}

fn check_client(fault: usize, more: &[&str]) -> Done {
    let command = command(fault);
    let arguments = ["--client", "--exec", &command, "--strict", "--json"];
    check(&[&arguments, more].concat())
}

#[cfg(unix)]
#[test]
fn each_wrong_client_fails_its_rule_and_no_other() {
    let mut wrong = Vec::new();
    for (at, (fault, expected)) in CLIENT_FAULTS.iter().enumerate() {
        let done = check_client(at, &[&ONLY[..], &["--echo"]].concat());
        let expected: BTreeSet<_> = expected.iter().map(ToString::to_string).collect();
        let failed = failed(&done);
        if failed != expected || done.code != Some(i32::from(!failed.is_empty())) {
            wrong.push(format!(
                "{fault:?}: {failed:?}, {:?} {}",
                done.code, done.stderr
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The cases of frames are those of a server, with the roles changed.
#[cfg(unix)]
#[test]
fn a_right_client_passes_every_case() {
    let done = check_client(0, &["--echo"]);
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    let score = lines(&done).pop().unwrap();
    assert_eq!(
        (&score["ran"], &score["passed"]),
        (&102.into(), &102.into())
    );
}

/// A request that does not ask for a WebSocket has two failed cases, and no frames.
#[cfg(unix)]
#[test]
fn a_client_that_does_not_ask_has_no_frames_to_test() {
    let at = CLIENT_FAULTS
        .iter()
        .position(|(fault, _)| *fault == Fault::NoUpgrade);
    let done = check_client(at.unwrap(), &ONLY);
    let why = "no WebSocket opens: see ws/4.1/3 and ws/4.1/4";
    let skipped = lines(&done)
        .into_iter()
        .filter(|line| line["why"] == why)
        .count();
    assert!(skipped >= 15, "{}", done.stdout);
}

#[test]
fn a_command_that_cannot_be_tested_is_exit_code_2() {
    for (arguments, error) in [
        (
            &["--client", "--exec", "true"][..],
            "the command of --exec does not contain {url}",
        ),
        (&["--client"], "--exec <COMMAND>"),
        (&["--exec", "x {url}"], "--client"),
        (
            &["ws://127.0.0.1:9/", "--client", "--exec", "x {url}"],
            "cannot be used with",
        ),
        (&[], "<URL>"),
    ] {
        let done = check(arguments);
        assert_eq!(
            (done.code, done.stdout.as_str()),
            (Some(2), ""),
            "{arguments:?}"
        );
        assert!(
            done.stderr.contains(error),
            "{arguments:?}: {}",
            done.stderr
        );
    }
}

/// What the program says is the reason; and it is shown, but cannot control the terminal.
#[cfg(unix)]
#[test]
fn a_program_that_does_not_connect_is_quoted() {
    let done = check(&[
        "--client",
        "--exec",
        "printf 'no \\033[2Jmodule\n' >&2; : {url}",
    ]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(2), ""));
    let last = "; its last line: no ␛[2Jmodule\nhelp: the program must open the address";
    assert!(done.stderr.contains(last), "{}", done.stderr);
}

/// Ctrl-C ends the programs, too.
#[cfg(target_os = "linux")]
#[test]
fn a_signal_ends_the_programs() {
    let begun = Instant::now();
    let sleeper = [
        "check",
        "--client",
        "--exec",
        "echo $$ >&2; exec sleep 300 # {url}",
    ];
    let mut command = zcomm_command(Path::new("."), &sleeper);
    let mut child = command.stdin(Stdio::null()).spawn().unwrap();
    let pid = rustix::process::Pid::from_raw(child.id() as i32).unwrap();
    // Wait until the shell of the program is there.
    let children = format!("/proc/{0}/task/{0}/children", child.id());
    let program = loop {
        let pids = std::fs::read_to_string(&children).unwrap();
        if !pids.trim().is_empty() {
            break pids.trim().to_owned();
        }
        std::thread::yield_now();
    };
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    while Path::new(&format!("/proc/{program}/cmdline")).exists() {
        assert!(begun.elapsed().as_secs() < 60, "{program} still runs");
        std::thread::yield_now();
    }
}
