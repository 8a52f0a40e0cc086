//! Our servers, and a client that nobody here has written: the command of Python's
//! `websockets`. What `zcomm` says to the servers of others is in `zcomm/peers.rs`.

use std::{path::Path, process::Stdio, sync::Once};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::chat::client::chat_app;
use crate::children;
use crate::demo;
use crate::harness::{CANARY, Demo, Start, soon};

const PYTHON: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/../peers/venv/bin/python3");
const INSTALL: &str = "\
install it, at the top of the project, with
  python3 -m venv target/peers/venv
  target/peers/venv/bin/pip install -r tests/zcomm/peers/requirements.txt";

/// Somebody who types into `websockets ws://…`.
struct Typist {
    process: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    read: Vec<u8>,
}

impl Typist {
    /// Whether there is such a command. Says once that there is none, past the test runner,
    /// which keeps the words of a test that passes to itself.
    fn is_here() -> bool {
        static SAID: Once = Once::new();
        if Path::new(PYTHON).exists() {
            return true;
        }
        #[allow(clippy::disallowed_methods, reason = "CI is no setting of ours")]
        let required = std::env::var_os("CI").is_some_and(|value| value == "true");
        assert!(!required, "Python's websockets is missing: {INSTALL}");
        SAID.call_once(|| {
            use std::io::Write;
            let skipped =
                format!("\nThe tests with Python's websockets are SKIPPED: {INSTALL}\n\n");
            std::io::stderr().write_all(skipped.as_bytes()).unwrap();
        });
        false
    }

    /// Starts it and waits until it has connected.
    async fn connect(url: &str) -> Typist {
        let mut process = Command::from(children::command(PYTHON))
            .args(["-m", "websockets", url])
            .env_clear()
            .env("SSL_CERT_FILE", Start::file("ca.pem"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stdin = process.stdin.take().unwrap();
        let stdout = process.stdout.take().unwrap();
        let mut typist = Typist {
            process,
            stdin,
            stdout,
            read: Vec::new(),
        };
        typist.sees("Connected to ").await;
        typist
    }

    async fn types(&mut self, line: &str) {
        let line = format!("{line}\n");
        self.stdin.write_all(line.as_bytes()).await.unwrap();
    }

    /// Waits until this is shown. Returns the rest of its line; what stands before it will
    /// not be looked at again.
    async fn sees(&mut self, what: &str) -> String {
        loop {
            // Half a character at the end is not looked at before its line is whole.
            let shown = String::from_utf8_lossy(&self.read);
            if let Some((_, rest)) = shown.split_once(what)
                && let Some((line, after)) = rest.split_once('\n')
            {
                let (line, read) = (line.to_owned(), shown.len() - after.len());
                self.read.drain(..read);
                return line;
            }
            let read = soon(what, self.stdout.read_buf(&mut self.read)).await;
            let shown = String::from_utf8_lossy(&self.read);
            assert!(read.unwrap() > 0, "ended without {what:?}: {shown:?}");
        }
    }

    /// The next message of the chat of this type.
    async fn hears(&mut self, kind: &str) -> Value {
        let start = format!("< {{\"type\":\"{kind}\"");
        let rest = self.sees(&start).await;
        serde_json::from_str(&format!("{}{rest}", &start[2..])).unwrap()
    }

    /// Presses Ctrl-D; the goodbye must be a good one.
    async fn leaves(mut self) {
        drop(self.stdin);
        let mut rest = String::new();
        soon("the end", self.stdout.read_to_string(&mut rest))
            .await
            .unwrap();
        assert!(rest.contains("Connection closed: 1000 (OK)."), "{rest:?}");
        assert!(self.process.wait().await.unwrap().success());
    }
}

async fn clients(demo: &Demo) -> Value {
    let stats: Value = serde_json::from_str(&demo.get("/stats").await.body).unwrap();
    stats["clients"].clone()
}

#[tokio::test]
async fn lesson_1_counts_it() {
    if !Typist::is_here() {
        return;
    }
    let mut lesson = demo!("1_websocket_server").start().await;
    let ada = Typist::connect(&lesson.url()).await;
    let mut ben = Typist::connect(&lesson.url()).await;
    assert_eq!(clients(&lesson).await, 2);
    ben.types("hi").await;
    ada.leaves().await;
    lesson.says(" code=1000 ").await;
    assert_eq!(clients(&lesson).await, 1);
    ben.leaves().await;
    lesson.says_times(" code=1000 ", 2).await;
}

#[tokio::test]
async fn lesson_2_answers_it_over_both_transports() {
    if !Typist::is_here() {
        return;
    }
    for start in [demo!("2_websocket_echo"), demo!("2_websocket_echo").tls()] {
        let lesson = start.start().await;
        let mut ada = Typist::connect(&lesson.url()).await;
        for text in ["hello", "", "Grüße, 世界 🌍", &"x".repeat(60_000)] {
            ada.types(text).await;
            assert_eq!(ada.sees("< Echo: ").await, text);
        }
        ada.leaves().await;
    }
}

#[tokio::test]
async fn lesson_4_lets_it_in_with_the_token_and_tells_the_others() {
    if !Typist::is_here() {
        return;
    }
    let lesson = demo!("4_websocket_broadcast").env("WEBSOCKET_TOKEN", CANARY);
    let lesson = lesson.start().await;
    let url = format!("{}?token={CANARY}", lesson.url());
    let mut ada = Typist::connect(&url).await;
    let mut ben = Typist::connect(&url).await;
    ada.types("hello").await;
    assert!(ben.sees(" says: ").await == "hello");
    // Whoever shows none, or another, is told why.
    for (url, why) in [
        (lesson.url(), "Authentication required"),
        (format!("{url}4"), "Invalid token"),
    ] {
        let mut eve = Typist::connect(&url).await;
        let closed = eve.sees("Connection closed: ").await;
        assert_eq!(closed, format!("1008 (policy violation) {why}."));
    }
    ada.leaves().await;
    ben.leaves().await;
}

#[tokio::test]
async fn the_chat_understands_it() {
    if !Typist::is_here() {
        return;
    }
    let chat = chat_app().start().await;
    let url = |name| format!("{}?token={CANARY}&name={name}", chat.url());
    let mut ada = Typist::connect(&url("Ada")).await;
    assert_eq!(ada.hears("welcome").await["name"], "Ada");
    ada.types(r#"{"type":"join"}"#).await;
    assert_eq!(ada.hears("joined").await["users"], json!(["Ada"]));
    let mut ben = Typist::connect(&url("Ben")).await;
    ben.types(r#"{"type":"join"}"#).await;
    assert_eq!(ada.hears("user_joined").await["name"], "Ben");
    ben.types(r#"{"type":"chat","text":"Grüße","id":"1"}"#)
        .await;
    assert_eq!(ben.hears("ack").await["recipients"], 1);
    assert_eq!(ada.hears("chat").await["text"], "Grüße");
    ben.types("hello").await;
    assert_eq!(ben.hears("error").await["code"], "bad_json");
    ben.leaves().await;
    assert_eq!(ada.hears("user_left").await["name"], "Ben");
    ada.leaves().await;
}
