//! `zcomm chat`: at a terminal, where messages appear above the line that is being typed, and
//! in a pipe.

use std::{
    io::{BufRead, Read, Write},
    process::Command,
};

use zcomm_chat::Chat;
use zcomm_core::{Config, Connection, Message, Result, Token};

use crate::{
    children, pipe,
    servers::{Running, start},
};

pub(crate) const TOKEN: &str = "canary-token-7Qp2xV9d";

/// Starts a chat as `chat_app` does.
pub(crate) fn chat(config: Config) -> Running {
    let config = Config {
        require_auth: true,
        token: Some(Token::new(TOKEN).unwrap()),
        ..config
    };
    let chat = Chat::new(&config).unwrap();
    start(config, move |connection| talk(chat.clone(), connection))
}

async fn talk(chat: Chat, mut connection: Connection) -> Result<()> {
    let Some(mut person) = chat.welcome(&mut connection).await? else {
        return Ok(());
    };
    while let Some(Message::Text(text)) = connection.recv().await {
        person.says(&text, &mut connection).await?;
    }
    Ok(())
}

/// `zcomm chat` with this server, under this name.
pub(crate) fn command(server: &Running, name: &str, arguments: &[&str]) -> Command {
    let mut command = children::command(env!("CARGO_BIN_EXE_zcomm"));
    command
        .env_clear()
        .arg("chat")
        .arg(format!("ws://{}/", server.addr));
    command
        .args(["--name", name, "--token", TOKEN])
        .args(arguments);
    command
}

/// Reads lines until one contains these words.
pub(crate) fn until(lines: &mut impl BufRead, words: &str) {
    let mut line = String::new();
    while !line.contains(words) {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "no {words:?}");
    }
}

#[test]
fn a_pipe_sends_its_lines_and_ends_when_they_are_confirmed() {
    let server = chat(Config::default());
    // More than the outbox holds, and more than the rate limit allows at once.
    let lines: String = (1..=120).map(|number| format!("line {number}\n")).collect();
    let done = pipe(command(&server, "Ada", &[]), &lines);
    assert_eq!(
        (done.code, done.stderr.as_str()),
        (Some(0), ""),
        "{}",
        done.stdout
    );
    // The last lines are the history that the next participant gets, in order.
    let done = pipe(command(&server, "Ben", &[]), "/who\nseen\n");
    assert_eq!(done.code, Some(0));
    let seen: Vec<_> = done
        .stdout
        .lines()
        .filter(|line| line.contains("line "))
        .collect();
    assert_eq!(seen.first(), Some(&"Ada: line 71"), "{}", done.stdout);
    assert_eq!(seen.last(), Some(&"Ada: line 120"));
    assert!(!done.stdout.contains('\x1b'), "{}", done.stdout);
}

#[test]
fn a_message_that_is_not_delivered_is_shown_and_is_a_failure() {
    let server = chat(Config::default());
    let done = pipe(
        command(&server, "Ada", &[]),
        "/msg Nobody psst\n/brodcast hi\nhello\n",
    );
    assert_eq!(done.code, Some(1));
    let shown = "! not delivered, because no user has this name: psst";
    assert!(done.stdout.contains(shown), "{}", done.stdout);
    assert!(
        done.stdout.contains("! unknown command /brodcast:"),
        "{}",
        done.stdout
    );
    let done = pipe(command(&server, "Ben", &[]), "/who\nseen\n");
    assert!(done.stdout.contains("Ada: hello"), "{}", done.stdout);
    assert!(!done.stdout.contains("brodcast"), "{}", done.stdout);
}

/// An empty input still ends with an error when the server refuses the token.
#[test]
fn the_token_may_come_from_a_file_and_is_checked_without_any_input() {
    let server = chat(Config::default());
    let file = crate::folder("chat-token").join("token");
    for (token, code) in [(TOKEN, 0), ("wrong-token-here-123", 1), ("", 2)] {
        std::fs::write(&file, format!("{token}\n")).unwrap();
        let mut command = children::command(env!("CARGO_BIN_EXE_zcomm"));
        command.env_clear().arg("chat").arg(server.url());
        command.arg("--token-file").arg(&file);
        let done = pipe(command, "");
        assert_eq!(
            done.code,
            Some(code),
            "{token:?}: {}{}",
            done.stdout,
            done.stderr
        );
        assert!(!done.stdout.contains(TOKEN) && !done.stderr.contains(TOKEN));
    }
}

/// k01: and it prints the reason each time.
#[test]
fn k01_a_refused_client_does_not_try_again() {
    let server = chat(Config::default());
    let mut wrong = children::command(env!("CARGO_BIN_EXE_zcomm"));
    wrong
        .env_clear()
        .args(["chat", "--token", "wrong-token-here-123"]);
    wrong.arg(format!("ws://{}/", server.addr));
    let done = pipe(wrong, "hello\n");
    assert_eq!(done.code, Some(1));
    assert!(
        done.stdout.contains("closed with 1008 (Invalid token)"),
        "{}",
        done.stdout
    );
    assert!(!done.stdout.contains("trying again"), "{}", done.stdout);
    let next = "error: the server closed the connection, and its close code forbids a reconnect\nhelp: pass the server's token";
    assert!(done.stderr.starts_with(next), "{}", done.stderr);
}

/// The server of a chat that closes with this code after the first message.
fn closing(code: u16) -> Running {
    let config = Config {
        require_auth: true,
        token: Some(Token::new(TOKEN).unwrap()),
        ..Config::default()
    };
    let chat = Chat::new(&config).unwrap();
    start(config, move |mut connection| {
        let chat = chat.clone();
        async move {
            let Some(mut person) = chat.welcome(&mut connection).await? else {
                return Ok(());
            };
            while let Some(Message::Text(text)) = connection.recv().await {
                person.says(&text, &mut connection).await?;
                if text.contains("join") {
                    connection.close(code, "bye");
                }
            }
            Ok(())
        }
    })
}

/// Nothing is lost, so a normal close is a success, whichever side closes.
#[test]
fn a_normal_close_by_the_server_is_a_success_and_another_code_is_not() {
    for (code, exit) in [(1000, 0), (4000, 1)] {
        let server = closing(code);
        let done = pipe(command(&server, "Ada", &["--wait", "20s"]), "");
        assert_eq!(done.code, Some(exit), "{}{}", done.stdout, done.stderr);
        let line = format!("! the other side closed with {code} (bye)");
        assert!(done.stdout.contains(&line), "{}", done.stdout);
        assert_eq!(done.stderr.is_empty(), exit == 0, "{}", done.stderr);
    }
}

/// The lines that the server did not confirm are lost, so a normal close is not a success.
#[test]
fn a_normal_close_before_the_input_is_sent_is_a_failure() {
    let at_once = start(Config::default(), async |mut connection: Connection| {
        connection.close(1000, "");
        Ok(())
    });
    let done = pipe(command(&at_once, "Ada", &[]), "hi\n");
    assert_eq!(done.code, Some(1), "{}", done.stdout);
    let error = "error: the server closed the connection before the end of the input\nhelp: ";
    assert!(done.stderr.starts_with(error), "{}", done.stderr);
}

#[test]
fn a_server_that_breaks_a_rule_is_not_said_to_have_closed() {
    let (url, server) = crate::hostile::speak(|mut stream| {
        // A server must not mask its frames (RFC 6455 section 5.1).
        stream.write_all(b"\x81\x81\0\0\0\0x").unwrap();
        stream.read_to_end(&mut Vec::new()).ok();
    });
    let mut command = children::command(env!("CARGO_BIN_EXE_zcomm"));
    command.env_clear().args(["chat", &url]);
    let done = pipe(command, "");
    server.join().unwrap();
    assert_eq!(done.code, Some(1), "{}", done.stdout);
    let error = "error: this program closed the connection with 1002 (";
    assert!(done.stderr.starts_with(error), "{}", done.stderr);
    assert!(
        done.stderr
            .contains("help: the server broke a rule of RFC 6455")
    );
    assert!(
        !done.stderr.contains("the server closed"),
        "{}",
        done.stderr
    );
}

/// A message that cannot be sent is reported at once.
#[test]
fn a_message_to_a_room_that_was_not_joined_is_not_delivered() {
    let server = chat(Config::default());
    let room = "x".repeat(300);
    let done = pipe(command(&server, "Ada", &["--room", &room]), "hello\n");
    assert_eq!((done.code, done.stderr.as_str()), (Some(1), ""));
    assert!(
        done.stdout.contains("! not delivered, because "),
        "{}",
        done.stdout
    );
    assert!(done.stdout.contains(": hello\n"), "{}", done.stdout);
}

/// `*` and `@` stand for other logs. The user is told, and plain text goes to another room.
#[test]
fn a10_a_room_named_like_a_log_of_the_server_is_refused() {
    let server = chat(Config::default());
    for room in ["*", "@"] {
        let lines = format!("/join {room}\nhello\n");
        let done = pipe(command(&server, "Ada", &["--room", room]), &lines);
        assert_eq!((done.code, done.stderr.as_str()), (Some(1), ""));
        assert!(done.stdout.contains("! a name has"), "{}", done.stdout);
        assert!(done.stdout.contains("! not delivered"), "{}", done.stdout);
        assert!(!done.stdout.contains("you are in"), "{}", done.stdout);
    }
}

#[cfg(unix)]
mod terminal {
    use super::*;
    use crate::terminal::{ends, open};
    use expectrl::{Expect, session::OsSession};

    /// A participant at a terminal who has joined the lobby.
    fn joined(server: &Running, name: &str) -> OsSession {
        let mut session = open(&command(server, name, &[]));
        session.expect(format!("you are {name}")).unwrap();
        session.expect("you are in lobby").unwrap();
        session
    }

    #[test]
    fn messages_appear_above_the_line_that_is_being_typed() {
        let server = chat(Config::default());
        let mut ada = joined(&server, "Ada");
        ada.send("half a li").unwrap();
        ada.expect("half a li").unwrap();
        for (name, line, shown) in [
            ("Ben", "hello", ["Ben", ": hello"]),
            ("Cleo", "/msg Ada psst", ["Cleo to Ada (private)", ": psst"]),
            ("Dan", "/broadcast all", ["Dan to everybody", ": all"]),
        ] {
            let done = pipe(command(&server, name, &[]), format!("{line}\n"));
            assert_eq!(done.code, Some(0), "{}", done.stdout);
            for what in shown {
                ada.expect(what).unwrap();
            }
        }
        // The half-typed line is restored and can be completed.
        ada.expect("half a li").unwrap();
        // Several lines at once, as in a pasted text: none is lost.
        ada.send("ne\n/ping\n").unwrap();
        ada.expect("round trip to the server: ").unwrap();
        ada.expect(" ms").unwrap();
        let done = pipe(command(&server, "Eve", &[]), "/who\nseen\n");
        assert!(done.stdout.contains("Ada: half a line"), "{}", done.stdout);
        ada.send_line("/exit").unwrap();
        ends(ada, 0);
    }

    #[test]
    fn the_commands_do_what_the_list_says() {
        let server = chat(Config::default());
        let mut ada = joined(&server, "Ada");
        ada.send_line("/help").unwrap();
        ada.expect("/msg NAME TEXT").unwrap();
        ada.expect("Ctrl-D does the same").unwrap();
        ada.send_line("/who").unwrap();
        ada.expect("1 in lobby: Ada").unwrap();
        ada.send_line("/stats").unwrap();
        ada.expect("1 connection, 1 session, 1 room, ").unwrap();
        ada.send_line("/join garden").unwrap();
        ada.expect("you are in garden").unwrap();
        ada.expect("garden> ").unwrap();
        ada.send_line("/leave").unwrap();
        ada.expect("you have left garden").unwrap();
        ada.expect("lobby> ").unwrap();
        ada.send_line("/leave nowhere").unwrap();
        ada.expect("you are not in nowhere").unwrap();
        ada.send_line("/frobnicate").unwrap();
        ada.expect("unknown command /frobnicate").unwrap();
        ada.send_line("/msg").unwrap();
        ada.expect("usage: /msg NAME TEXT").unwrap();
        ada.expect("lobby> ").unwrap();
        ada.send_line("/leave").unwrap();
        ada.expect("you have left lobby").unwrap();
        ada.send_line("is anybody there?").unwrap();
        ada.expect("not delivered, because you are not in this room")
            .unwrap();
        ada.expect("lobby> ").unwrap();
        ada.send("\x04").unwrap();
        ends(ada, 1);
    }

    /// Neither messages nor pings keep the keys from being read.
    #[test]
    fn ctrl_c_works_while_the_server_never_stops_sending() {
        let server = start(Config::default(), |mut connection| async move {
            loop {
                connection.send("on and on").await?;
            }
        });
        let mut ada = open(&command(&server, "Ada", &[]));
        ada.expect("on and on").unwrap();
        ada.send("\x03").unwrap();
        ends(ada, 130);
    }

    /// `kill`, a service manager or a closed window send a signal and press no key.
    #[test]
    fn every_signal_restores_the_terminal() {
        for (signal, code) in [("-TERM", 143), ("-HUP", 129), ("-QUIT", 131)] {
            let server = chat(Config::default());
            let ada = joined(&server, "Ada");
            let shell = ada.get_process().pid().to_string();
            // The one child of its shell.
            let sent = children::command("pkill")
                .args([signal, "-P", &shell])
                .status();
            assert!(sent.unwrap().success());
            ends(ada, code);
        }
    }

    #[test]
    fn tab_completes_and_the_arrow_brings_the_last_line_back() {
        let server = chat(Config::default());
        let mut ada = joined(&server, "Ada");
        ada.send("/wh\t").unwrap();
        ada.expect("/who ").unwrap();
        ada.send_line("").unwrap();
        ada.expect("1 in lobby: Ada").unwrap();
        ada.send("\x1b[A").unwrap();
        ada.expect("/who ").unwrap();
        ada.send_line("").unwrap();
        ada.expect("1 in lobby: Ada").unwrap();
        ada.send("/msg A\t").unwrap();
        ada.expect("/msg Ada ").unwrap();
        ada.send("\x03").unwrap();
        ends(ada, 130);
    }

    /// a12: one participant cannot control the terminal of another.
    #[test]
    fn a12_hostile_text_does_not_reach_the_terminal_raw() {
        let server = chat(Config::default());
        let mut ada = joined(&server, "Ada");
        let hostile = "\x1b]0;pwned\x07\x1b[2J\u{9b}31m";
        let done = pipe(
            command(&server, "Ben", &[]),
            format!("{hostile}\nthe end\n"),
        );
        assert_eq!(done.code, Some(0), "{}", done.stdout);
        let shown = ada.expect("the end").unwrap();
        let shown = String::from_utf8_lossy(shown.before()).into_owned();
        assert!(shown.contains("␛]0;pwned␇␛[2J"), "{shown:?}");
        for raw in ["\x1b]0", "\x07", "\x1b[2J", "\u{9b}"] {
            assert!(!shown.contains(raw), "{raw:?} in {shown:?}");
        }
        ada.expect("lobby> ").unwrap();
        ada.send("\x04").unwrap();
        ends(ada, 0);
    }

    /// In the middle of a line; the reason begins on a new line.
    #[test]
    fn a_refusal_restores_the_terminal() {
        let server = chat(Config::default());
        let mut wrong = children::command(env!("CARGO_BIN_EXE_zcomm"));
        wrong
            .env_clear()
            .args(["chat", "--token", "wrong-token-here-123"]);
        wrong.arg(format!("ws://{}/", server.addr));
        let shown = ends(open(&wrong), 1);
        assert!(
            shown.contains("closed with 1008 (Invalid token)"),
            "{shown}"
        );
        assert!(
            shown.contains("error: the server closed the connection"),
            "{shown}"
        );
    }

    #[test]
    fn the_client_reconnects_and_colours_can_be_switched_off() {
        let server = chat(Config::default());
        let mut command = command(&server, "Ada", &[]);
        command.env("NO_COLOR", "1");
        let mut ada = open(&command);
        ada.expect("you are in lobby").unwrap();
        drop(server);
        ada.expect("! the other side closed with 1001 (Server shutting down)")
            .unwrap();
        ada.expect("trying again in ").unwrap();
        ada.expect("no program listens at").unwrap();
        ada.send_line("are you there?").unwrap();
        ada.expect("1 message still to be sent").unwrap();
        ada.send("\x03").unwrap();
        ends(ada, 130);
    }
}

/// A prompt alone looks as if the chat were ready.
#[test]
fn a_server_that_is_no_chat_is_noticed_before_the_time_limit() {
    use std::io::{BufRead, BufReader};
    let silent = start(Config::default(), async |mut connection: Connection| {
        while connection.recv().await.is_some() {}
        Ok(())
    });
    let mut command = children::command(env!("CARGO_BIN_EXE_zcomm"));
    command.env_clear().args(["chat", &silent.url()]);
    command.stdin(std::process::Stdio::piped());
    let begun = std::time::Instant::now();
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut first).unwrap();
    let waited = begun.elapsed();
    child.kill().unwrap();
    child.wait().unwrap();
    let words = "* connected, and waiting for the welcome: is this server a chat?\n";
    assert_eq!(first, words);
    assert!(waited.as_secs() < 8, "{waited:?}");
    // A chat greets at once, so nothing is said about it.
    let server = chat(Config::default());
    let done = pipe(crate::chat::command(&server, "Ada", &[]), "");
    assert!(
        !done.stdout.contains("waiting for the welcome"),
        "{}",
        done.stdout
    );
}
