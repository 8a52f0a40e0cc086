//! `zcomm demo`: it shows every message of the chat, and fails when a server does not send one.

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    process::{Child, Stdio},
    time::Duration,
};

use zcomm_chat::Chat;
use zcomm_chat::envelope::{ClientMessage, Stamped};
use zcomm_core::{ClientSocket, Config, Connection, Message, RefuseBy, Trust};

use crate::{
    Done,
    chat::{TOKEN, chat},
    children,
    connect::serve,
    folder,
    servers::start,
    zcomm, zcomm_command,
};

/// The messages after these arrows.
fn said(done: &Done, arrow: &str) -> Vec<String> {
    let lines = done.stdout.lines();
    let said = lines.filter_map(|line| line.split_once(arrow));
    let json = said.filter(|(_, said)| said.starts_with('{'));
    json.map(|(_, said)| said.to_owned()).collect()
}

/// The `type` of each of them.
fn types(messages: &[String]) -> BTreeSet<String> {
    let kind = |text: &String| {
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        value["type"].as_str().unwrap().to_owned()
    };
    messages.iter().map(kind).collect()
}

/// The variants of this enum, by their names on the wire.
fn variants(name: &str) -> BTreeSet<String> {
    let source = include_str!("../../crates/zcomm-chat/src/envelope.rs");
    let after = source
        .split_once(&format!("pub enum {name} {{\n"))
        .unwrap()
        .1;
    let lines = after.split("\n}\n").next().unwrap().lines();
    let mut variants = BTreeSet::new();
    for line in lines.filter_map(|line| line.strip_prefix("    ")) {
        if !line.starts_with(char::is_uppercase) {
            continue;
        }
        let name = line.split(|c: char| !c.is_alphanumeric()).next().unwrap();
        let mut snake = String::new();
        for c in name.chars() {
            if c.is_uppercase() && !snake.is_empty() {
                snake.push('_');
            }
            snake.push(c.to_ascii_lowercase());
        }
        variants.insert(snake);
    }
    variants
}

/// The output contains no token and no session: either would let its reader into the chat.
#[track_caller]
fn assert_keeps_secrets(done: &Done) {
    let all = format!("{}{}", done.stdout, done.stderr);
    assert!(!all.contains(TOKEN), "{all}");
    // An answer may explain how a token is shown: `?token=...`
    for (shown, covered) in [
        ("\"session\":\"", "***"),
        ("session=", "***"),
        ("token=", "..."),
    ] {
        for rest in all.split(shown).skip(1) {
            assert!(rest.starts_with(covered), "{shown}{rest}");
        }
    }
}

#[test]
fn a_tour_shows_every_message_of_the_chat() {
    let done = zcomm(&folder("tour"), &["demo"]);
    assert_eq!(
        (done.code, done.stderr.as_str()),
        (Some(0), ""),
        "{}",
        done.stdout
    );
    let (out, back) = (said(&done, " -> "), said(&done, " <- "));
    let mut asked = variants("ClientMessage");
    assert!(asked.contains("join") && asked.len() >= 8, "{asked:?}");
    // One of the mistakes.
    asked.insert("shout".into());
    assert_eq!(types(&out), asked);
    let answers = variants("ServerMessage");
    assert!(
        answers.contains("user_list") && answers.len() >= 16,
        "{answers:?}"
    );
    assert_eq!(types(&back), answers);
    // A line is the message as it was on the wire.
    let wrong = out
        .iter()
        .filter(|text| ClientMessage::parse(text).is_err());
    assert_eq!(wrong.count(), 2, "an unknown type and a wrong field");
    for text in &back {
        serde_json::from_str::<Stamped>(text).unwrap();
    }
    for close in [
        "<- Close 4001 (",
        "<- Close 1008 (Authentication required)",
        "<- Close 1000",
    ] {
        assert!(
            done.stdout.contains(close),
            "no {close:?} in {}",
            done.stdout
        );
    }
    assert_keeps_secrets(&done);
}

/// 80 columns, and no colours in a pipe. Only messages may be longer.
#[test]
fn its_texts_fit_a_terminal() {
    let done = zcomm(&folder("tour-words"), &["demo"]);
    assert!(!done.stdout.contains('\x1b'));
    for line in done.stdout.lines() {
        let words = !line.contains(" -> ") && !line.contains(" <- ");
        assert!(!words || line.chars().count() <= 80, "{line:?}");
    }
}

#[test]
fn a_tour_of_a_running_chat_stays_in_its_own_room() {
    for refuse in [RefuseBy::Close, RefuseBy::Http] {
        let server = chat(Config {
            refuse,
            ..Config::default()
        });
        let url = format!("ws://{}/", server.addr);
        // Twice: the second time, the names Ada and Ben are taken.
        for _ in 0..2 {
            let done = zcomm(&folder("tour-url"), &["demo", &url, "--token", TOKEN]);
            assert_eq!(
                (done.code, done.stderr.as_str()),
                (Some(0), ""),
                "{}",
                done.stdout
            );
            let mut all = types(&said(&done, " <- "));
            // Only the tour's own server is flooded, and sends a heartbeat each second.
            assert!(all.insert("user_list".into()) && all.insert("heartbeat".into()));
            assert_eq!(all, variants("ServerMessage"));
            for text in said(&done, " -> ") {
                assert!(!text.contains("lobby"), "{text}");
            }
            assert_keeps_secrets(&done);
        }
        // Ada and Ben use a token in the address; Eve does not.
        let with_token = format!("{url}?token={TOKEN}");
        let done = zcomm(&folder("tour-url"), &["demo", &with_token]);
        assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
        assert_keeps_secrets(&done);
    }
}

#[test]
fn a_refused_tour_names_the_option_for_the_token() {
    for (refuse, error, help) in [
        (
            RefuseBy::Close,
            "the server refuses Ada: the other side closed with 1008",
            "--token",
        ),
        (RefuseBy::Http, "HTTP 401", "show the server's token"),
    ] {
        let server = chat(Config {
            refuse,
            ..Config::default()
        });
        let url = format!("ws://{}/", server.addr);
        for token in [&[][..], &["--token", "canary-token-7Qp2xV9e"]] {
            let done = zcomm(&folder("tour-token"), &[&["demo", &url], token].concat());
            assert_eq!(done.code, Some(1), "{}", done.stdout);
            assert!(done.stderr.contains(error), "{}", done.stderr);
            assert!(done.stderr.contains(help), "{}", done.stderr);
        }
    }
}

/// The tour's own server has its own token.
#[test]
fn an_option_for_a_server_needs_one() {
    for option in ["--token", "--token-file", "--ca"] {
        let done = zcomm(&folder("tour-option"), &["demo", option, TOKEN]);
        assert_eq!(done.code, Some(2), "{}", done.stdout);
        assert!(done.stderr.contains("<URL>"), "{}", done.stderr);
        assert_keeps_secrets(&done);
    }
}

/// Lesson 2 sends no welcome.
#[test]
fn a_server_that_is_not_a_chat_is_reported() {
    let server = serve(Config::default());
    let url = format!("ws://{}/?token={TOKEN}", server.addr);
    let done = zcomm(&folder("tour-echo"), &["demo", &url]);
    assert_eq!(done.code, Some(1), "{}", done.stdout);
    let error = format!("ws://{}/ is a WebSocket, but not a chat_app", server.addr);
    assert!(done.stderr.contains(&error), "{}", done.stderr);
    assert!(
        done.stderr.contains("help: is this server a chat_app?"),
        "{}",
        done.stderr
    );
    assert_keeps_secrets(&done);
}

/// The link of a page has its token behind a #, which a WebSocket address may not have.
#[test]
fn an_error_about_an_address_contains_no_secret() {
    for url in [
        format!("ws://127.0.0.1:1/#token={TOKEN}"),
        format!("ws://ada:{TOKEN}@127.0.0.1:1/"),
        format!("http://127.0.0.1:1/?token={TOKEN}"),
    ] {
        let done = zcomm(&folder("tour-url-wrong"), &["demo", &url]);
        assert_eq!(done.code, Some(2), "{}", done.stdout);
        let error = "is not a WebSocket address";
        assert!(done.stderr.contains(error), "{}", done.stderr);
        let all = format!("{}{}", done.stdout, done.stderr);
        assert!(!all.contains(TOKEN), "{all}");
    }
}

/// A tour tests the server: here one that forgets which messages it has acknowledged.
#[test]
fn a_chat_with_a_fault_fails_the_tour() {
    let config = Config {
        rate_limit: None,
        ..Config::default()
    };
    let chat = Chat::new(&config).unwrap();
    let server = start(config, move |mut connection: Connection| {
        let chat = chat.clone();
        async move {
            let Some(mut person) = chat.welcome(&mut connection).await? else {
                return Ok(());
            };
            while let Some(Message::Text(text)) = connection.recv().await {
                // Every message counts as new.
                let text = text.replace(",\"id\":\"a-1\"", "");
                person.says(&text, &mut connection).await?;
            }
            Ok(())
        }
    });
    let done = zcomm(
        &folder("tour-broken"),
        &["demo", &format!("ws://{}/", server.addr)],
    );
    assert_eq!(done.code, Some(1), "{}", done.stdout);
    let step = "step 3, \"Ada sends a message and gets an ack\": Ada waits for";
    assert!(done.stderr.contains(step), "{}", done.stderr);
    assert!(
        done.stderr
            .contains("it does not come within 5 s; the server sent"),
        "{}",
        done.stderr
    );
}

#[test]
fn enter_shows_the_next_step_and_the_end_of_the_input_all_others() {
    for lines in [0, 3, 30] {
        let mut command = zcomm_command(&folder("tour-pause"), &["demo", "--pause"]);
        let mut tour = command.stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = tour.stdin.take().unwrap();
        stdin.write_all("\n".repeat(lines).as_bytes()).unwrap();
        drop(stdin);
        let output = tour.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let stdout = String::from_utf8(output.stdout).unwrap();
        let asked = stdout.matches("Enter: next step.").count();
        // One more, which the end of the input answers; and none after the last step.
        assert_eq!(asked, (lines + 1).min(19), "{stdout}");
    }
}

#[cfg(unix)]
#[test]
fn a_closed_pipe_ends_it_without_an_error() {
    let line = format!(
        "{} demo | head -1; echo \"${{PIPESTATUS[0]}}\"",
        env!("CARGO_BIN_EXE_zcomm")
    );
    let output = children::command("bash")
        .args(["-c", &line])
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(
        stdout.starts_with("This tour uses its own chat") && stdout.ends_with("\n0\n"),
        "{stdout}"
    );
    assert_eq!(output.stderr, b"");
}

/// Starts a tour, and returns when it waits for Enter.
fn waiting(arguments: &[&str]) -> Child {
    let arguments = [&["demo", "--pause"], arguments].concat();
    let mut command = zcomm_command(&folder("tour-waits"), &arguments);
    let mut tour = command.stdin(Stdio::piped()).spawn().unwrap();
    let stdout = tour.stdout.as_mut().unwrap();
    let mut told = Vec::new();
    while !told.ends_with(b"Enter: next step. Ctrl-C: stop. ") {
        let mut byte = [0];
        stdout.read_exact(&mut byte).unwrap();
        told.extend(byte);
    }
    tour
}

/// A learner may read a step for minutes; the server pings Ada and Ben meanwhile.
#[test]
fn pings_are_answered_while_the_tour_waits_for_enter() {
    let server = chat(Config {
        ping_interval: Duration::from_millis(100),
        ping_timeout: Duration::from_millis(100),
        ..Config::default()
    });
    let url = format!("ws://{}/", server.addr);
    let mut tour = waiting(&[&url, "--token", TOKEN]);
    // Ten heartbeats of the server: by then it has closed a client that does not answer.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        let trust = Trust::platform(&[]).unwrap();
        let url = format!("{url}?token={TOKEN}");
        let mut watch = ClientSocket::connect(&url, &trust).await.unwrap();
        let mut heartbeats = 0;
        while heartbeats < 10 {
            let message = format!("{:?}", watch.recv().await.unwrap());
            heartbeats += usize::from(message.contains("heartbeat"));
        }
    });
    let mut stdin = tour.stdin.take().unwrap();
    stdin.write_all(&[b'\n'; 30]).unwrap();
    let output = tour.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_with_the_exit_code_of_the_signal() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
        let mut tour = waiting(&[]);
        let killed = children::command("kill")
            .args([signal, &tour.id().to_string()])
            .status();
        assert!(killed.unwrap().success());
        assert_eq!(tour.wait().unwrap().code(), Some(code), "{signal}");
    }
}
