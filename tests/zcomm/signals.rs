//! SIGTERM and SIGHUP: every client ends with a Close frame, and a load test with its report.

use std::{
    future::Future,
    io::{BufRead, BufReader, Read, Write},
    pin::pin,
    process::{Child, ChildStderr, ChildStdin, Stdio},
    sync::mpsc::{Receiver, channel},
    task::{Context, Waker},
    time::Duration,
};

use zcomm_core::{Connection, Result};

use crate::{
    Done,
    chaos::closes,
    chat::{self, chat},
    children,
    servers::{Running, no_limits, start},
};

/// The longest wait for a process.
const LIMIT: Duration = Duration::from_secs(30);

/// An echo server that says when a client is there.
fn watched() -> (Running, Receiver<()>) {
    let (opened, is_open) = channel();
    let server = start(no_limits(), move |connection| {
        opened.send(()).unwrap();
        echo(connection)
    });
    (server, is_open)
}

async fn echo(mut connection: Connection) -> Result<()> {
    while let Some(message) = connection.recv().await {
        connection.send(message).await?;
    }
    Ok(())
}

/// Starts a command whose stdin stays open.
fn spawn(arguments: &[&str]) -> Child {
    let mut command = children::command(env!("CARGO_BIN_EXE_zcomm"));
    command.args(arguments).env_clear();
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn kill(child: &Child, signal: &str) {
    let id = child.id().to_string();
    let sent = children::command("kill").args([signal, &id]).status();
    assert!(sent.unwrap().success());
}

/// Sends a signal and returns the result. Stdin stays open until the end.
fn stopped(mut child: Child, signal: &str) -> Done {
    let stdin = child.stdin.take();
    kill(&child, signal);
    let done = child.wait_with_output().unwrap().into();
    drop(stdin);
    done
}

#[test]
fn every_signal_ends_connect_with_the_asked_close_code() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129), ("-QUIT", 131)] {
        let (server, is_open) = watched();
        let url = server.url();
        let child = spawn(&[
            "connect", &url, "--json", "--close", "4001", "--reason", "out",
        ]);
        is_open.recv_timeout(LIMIT).unwrap();
        // The server has sent its 101, and the command watches for signals before it reads stdin.
        let done = stopped_when_it_reads(child, signal);
        assert_eq!(done.code, Some(code), "{signal}: {}", done.stderr);
        let close =
            "{\"type\":\"close\",\"by\":\"us\",\"code\":4001,\"reason\":\"out\",\"answer\":4001}";
        assert!(done.stdout.contains(close), "{signal}: {}", done.stdout);
    }
}

/// Sends a line, waits for its echo, and then sends the signal.
fn stopped_when_it_reads(mut child: Child, signal: &str) -> Done {
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"hi\n").unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut all = String::new();
    stdout.read_line(&mut all).unwrap();
    kill(&child, signal);
    stdout.read_to_string(&mut all).unwrap();
    let done = Done::from(child.wait_with_output().unwrap());
    Done {
        stdout: all,
        ..done
    }
}

/// `timeout` sends its signal to the process and to the process group.
#[test]
fn one_request_to_stop_can_be_several_signals() {
    let server = start(no_limits(), never_closes);
    let mut talk = Talk::start(&server.url());
    let five = "for n in 1 2 3 4 5; do kill -TERM $0; done";
    let id = talk.child.id().to_string();
    let sent = children::command("sh").args(["-c", five, &id]).status();
    assert!(sent.unwrap().success());
    let mut rest = String::new();
    talk.stderr.read_to_string(&mut rest).unwrap();
    // The command waited for the answer to its Close frame.
    assert!(rest.contains("did not answer"), "{rest}");
    assert_eq!(talk.child.wait().unwrap().code(), Some(143), "{rest}");
}

#[test]
fn a_second_signal_ends_connect_at_once() {
    let server = start(no_limits(), never_closes);
    let mut talk = Talk::start(&server.url());
    kill(&talk.child, "-TERM");
    let mut shown = String::new();
    while !shown.contains("> close 1000") {
        let read = talk.stderr.read_line(&mut shown).unwrap();
        assert_ne!(read, 0, "no Close frame: {shown}");
    }
    while talk.child.try_wait().unwrap().is_none() {
        kill(&talk.child, "-TERM");
    }
    talk.stderr.read_to_string(&mut shown).unwrap();
    assert!(!shown.contains("did not answer"), "{shown}");
}

/// Answers one message and then reads nothing more. The client waits 5 s for the answer to its
/// Close frame.
async fn never_closes(mut connection: Connection) -> Result<()> {
    let message = connection.recv().await.expect("the first line");
    connection.send(message).await?;
    flush(&mut connection);
    std::future::pending().await
}

/// Polls `recv` once, which flushes.
fn flush(connection: &mut Connection) {
    let mut context = Context::from_waker(Waker::noop());
    assert!(pin!(connection.recv()).poll(&mut context).is_pending());
}

/// A conversation that has begun, so the command watches for signals.
struct Talk {
    child: Child,
    stderr: BufReader<ChildStderr>,
    _stdin: ChildStdin,
}

impl Talk {
    fn start(url: &str) -> Talk {
        let mut child = spawn(&["connect", url, "--show-control"]);
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(b"hi\n").unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut String::new()).unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Talk {
            child,
            stderr,
            _stdin: stdin,
        }
    }
}

/// `nohup` says that the closed terminal must not end the command.
#[cfg(target_os = "linux")]
#[test]
fn an_ignored_sighup_stays_ignored() {
    let (server, is_open) = watched();
    let mut command = children::command("sh");
    let line = "trap '' HUP; exec \"$0\" connect \"$1\" --json";
    command.args(["-c", line, env!("CARGO_BIN_EXE_zcomm"), &server.url()]);
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    is_open.recv_timeout(LIMIT).unwrap();
    kill(&child, "-HUP");
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"still here\n").unwrap();
    drop(stdin);
    let done = Done::from(child.wait_with_output().unwrap());
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(done.stdout.contains("still here"), "{}", done.stdout);
}

#[test]
fn a_signal_ends_a_load_test_with_a_partial_report() {
    for (signal, code, name) in [
        ("-TERM", 143, "signal 15"),
        ("-HUP", 129, "signal 1"),
        ("-INT", 130, "Ctrl-C"),
    ] {
        let (server, is_open) = watched();
        let url = server.url();
        let child = spawn(&["stress", &url, "-c", "2", "-d", "60", "--warm-up", "0"]);
        is_open.recv_timeout(LIMIT).unwrap();
        is_open.recv_timeout(LIMIT).unwrap();
        let done = stopped(child, signal);
        assert_eq!(done.code, Some(code), "{signal}: {}", done.stderr);
        let note = format!("PARTIAL: ended by {name} after ");
        assert!(done.stdout.contains(&note), "{signal}: {}", done.stdout);
        // The client may not have read the second 101 yet.
        assert!(done.stdout.contains(" of 2 opened"), "{}", done.stdout);
    }
}

/// The server counts the close code 1000, and no connection that broke.
#[test]
fn a_signal_ends_the_chat_and_the_tour_with_a_close_frame() {
    for (command, clients, words) in [
        (&["chat", "--name", "Ada"][..], 1, "you are in lobby"),
        (&["demo", "--pause"], 1, "Notice: "),
    ] {
        let server = chat(zcomm_core::Config::default());
        let url = server.url();
        let mut child = spawn(&[command, &[&url, "--token", chat::TOKEN]].concat());
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        chat::until(&mut stdout, words);
        let done = stopped(child, "-TERM");
        assert_eq!(done.code, Some(143), "{words}: {}", done.stderr);
        assert_eq!(closes(&server, "1000"), clients, "{words}");
        assert_eq!(closes(&server, "1006"), 0, "{words}");
    }
}

#[test]
fn a_signal_ends_an_xray_with_its_exit_code() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
        for page in [&[][..], &["--page"]] {
            let listen = ["xray", "ws://127.0.0.1:9/", "--listen", "127.0.0.1:0"];
            let mut child = spawn(&[&listen[..], page].concat());
            // The command watches for signals before it prints this line.
            let stderr = BufReader::new(child.stderr.as_mut().unwrap());
            let ready = stderr.lines().map_while(std::result::Result::ok);
            assert!(ready.into_iter().any(|line| line.contains("Ctrl-C ends")));
            assert_eq!(stopped(child, signal).code, Some(code), "{signal} {page:?}");
        }
    }
}
