//! The end of the input: `zcomm connect` and `zcomm chat` wait for answers, as their help says.

use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};
use zcomm_core::{Config, Connection, Result};

use crate::{
    chat::{self, chat},
    connect::connect,
    pipe,
    servers::{Running, no_limits, start},
};

/// A server that greets, and answers each message after this time.
fn slow(greeting: &'static str, time: Duration) -> Running {
    start(no_limits(), move |connection| {
        answer(connection, greeting, time)
    })
}

/// A server that never answers.
fn silent() -> Running {
    start(no_limits(), |mut connection| async move {
        while connection.recv().await.is_some() {}
        Ok(())
    })
}

async fn answer(mut connection: Connection, greeting: &str, time: Duration) -> Result<()> {
    if !greeting.is_empty() {
        connection.send(greeting).await?;
    }
    while let Some(message) = connection.recv().await {
        sleep(time).await;
        connection.send(message).await?;
    }
    Ok(())
}

#[test]
fn answers_on_their_way_are_awaited_after_the_end_of_the_input() {
    for time in [350, 2000] {
        let server = slow("", Duration::from_millis(time));
        let done = connect(&server.url(), b"a\nb", &[]);
        assert_eq!((done.code, done.stdout.as_str()), (Some(0), "a\nb\n"));
    }
}

/// As many messages as lines are no proof that every answer is there.
#[test]
fn a_greeting_is_not_taken_for_the_answer() {
    let server = slow("welcome", Duration::from_millis(600));
    let done = connect(&server.url(), b"a", &[]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), "welcome\na\n"));
}

#[test]
fn an_exact_wait_ends_when_it_says() {
    let server = slow("welcome", Duration::from_millis(1500));
    let done = connect(&server.url(), b"a", &["--wait", "2.5"]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), "welcome\na\n"));
    let server = silent();
    let begun = Instant::now();
    let done = connect(&server.url(), b"a", &["--wait", "0"]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), ""));
    assert!(begun.elapsed() < Duration::from_secs(4), "{begun:?}");
    for wrong in [&["--wait", "-1"][..], &["--wait", "1", "--stay"]] {
        assert_eq!(connect("ws://127.0.0.1:1/", b"", wrong).code, Some(2));
    }
}

/// A server that never stops sending does not keep the command, and a silent one neither.
#[test]
fn the_wait_has_an_end() {
    let server = start(Config::default(), |mut connection| async move {
        let tick = Duration::from_millis(200);
        while !matches!(timeout(tick, connection.recv()).await, Ok(None)) {
            connection.send("tick").await?;
        }
        Ok(())
    });
    let begun = Instant::now();
    let done = connect(&server.url(), b"a", &[]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(begun.elapsed() < Duration::from_secs(15), "{begun:?}");
    let done = connect(&silent().url(), b"a", &[]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), ""));
    let note =
        "note: no answer to 1 message after 5 s; --wait 30s waits longer, --wait 0s not at all\n";
    assert_eq!(done.stderr, note);
    assert!(begun.elapsed() < Duration::from_secs(30), "{begun:?}");
}

/// The server is still busy when the client closes, and answers neither the line nor the Close
/// frame in time. The cause is the short wait.
#[test]
fn an_answer_that_comes_too_late_is_an_error_that_names_wait() {
    let server = slow("", Duration::from_secs(20));
    let done = connect(&server.url(), b"a", &[]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(1), ""));
    let help = "help: the server may still work on an answer: --wait 30s waits longer\n";
    assert!(done.stderr.ends_with(help), "{}", done.stderr);
    assert!(
        done.stderr.starts_with("note: no answer to 1 message"),
        "{}",
        done.stderr
    );
}

/// The commands begin when the room is joined, and their answers are awaited.
#[test]
fn the_commands_of_a_chat_in_a_pipe_are_answered() {
    let server = chat(Config::default());
    let input = "/who\n/ping\n/stats\n";
    let done = pipe(chat::command(&server, "Ada", &[]), input);
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
    for shown in [
        "* 1 in lobby: Ada",
        "* round trip to the server: ",
        "1 connection, ",
    ] {
        assert!(done.stdout.contains(shown), "{shown}: {}", done.stdout);
    }
}

/// Another person answers a little later.
#[test]
fn a_chat_in_a_pipe_waits_for_the_answers_of_others() {
    let server = chat(Config::default());
    let mut ben = chat::command(&server, "Ben", &["--wait", "20"]);
    ben.stdin(std::process::Stdio::piped());
    ben.stdout(std::process::Stdio::piped());
    let mut ben = ben.spawn().unwrap();
    let mut said = std::io::BufReader::new(ben.stdout.take().unwrap());
    chat::until(&mut said, "you are in lobby");
    let ada = chat::command(&server, "Ada", &["--wait", "3"]);
    let ada = std::thread::spawn(move || pipe(ada, "how are you?\n"));
    chat::until(&mut said, "Ada: how are you?");
    let mut stdin = ben.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, b"fine\n/exit\n").unwrap();
    drop(stdin);
    let done = ada.join().unwrap();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(done.stdout.contains("Ben: fine"), "{}", done.stdout);
    assert_eq!(ben.wait().unwrap().code(), Some(0));
}
