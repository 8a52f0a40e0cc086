//! `zcomm connect` at a terminal: a line editor, and nothing that controls the terminal.

use std::{process::Command, time::Duration};

use expectrl::{Expect, session::OsSession};
use tokio::time::sleep;
use zcomm_core::{Connection, Message, Result};

use crate::{
    children,
    servers::{Running, no_limits, start},
    terminal::{ends, open},
};

const HOSTILE: &str = "\u{9b}31m\u{202e}\u{7f}\x1b]0;pwned\x07";

/// A server that says the length of each text, and more on request.
async fn serve(mut connection: Connection) -> Result<()> {
    while let Some(message) = connection.recv().await {
        let Message::Text(text) = message else {
            connection.send(message).await?;
            continue;
        };
        match &*text {
            "hostile" => connection.send(HOSTILE).await?,
            "bytes" => {
                let bytes = HOSTILE.to_owned().into_bytes();
                connection.send(Message::Binary(bytes.into())).await?;
            }
            "bye" => {
                connection.close(1000, "see you");
                return Ok(());
            }
            "gone" => {
                connection.close(4001, "gone");
                return Ok(());
            }
            text if text.contains("say ") => {
                for number in 0..3 {
                    // The user types in the meantime.
                    sleep(Duration::from_millis(400)).await;
                    connection.send(format!("{text} {number}")).await?;
                }
            }
            text => {
                connection
                    .send(format!("{} characters", text.len()))
                    .await?
            }
        }
    }
    Ok(())
}

fn command(server: &Running, arguments: &[&str]) -> Command {
    let mut command = children::command(env!("CARGO_BIN_EXE_zcomm"));
    command.args(["connect", &server.url()]).args(arguments);
    command.env_clear();
    command
}

fn connected(server: &Running, arguments: &[&str]) -> OsSession {
    let mut session = open(&command(server, arguments));
    session.expect("connected to 127.0.0.1").unwrap();
    session.expect("> ").unwrap();
    session
}

#[test]
fn a_long_line_is_sent_whole() {
    let server = start(no_limits(), serve);
    let mut user = connected(&server, &[]);
    // More than a terminal without an editor accepts.
    for letter in ('\u{430}'..).take(50) {
        user.send(format!("{}{letter}", "x".repeat(98))).unwrap();
        // Read what the editor prints: otherwise it stops reading keys.
        user.expect(letter.to_string()).unwrap();
    }
    // Tabs, and several lines at once.
    user.send("\n\tb\n\tcc\n").unwrap();
    for shown in ["< 5000 characters", "< 2 characters", "< 3 characters"] {
        user.expect(shown).unwrap();
    }
    user.send("\x04").unwrap();
    user.expect("* this side closed with 1000").unwrap();
    ends(user, 0);
}

#[test]
fn a_message_appears_above_the_line_that_is_being_typed() {
    let server = start(no_limits(), serve);
    let mut user = connected(&server, &["--json", "--xray"]);
    user.send("say it\nhalf a li").unwrap();
    for number in 0..3 {
        user.expect(format!(
            "{{\"type\":\"text\",\"data\":\"say it {number}\"}}"
        ))
        .unwrap();
    }
    // The half-typed line is restored and can be completed.
    user.expect("> half a li").unwrap();
    user.send_line("ne").unwrap();
    user.expect("11 characters").unwrap();
    user.send("\x04").unwrap();
    user.expect("\"by\":\"us\",\"code\":1000").unwrap();
    ends(user, 0);
}

/// A silent exit would leave the question open who has closed.
#[test]
fn the_end_is_shown_with_its_code_and_reason() {
    let server = start(no_limits(), serve);
    for (line, code, shown) in [
        ("bye", 0, "* the other side closed with 1000 (see you)"),
        ("gone", 1, "* the other side closed with 4001 (gone)"),
    ] {
        let mut user = connected(&server, &[]);
        user.send_line(line).unwrap();
        user.expect(shown).unwrap();
        ends(user, code);
    }
}

#[test]
fn ctrl_c_closes_with_the_asked_code() {
    let server = start(no_limits(), serve);
    let mut user = connected(&server, &["--close", "4001", "--reason", "over"]);
    user.send("half a li").unwrap();
    user.expect("half a li").unwrap();
    user.send("\x03").unwrap();
    user.expect("* this side closed with 4001 (over)").unwrap();
    ends(user, 130);
}

/// a12: in every form of the output.
#[test]
fn a12_no_message_controls_the_terminal() {
    let server = start(no_limits(), serve);
    for (arguments, shown) in [
        (&[][..], "< \u{fffd}31m\u{fffd}␡␛]0;pwned␇"),
        (&["--json"], r"\u009b31m\u202e\u007f\u001b]0;pwned\u0007"),
        (&["--binary"], "< <2 bytes: 61 62>"),
    ] {
        let mut user = connected(&server, arguments);
        if arguments == ["--binary"] {
            // Lines are sent as bytes, and come back as bytes.
            user.send_line("ab").unwrap();
            user.expect(shown).unwrap();
        } else {
            user.send_line("hostile").unwrap();
            let found = user.expect(shown).unwrap();
            let before = String::from_utf8_lossy(found.before()).into_owned();
            for raw in ["\u{9b}31m", "\u{202e}", "\x1b]0", "\x07"] {
                assert!(!before.contains(raw), "{raw:?} in {before:?}");
            }
            user.send_line("bytes").unwrap();
            user.expect(if arguments.is_empty() {
                "< <19 bytes: c2 9b"
            } else {
                "base64"
            })
            .unwrap();
        }
        user.send("\x04").unwrap();
        ends(user, 0);
    }
}

/// Without an editor: the terminal shows the output of a pipe.
#[test]
fn a12_the_output_of_a_pipe_does_not_control_the_terminal() {
    let server = start(no_limits(), serve);
    let program = env!("CARGO_BIN_EXE_zcomm");
    for (option, shown) in [
        ("", "\u{fffd}31m\u{fffd}␡␛]0;pwned␇"),
        ("--json", r"\u009b31m\u202e\u007f\u001b]0;pwned\u0007"),
        ("--whole", "\u{fffd}31m"),
    ] {
        let line = format!(
            "printf hostile | {program} connect {} {option}",
            server.url()
        );
        let mut shell = children::command("sh");
        shell.args(["-c", &line]);
        let mut session = open(&shell);
        session.expect(shown).unwrap();
        ends(session, 0);
    }
}

/// The user can look for the token or the address, and type again.
#[test]
fn a_failed_connect_restores_the_terminal() {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", socket.local_addr().unwrap());
    drop(socket);
    let mut command = children::command(env!("CARGO_BIN_EXE_zcomm"));
    command.args(["connect", &url]).env_clear();
    let shown = ends(open(&command), 1);
    assert!(shown.contains("error: connection refused"), "{shown}");
}

/// `kill`, a service manager or a closed window send a signal and press no key.
#[test]
fn every_signal_closes_and_restores_the_terminal() {
    for (signal, code) in [("-TERM", 143), ("-HUP", 129), ("-QUIT", 131)] {
        let server = start(no_limits(), serve);
        let mut user = connected(&server, &["--close", "4001"]);
        let shell = user.get_process().pid().to_string();
        // The one child of its shell.
        let sent = children::command("pkill")
            .args([signal, "-P", &shell])
            .status();
        assert!(sent.unwrap().success());
        user.expect("* this side closed with 4001").unwrap();
        ends(user, code);
    }
}

/// Without an editor, the terminal itself cuts a long line: it is not sent in part.
#[test]
fn a_line_that_the_terminal_cuts_is_refused() {
    let server = start(no_limits(), serve);
    let program = env!("CARGO_BIN_EXE_zcomm");
    let line = format!("{program} connect {} | cat", server.url());
    let mut shell = children::command("sh");
    shell.args(["-c", &line]);
    let mut session = open(&shell);
    session.send_line("short").unwrap();
    session.expect("5 characters").unwrap();
    session.send_line("x".repeat(5000)).unwrap();
    session
        .expect("error: line 2 of the input is longer than 4094 bytes")
        .unwrap();
    session
        .expect("help: a terminal cuts a longer line")
        .unwrap();
    ends(session, 0);
}
