//! `zcomm chaos`: each fault has its effect and no other.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, ChildStdin, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use tokio::time::timeout;
use zcomm_chat::{
    ChatClient, ChatEvent,
    envelope::{LOBBY, ServerMessage},
};
use zcomm_core::{
    Client, ClientSocket, Config, ConnectOptions, Connection, End, Event, Message, Received, Trust,
};

use crate::{
    Done,
    chat::{TOKEN, chat},
    folder,
    servers::{Running, echo, no_limits, start, with_tls},
    zcomm, zcomm_command,
};

/// The time limit for every wait.
const LIMIT: Duration = Duration::from_secs(30);

/// A `zcomm chaos` process; dropping it ends it.
struct Chaos {
    process: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    url: String,
}

impl Chaos {
    /// Starts a proxy in front of a server.
    fn before(server: &Running, arguments: &[&str]) -> Chaos {
        Chaos::at(&server.url(), arguments)
    }

    fn at(url: &str, arguments: &[&str]) -> Chaos {
        let all = [&["chaos", url, "--listen", "127.0.0.1:0"][..], arguments].concat();
        let mut command = zcomm_command(&std::env::temp_dir(), &all);
        let mut process = command.stdin(Stdio::piped()).spawn().unwrap();
        let (stderr, stdout) = (
            process.stderr.take().unwrap(),
            process.stdout.take().unwrap(),
        );
        let mut addresses = lines(stderr);
        let url = addresses.find(|line| line.starts_with("  ws://")).unwrap();
        // A full pipe would stop the process, so stderr is read to its end.
        thread::spawn(move || addresses.for_each(drop));
        let (sender, receiver) = channel();
        thread::spawn(move || lines(stdout).try_for_each(|line| sender.send(line)));
        Chaos {
            stdin: process.stdin.take(),
            process,
            lines: receiver,
            url: url.trim().to_owned(),
        }
    }

    /// Waits for a line that contains this, and skips the lines before it.
    fn says(&self, what: &str) -> String {
        let (late, mut seen) = (Instant::now() + LIMIT, String::new());
        loop {
            let left = late.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) if line.contains(what) => return line,
                Ok(line) => seen += &(line + "\n"),
                Err(_) => panic!("no {what:?} in:\n{seen}"),
            }
        }
    }

    /// Types a line, and waits for the answer.
    fn does(&mut self, line: &str, answer: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
        self.says(answer);
    }

    /// Ends it, and returns the lines that were not read yet.
    fn ends(mut self) -> String {
        writeln!(self.stdin.as_mut().unwrap(), "q").unwrap();
        assert_eq!(self.process.wait().unwrap().code(), Some(0));
        self.lines.iter().map(|line| line + "\n").collect()
    }

    fn options(&self) -> ConnectOptions {
        ConnectOptions {
            // A client that reconnects must do so soon.
            longest_wait: Duration::from_millis(50),
            ..ConnectOptions::new(&self.url, &trust())
        }
    }

    async fn connect(&self) -> ClientSocket {
        let trust = trust();
        soon(ClientSocket::connect(&self.url, &trust))
            .await
            .unwrap()
    }
}

impl Drop for Chaos {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn trust() -> Trust {
    Trust::platform(&[]).unwrap()
}

fn lines(from: impl Read) -> impl Iterator<Item = String> {
    BufReader::new(from)
        .lines()
        .map_while(std::result::Result::ok)
}

async fn soon<F: Future>(future: F) -> F::Output {
    timeout(LIMIT, future).await.expect("waited too long")
}

/// A server that pings at this interval.
fn heartbeat(milliseconds: u64) -> Config {
    Config {
        ping_interval: Duration::from_millis(milliseconds),
        ping_timeout: Duration::from_millis(milliseconds),
        ..no_limits()
    }
}

/// Returns how many connections of the server have ended with this code.
pub(crate) fn closes(server: &Running, code: &str) -> u64 {
    let mut stream = TcpStream::connect(server.addr).unwrap();
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {}\r\n\r\n", server.addr);
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let name = format!("zcomm_closes_total{{code=\"{code}\"}} ");
    let count = answer.split(&name).nth(1).unwrap().lines().next();
    count.unwrap().parse().unwrap()
}

/// Waits until one connection has ended with this code.
fn closed(server: &Running, code: &str) {
    let late = Instant::now() + LIMIT;
    while closes(server, code) == 0 {
        assert!(Instant::now() < late, "no {code}");
        thread::yield_now();
    }
}

async fn say(client: &mut ClientSocket, text: &str) {
    soon(client.send(text)).await.unwrap();
}

async fn hear(client: &mut ClientSocket) -> String {
    match soon(client.recv()).await {
        Some(Message::Text(text)) => text.to_string(),
        other => panic!("{other:?}, {:?}", client.end()),
    }
}

/// Checks that the server still answers.
async fn answers(client: &mut ClientSocket) {
    say(client, "there?").await;
    assert_eq!(hear(client).await, "Echo: there?");
}

/// Reads this number of pings, and checks that the server still answers.
async fn lives(client: &mut ClientSocket, pings: usize) {
    for _ in 0..pings {
        let received = soon(client.recv_any()).await;
        assert!(matches!(received, Some(Received::Ping(_))), "{received:?}");
    }
    answers(client).await;
}

/// Skips all messages, and returns how the connection ended.
async fn end(client: &mut ClientSocket) -> End {
    while soon(client.recv()).await.is_some() {}
    client.end().cloned().unwrap()
}

#[tokio::test]
async fn without_faults_everything_passes() {
    let server = start(no_limits(), echo);
    let chaos = Chaos::before(&server, &[]);
    chaos.says("now: no faults");
    let mut client = chaos.connect().await;
    for number in 0..200 {
        say(&mut client, &number.to_string()).await;
    }
    for number in 0..200 {
        assert_eq!(hear(&mut client).await, format!("Echo: {number}"));
    }
    let large = Message::Binary(vec![7; 60_000].into());
    soon(client.send(large.clone())).await.unwrap();
    assert_eq!(soon(client.recv()).await, Some(large));
    soon(client.close(1000, "")).await.unwrap();
    chaos.says("#1 ended");
    closed(&server, "1000");
}

#[tokio::test]
async fn latency_delays_only_the_named_direction() {
    let server = start(no_limits(), echo);
    for (ways, least) in [("both", 200), ("to-server", 100), ("to-client", 100)] {
        let chaos = Chaos::before(&server, &["--latency", "100ms", ways]);
        let mut client = chaos.connect().await;
        let start = Instant::now();
        answers(&mut client).await;
        let took = start.elapsed().as_millis();
        assert!(took >= least, "{ways}: {took} ms");
    }
}

/// As TCP promises: a late frame makes all frames after it late.
#[tokio::test]
async fn jitter_keeps_the_order() {
    let server = start(no_limits(), echo);
    let chaos = Chaos::before(&server, &["--jitter", "30ms", "--seed", "7"]);
    let mut client = chaos.connect().await;
    for number in 0..400 {
        say(&mut client, &number.to_string()).await;
    }
    for number in 0..400 {
        assert_eq!(hear(&mut client).await, format!("Echo: {number}"));
    }
}

#[tokio::test]
async fn bandwidth_limits_the_rate() {
    let server = start(no_limits(), echo);
    let chaos = Chaos::before(&server, &["--bandwidth", "100kB/s", "to-client"]);
    let mut client = chaos.connect().await;
    let large = Message::Binary(vec![7; 50_000].into());
    let start = Instant::now();
    soon(client.send(large.clone())).await.unwrap();
    assert_eq!(soon(client.recv()).await, Some(large));
    let took = start.elapsed();
    // The bytes of the last 20 ms do not wait.
    assert!(took >= Duration::from_millis(470), "{took:?}");
}

#[tokio::test]
async fn a_duplicated_message_gets_two_answers() {
    let server = start(no_limits(), echo);
    let mut chaos = Chaos::before(&server, &["--duplicate", "2", "to-server"]);
    let mut client = chaos.connect().await;
    for text in ["one", "two", "three"] {
        say(&mut client, text).await;
    }
    for text in ["one", "two", "two", "three"] {
        assert_eq!(hear(&mut client).await, format!("Echo: {text}"));
    }
    chaos.says("#1 sent frame 2 (text, 3 bytes) from the client twice");
    chaos.does("duplicate off", "OFF duplicate | now: no faults");
    for text in ["four", "five"] {
        say(&mut client, text).await;
        assert_eq!(hear(&mut client).await, format!("Echo: {text}"));
    }
}

/// The chat recognises the id: its ack says so, and the other client reads the message once.
#[tokio::test]
async fn ids_make_a_duplicate_harmless() {
    let server = chat(Config::default());
    let chaos = Chaos::before(&server, &["--duplicate", "1", "to-server"]);
    let mut ben = member(ConnectOptions::new(server.url(), &trust()), "Ben");
    hear_until(&mut ben, joined).await;
    let options = ConnectOptions {
        token: Some(TOKEN.into()),
        ..chaos.options()
    };
    let mut ada = soon(ClientSocket::connect_with(&options)).await.unwrap();
    say(&mut ada, r#"{"type":"join"}"#).await;
    for (id, text) in [("1", "one"), ("2", "two")] {
        let message = format!(r#"{{"type":"chat","id":"{id}","text":"{text}"}}"#);
        say(&mut ada, &message).await;
    }
    let mut acks = Vec::new();
    while acks.len() < 4 {
        let message: serde_json::Value = serde_json::from_str(&hear(&mut ada).await).unwrap();
        if message["type"] == "ack" {
            acks.push((message["id"].clone(), message["duplicate"] == true));
        }
    }
    let one = |duplicate| ("1".into(), duplicate);
    let two = |duplicate| ("2".into(), duplicate);
    assert_eq!(acks, [one(false), one(true), two(false), two(true)]);
    assert_eq!(hear_texts(&mut ben, 2).await, ["one", "two"]);
}

/// A text must be valid UTF-8, and the server checks it (RFC 6455 section 8.1).
#[tokio::test]
async fn a_flipped_bit_is_found_in_a_text_but_not_in_a_binary_message() {
    let server = start(no_limits(), echo);
    let chaos = Chaos::before(&server, &["--corrupt", "2", "to-server"]);
    let mut client = chaos.connect().await;
    answers(&mut client).await;
    say(&mut client, "hello").await;
    let why = end(&mut client).await;
    assert!(
        matches!(&why, End::ByPeer(why) if why.code() == 1007),
        "{why}"
    );
    let mut client = chaos.connect().await;
    answers(&mut client).await;
    soon(client.send(Message::Binary(vec![1, 2].into())))
        .await
        .unwrap();
    let came = soon(client.recv()).await;
    assert_eq!(came, Some(Message::Binary(vec![0x81, 2].into())));
}

#[tokio::test]
async fn a_connection_lives_as_long_as_pongs_arrive() {
    let server = start(heartbeat(400), echo);
    let chaos = Chaos::before(&server, &["--drop-pongs", "to-client"]);
    lives(&mut chaos.connect().await, 4).await;
    let chaos = Chaos::before(&server, &["--drop-pongs"]);
    let why = end(&mut chaos.connect().await).await;
    assert_eq!(
        why.to_string(),
        "the other side closed with 1011 (keepalive ping timeout)"
    );
    chaos.says("#1 dropped a pong from the client");
    closed(&server, "1011");
}

/// A half-open connection: no data arrives, and neither side gets an end.
#[tokio::test]
async fn heartbeats_on_both_sides_find_a_blackhole_and_the_client_comes_back() {
    let server = start(heartbeat(400), echo);
    let impatient = |chaos: &Chaos| {
        Client::new(ConnectOptions {
            ping_interval: Some(Duration::from_millis(400)),
            ping_timeout: Duration::from_millis(400),
            connect_timeout: Duration::from_secs(1),
            ..chaos.options()
        })
    };
    let mut chaos = Chaos::before(&server, &["--blackhole", "0s", "--times", "1"]);
    let mut client = impatient(&chaos);
    chaos_free(&mut client).await;
    chaos.says("#1 blackhole: all data is held back, and the connection stays open");
    // Switching the fault on again starts the count of --times again.
    chaos.does("blackhole", "ON blackhole");
    chaos.says("blackhole: all data is held back, and the connection stays open");

    // The same by hand, on an open connection.
    let mut chaos = Chaos::before(&server, &[]);
    let mut client = impatient(&chaos);
    chaos_free(&mut client).await;
    let before = closes(&server, "1011");
    chaos.does("b", "ON blackhole | now: blackhole");
    loop {
        match soon(client.next()).await {
            Some(Event::Disconnected(End::Broken(why))) => {
                break assert!(why.contains("ping"), "{why}");
            }
            Some(Event::Message(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    let late = Instant::now() + LIMIT;
    while closes(&server, "1011") == before {
        assert!(Instant::now() < late, "the server has not found it");
    }
    chaos.does("0", "ALL OFF");
    chaos_free(&mut client).await;
}

/// Reconnects until an echo arrives.
async fn chaos_free(client: &mut Client) {
    loop {
        match soon(client.next()).await {
            Some(Event::Connected(_)) => client.send("there?").await.unwrap(),
            Some(Event::Message(message)) => {
                break assert_eq!(message, Message::from("Echo: there?"));
            }
            Some(Event::Disconnected(_) | Event::Reconnecting { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// A short gap: TCP resends everything, and no message is lost.
#[tokio::test]
async fn data_that_a_blackhole_held_back_arrives_when_it_ends() {
    let server = start(no_limits(), echo);
    let mut chaos = Chaos::before(&server, &[]);
    let mut client = chaos.connect().await;
    answers(&mut client).await;
    chaos.does("blackhole to-client", "ON blackhole to-client");
    say(&mut client, "one").await;
    say(&mut client, "two").await;
    chaos.says("#1 blackhole");
    chaos.does("0", "ALL OFF");
    assert_eq!(hear(&mut client).await, "Echo: one");
    assert_eq!(hear(&mut client).await, "Echo: two");
}

/// A browser loads the page and its files through the proxy, too: they are no WebSockets.
#[tokio::test]
async fn a_connection_for_a_page_says_so() {
    let server = start(no_limits(), echo);
    let chaos = Chaos::before(&server, &[]);
    let host = chaos.url.trim_start_matches("ws://").trim_end_matches('/');
    let mut page = TcpStream::connect(host).unwrap();
    write!(page, "GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
    assert_eq!(chaos.says("#1 opened"), "#1 opened, for a page or a file");
    let _client = chaos.connect().await;
    assert_eq!(chaos.says("#2 opened"), "#2 opened");
}

/// A blackhole of one connection does not affect another.
#[tokio::test]
async fn no_connection_waits_for_another() {
    let server = start(no_limits(), echo);
    let mut chaos = Chaos::before(&server, &["--first", "1"]);
    let mut first = chaos.connect().await;
    answers(&mut first).await;
    let mut second = chaos.connect().await;
    chaos.says("#2 opened without faults");
    chaos.does("b", "ON blackhole");
    chaos.says("#1 blackhole");
    say(&mut first, "lost").await;
    for _ in 0..100 {
        answers(&mut second).await;
    }
    chaos.does("r", "RESET all connections of --first 1 |");
    chaos.says("#1 reset");
    assert!(matches!(end(&mut first).await, End::Broken(_)));
    answers(&mut second).await;
}

#[tokio::test]
async fn a_reset_is_an_error_and_not_an_end() {
    let server = start(no_limits(), echo);
    let chaos = Chaos::before(&server, &["--reset-after", "2", "frames", "to-client"]);
    let mut client = chaos.connect().await;
    answers(&mut client).await;
    // The second answer may arrive, or TCP may discard it.
    say(&mut client, "there?").await;
    let End::Broken(why) = end(&mut client).await else {
        panic!("a Close frame");
    };
    assert_eq!(why, "the other side reset the TCP connection");
    chaos.says("#1 reset after frame 2 (text, 12 bytes) from the server");
    let mut chaos = Chaos::before(&server, &["--reset-after", "300ms", "--times", "1"]);
    let start = Instant::now();
    let mut client = chaos.connect().await;
    assert!(matches!(end(&mut client).await, End::Broken(_)));
    assert!(start.elapsed() >= Duration::from_millis(300));
    chaos.says("#1 reset 300ms after it opened");
    let start = Instant::now();
    let mut spared = chaos.connect().await;
    while start.elapsed() < Duration::from_millis(600) {
        answers(&mut spared).await;
    }
    // Switching the fault on again starts the count of --times again.
    chaos.does("reset-after 300ms", "ON reset-after 300ms");
    assert!(matches!(end(&mut spared).await, End::Broken(_)));
}

/// A load balancer closes idle connections; a heartbeat keeps them open.
#[tokio::test]
async fn an_idle_connection_is_killed_unless_it_has_a_heartbeat() {
    let silent = start(no_limits(), echo);
    let chaos = Chaos::before(&silent, &["--idle-kill", "2s"]);
    let mut client = chaos.connect().await;
    let start_ = Instant::now();
    answers(&mut client).await;
    let End::Broken(why) = end(&mut client).await else {
        panic!("a Close frame");
    };
    // TCP ended as usual; only the Close frame is missing.
    assert!(!why.contains("os error"), "{why}");
    assert!(start_.elapsed() >= Duration::from_secs(2));
    chaos.says("#1 closed without a Close frame: no byte for 2s");
    let beating = start(
        Config {
            ping_interval: Duration::from_millis(250),
            ..no_limits()
        },
        echo,
    );
    let chaos = Chaos::before(&beating, &["--idle-kill", "2s"]);
    lives(&mut chaos.connect().await, 10).await;
}

/// The proxy decrypts TLS, so it finds frames and ends there as well.
#[tokio::test]
async fn a_server_with_tls_has_the_same_faults() {
    let folder = folder("chaos_tls");
    let server = start(with_tls(&folder), echo);
    let (url, ca) = (
        format!("wss://{}/", server.addr),
        folder.join("certs/ca.pem"),
    );
    let faults = [
        "--duplicate",
        "1",
        "to-server",
        "--cut-mid-frame",
        "3",
        "to-client",
    ];
    let chaos = Chaos::at(
        &url,
        &[&["--ca", ca.to_str().unwrap()], &faults[..]].concat(),
    );
    let mut client = chaos.connect().await;
    say(&mut client, "one").await;
    assert_eq!(hear(&mut client).await, "Echo: one");
    assert_eq!(hear(&mut client).await, "Echo: one");
    answers_not(&mut client).await;
    chaos.says("#1 cut in the middle of frame 3 (text, 12 bytes) from the server");
}

/// A client of the chat.
fn member(options: ConnectOptions, name: &str) -> ChatClient {
    let options = ConnectOptions {
        token: Some(TOKEN.into()),
        ..options
    };
    let mut member = ChatClient::new(options, name).unwrap();
    member.join(LOBBY);
    member
}

fn joined(event: &ChatEvent) -> bool {
    matches!(event, ChatEvent::Received(said) if matches!(said.message, ServerMessage::Joined { .. }))
}

async fn hear_until(member: &mut ChatClient, enough: impl Fn(&ChatEvent) -> bool) {
    soon(async { while !enough(&member.next().await.unwrap()) {} }).await;
}

/// Returns the texts of the next chat messages.
async fn hear_texts(member: &mut ChatClient, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    while texts.len() < count {
        if let ChatEvent::Received(said) = soon(member.next()).await.unwrap()
            && let ServerMessage::Chat { text, .. } = said.message
        {
            texts.push(text);
        }
    }
    texts
}

/// Ada is behind the proxy, Ben is not. Each reads every message of the other once.
async fn nothing_is_lost_or_twice(fault: &[&str], event: &str) {
    const MESSAGES: usize = 40;
    let server = chat(no_limits());
    let chaos = Chaos::before(&server, &[fault, &["--times", "3"]].concat());
    let mut ben = member(ConnectOptions::new(server.url(), &trust()), "Ben");
    hear_until(&mut ben, joined).await;
    let mut ada = member(chaos.options(), "Ada");
    hear_until(&mut ada, joined).await;
    let talk = async |member: &mut ChatClient, name: &str, other: &str| {
        for number in 0..MESSAGES {
            member.chat(LOBBY, &format!("{name} {number}")).unwrap();
        }
        let (mut heard, mut settled) = (Vec::new(), 0);
        while heard.len() < MESSAGES || settled < MESSAGES {
            match soon(member.next()).await.unwrap() {
                ChatEvent::Received(said) => {
                    if let ServerMessage::Chat { text, .. } = said.message
                        && text.starts_with(other)
                    {
                        heard.push(text);
                    }
                }
                ChatEvent::Acknowledged { .. } => settled += 1,
                ChatEvent::Connection(_) => {}
                other => panic!("{other:?}"),
            }
        }
        let all: Vec<_> = (0..MESSAGES)
            .map(|number| format!("{other} {number}"))
            .collect();
        assert_eq!(heard, all);
        assert_eq!(settled, MESSAGES);
    };
    soon(async { tokio::join!(talk(&mut ada, "Ada", "Ben"), talk(&mut ben, "Ben", "Ada")) }).await;
    // A duplicate would arrive before this.
    ada.chat(LOBBY, "the end").unwrap();
    hear_until(&mut ada, |event| {
        matches!(event, ChatEvent::Acknowledged { .. })
    })
    .await;
    assert_eq!(soon(hear_texts(&mut ben, 1)).await, ["the end"]);
    let printed = chaos.ends();
    assert_eq!(printed.matches(event).count(), 3, "{printed}");
}

#[tokio::test]
async fn a_chat_that_is_cut_in_the_middle_of_frames_loses_nothing() {
    nothing_is_lost_or_twice(&["--cut-mid-frame", "9"], " cut in the middle of frame 9 ").await;
}

#[tokio::test]
async fn a_chat_that_is_reset_loses_nothing() {
    nothing_is_lost_or_twice(&["--reset-after", "9", "frames"], " reset after frame 9 ").await;
}

#[tokio::test]
async fn by_hand_the_next_message_is_cut() {
    let server = start(no_limits(), echo);
    let mut chaos = Chaos::before(&server, &[]);
    let mut client = chaos.connect().await;
    answers(&mut client).await;
    chaos.does("c", "CUT");
    answers_not(&mut client).await;
    chaos.says("#1 cut in the middle of frame 2 (text, 6 bytes) from the client");
    closed(&server, "1006");
}

async fn answers_not(client: &mut ClientSocket) {
    say(client, "there?").await;
    let why = end(client).await;
    assert!(matches!(why, End::Broken(_)), "{why}");
}

/// The server ends a client that does not read; other clients do not notice.
#[tokio::test]
async fn a_slow_reader_is_ended_and_delays_no_other_client() {
    let server = start(
        Config {
            flush_timeout: Duration::from_secs(1),
            ..no_limits()
        },
        async |mut connection: Connection| {
            let (id, hub) = (connection.id(), connection.hub().clone());
            while let Some(message) = connection.recv().await {
                hub.broadcast_except(message, id)?;
                connection.send("said").await?;
            }
            Ok(())
        },
    );
    let chaos = Chaos::before(&server, &["--slow-reader", "1kB/s", "--first", "1"]);
    let slow = chaos.connect().await;
    let (mut fast, mut speaker) = (chaos.connect().await, chaos.connect().await);
    let text = "x".repeat(60_000);
    let late = Instant::now() + LIMIT;
    while closes(&server, "1008") == 0 {
        assert!(Instant::now() < late, "it is not ended");
        say(&mut speaker, &text).await;
        assert_eq!(hear(&mut speaker).await, "said");
        assert_eq!(hear(&mut fast).await.len(), text.len());
    }
    assert_eq!(closes(&server, "1008"), 1);
    drop(slow);
}

#[tokio::test]
async fn a_script_switches_and_begins_with_the_first_connection() {
    let folder = folder("chaos_script");
    let script = folder.join("script.txt");
    let lines = "# a train\n0s drop-pongs\n100ms clear\n200ms duplicate # twice\n";
    std::fs::write(&script, lines).unwrap();
    let server = start(no_limits(), echo);
    let chaos = Chaos::before(&server, &["--script", script.to_str().unwrap()]);
    let mut client = chaos.connect().await;
    for status in [
        "now: no faults",
        "the script begins",
        "ON drop-pongs | now: drop-pongs",
        "ALL OFF | now: no faults",
        "ON duplicate 1 | now: duplicate 1",
    ] {
        chaos.says(status);
    }
    say(&mut client, "hi").await;
    for _ in 0..4 {
        assert_eq!(hear(&mut client).await, "Echo: hi");
    }
}

fn refused(arguments: &[&str]) -> Done {
    let all = [
        &["chaos", "ws://127.0.0.1:9/", "--listen", "127.0.0.1:0"],
        arguments,
    ]
    .concat();
    let done = zcomm(&std::env::temp_dir(), &all);
    assert_eq!(
        (done.code, done.stdout.as_str()),
        (Some(2), ""),
        "{arguments:?}"
    );
    done
}

#[test]
fn an_error_names_what_can_be_typed_instead() {
    let folder = folder("chaos_wrong");
    let script = folder.join("script.txt");
    let file = script.to_str().unwrap();
    for (lines, what, help) in [
        (
            "0s latency 80ms\n10x blackhole",
            "line 2: \"10x\" is not a time",
            "500ms, 10s or 2m",
        ),
        (
            "0s laten 80ms",
            "line 1: \"laten\" is not a fault",
            "latency",
        ),
        (
            "5s clear\n1s clear",
            "line 2: this step is earlier",
            "in the order",
        ),
    ] {
        std::fs::write(&script, lines).unwrap();
        let said = refused(&["--script", file]).stderr;
        assert!(said.starts_with("error: ") && said.contains(what), "{said}");
        let (_, second) = said.split_once("\nhelp: ").unwrap();
        assert!(second.contains(help), "{said}");
    }
    std::fs::remove_file(&script).unwrap();
    assert!(refused(&["--script", file]).stderr.contains("cannot read"));
    for (arguments, what, help) in [
        (
            &["--latency", "200k"][..],
            "--latency: \"200k\" is not a time",
            "500ms, 10s or 2m",
        ),
        (&["--bandwidth", "64kb/s"], "may be bytes or bits", "kbit/s"),
        (
            &["--cut-mid-frame", "0"],
            "\"0\" is not a number of frames",
            "from 1",
        ),
        (
            &["--idle-kill", "60s", "to-client"],
            "no direction",
            "idle-kill 1m",
        ),
        (
            &["--reset-after", "5"],
            "5 may be a time or frames",
            "5s or 5 frames",
        ),
    ] {
        let said = refused(arguments).stderr;
        assert!(said.contains(what) && said.contains(help), "{said}");
        assert_eq!(said.lines().count(), 2, "{said}");
    }
}

/// An unknown line gets an error and has no other effect.
#[tokio::test]
async fn an_unknown_line_changes_nothing() {
    let server = start(no_limits(), echo);
    let mut chaos = Chaos::before(&server, &["--latency", "1ms"]);
    let mut client = chaos.connect().await;
    chaos.does(
        "laten\x1b[2J",
        r#"==> "laten\u{1b}[2J" is not a fault; use one of latency"#,
    );
    chaos.does("n", "now: latency 1ms");
    chaos.does("?", "l  latency TIME");
    answers(&mut client).await;
}

/// `in:` is the input of the faults, `out:` their output.
#[tokio::test]
async fn an_xray_shows_both_sides_of_a_fault() {
    let server = start(no_limits(), echo);
    let chaos = Chaos::before(&server, &["--xray", "--duplicate", "1", "to-server"]);
    let mut client = chaos.connect().await;
    say(&mut client, "hi").await;
    assert_eq!(hear(&mut client).await, "Echo: hi");
    assert_eq!(hear(&mut client).await, "Echo: hi");
    soon(client.close(1000, "")).await.unwrap();
    let printed = chaos.ends();
    let count = |side: &str, way: &str| {
        let of_side = printed.lines().filter(|line| line.starts_with(side));
        of_side
            .filter(|line| line.contains(way) && line.contains("text, "))
            .count()
    };
    assert_eq!(count("in: ", "client → server"), 1, "{printed}");
    assert_eq!(count("out:", "client → server"), 2, "{printed}");
    assert_eq!(count("in: ", "server → client"), 2, "{printed}");
    assert_eq!(count("out:", "server → client"), 2, "{printed}");
}

#[cfg(unix)]
mod terminal {
    use super::*;
    use crate::terminal::{ends, open};
    use expectrl::{Expect, session::OsSession};

    /// Starts chaos at a terminal; returns its address as well.
    fn sit_down(server: &Running) -> (OsSession, String) {
        let url = server.url();
        let arguments = ["chaos", &url, "--listen", "127.0.0.1:0"];
        let mut session =
            open(zcomm_command(&std::env::temp_dir(), &arguments).env("TERM", "dumb"));
        session.expect("  ws://").unwrap();
        let rest = session.expect("/\r\n").unwrap();
        let address = String::from_utf8_lossy(rest.before()).into_owned();
        session.expect("now: no faults").unwrap();
        (session, format!("ws://{address}/"))
    }

    #[tokio::test]
    async fn keys_switch_faults_and_ctrl_c_ends_it_at_once() {
        let server = start(no_limits(), echo);
        let (mut session, url) = sit_down(&server);
        let trust = trust();
        let mut client = soon(ClientSocket::connect(&url, &trust)).await.unwrap();
        answers(&mut client).await;
        for (key, answer) in [
            ("l", "ON latency 200ms"),
            ("l", "OFF latency"),
            ("z", "'z' is not a key; ? lists all keys"),
            ("\x1b[Ab", "ON blackhole"),
        ] {
            session.send(key).unwrap();
            session.expect(answer).unwrap();
        }
        say(&mut client, "into the hole").await;
        session.send("\x03").unwrap();
        ends(session, 130);
        assert!(matches!(end(&mut client).await, End::Broken(_)));
    }

    #[test]
    fn ctrl_backslash_restores_the_terminal_as_well() {
        let server = start(no_limits(), echo);
        let (mut session, _) = sit_down(&server);
        session.send("\x1c").unwrap();
        ends(session, 131);
    }
}
