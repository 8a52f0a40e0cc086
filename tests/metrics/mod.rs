//! The metrics of a server: every number is exact.
//!
//! Two parsers read them: a few lines here, and Python's `prometheus_client`, which is
//! independent of this project and reads what a monitor will read.

mod readers;

use std::{collections::BTreeMap, process::Stdio, sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::Value;
use tokio::{
    io::AsyncWriteExt,
    process::Command,
    sync::{Notify, mpsc},
};
use zcomm_core::{Config, Connection, Message, RefuseBy, Result, Token};

use crate::chat::client::{Guest, chat_app};
use crate::children;
use crate::harness::{CANARY, Client, Raw, Response, Running, echo, identity, reach, serve, soon};

/// Fetches a page from a server of this test.
async fn get(server: &Running, target: &str) -> Response {
    let addr = server.addr;
    let tls = server.url().starts_with("wss");
    let stream = soon("a connection", reach(addr, tls)).await.unwrap();
    let mut raw = Raw { stream };
    let request = format!("GET {target} HTTP/1.1\r\nHost: {addr}\r\n\r\n");
    raw.send(request.as_bytes()).await;
    raw.response().await
}

/// Every sample by its name and labels, as they are in the text.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), value.parse().unwrap())
    };
    lines.map(sample).collect()
}

async fn figures(server: &Running) -> BTreeMap<String, f64> {
    samples(&get(server, "/metrics").await.body)
}

/// Asserts these metrics. The others may have any value.
#[track_caller]
fn assert_says(figures: &BTreeMap<String, f64>, expected: &[(&str, f64)]) {
    for (name, value) in expected {
        let known = figures.get(*name);
        assert_eq!(known, Some(value), "{name} in {figures:#?}");
    }
}

/// Text goes to all others, bytes come back.
async fn broadcast(mut connection: Connection) -> Result<()> {
    while let Some(message) = connection.recv().await {
        match message {
            Message::Text(_) => {
                let hub = connection.hub().clone();
                hub.broadcast_except(message, connection.id())?;
            }
            Message::Binary(_) => connection.send(message).await?,
        }
    }
    Ok(())
}

/// Three clients come and two are refused; four texts reach two others each, two messages of
/// bytes come back; one client leaves.
async fn an_ordinary_day(tls: bool) -> Running {
    let server = serve(
        Config {
            require_auth: true,
            token: Some(Token::new(CANARY).unwrap()),
            refuse: RefuseBy::Http,
            tls: tls.then(identity),
            ..Config::default()
        },
        broadcast,
    )
    .await;
    let url = format!("{}?token={CANARY}", server.url());
    let mut ada = Client::connect(url.as_str()).await;
    let mut others = [
        Client::connect(url.as_str()).await,
        Client::connect(url.as_str()).await,
    ];
    assert!(Client::try_connect(server.url()).await.is_err());
    let wrong = format!("{}?token={CANARY}4", server.url());
    assert!(Client::try_connect(wrong).await.is_err());
    for text in ["one", "two", "three", "four"] {
        ada.say(text).await;
    }
    for other in &mut others {
        for text in ["one", "two", "three", "four"] {
            assert_eq!(other.hear_text().await, text);
        }
        // A connection that has answered has written and counted everything before.
        other.say(Bytes::from_static(b"12345")).await;
        other.hear().await;
    }
    let [bob, eve] = others;
    bob.leave().await;
    // Their sockets outlive this function.
    tokio::spawn(async move {
        let mut here = [ada, eve];
        let [ada, eve] = &mut here;
        tokio::select! { _ = ada.hear() => {} _ = eve.hear() => {} }
    });
    server
}

/// The metrics after [`an_ordinary_day`].
const ORDINARY: [(&str, f64); 29] = [
    ("zcomm_connections", 2.0),
    ("zcomm_connections_total", 3.0),
    ("zcomm_handshake_seconds_count", 3.0),
    ("zcomm_connection_duration_seconds_count", 1.0),
    ("zcomm_closes_total{code=\"1000\"}", 1.0),
    ("zcomm_closes_total{code=\"1006\"}", 0.0),
    ("zcomm_closes_total{code=\"other\"}", 0.0),
    ("zcomm_messages_received_total{kind=\"text\"}", 4.0),
    ("zcomm_messages_received_total{kind=\"binary\"}", 2.0),
    // "one" + "two" + "three" + "four" = 15 bytes, and twice "12345".
    ("zcomm_bytes_received_total", 25.0),
    ("zcomm_messages_sent_total", 10.0),
    ("zcomm_bytes_sent_total", 40.0),
    ("zcomm_broadcasts_total", 4.0),
    ("zcomm_deliveries_total", 8.0),
    // Of the first four messages in a log the first is measured, once for each reader.
    ("zcomm_fanout_seconds_count", 2.0),
    ("zcomm_fanout_seconds_bucket{le=\"+Inf\"}", 2.0),
    ("zcomm_refusals_total{reason=\"token_missing\"}", 1.0),
    ("zcomm_refusals_total{reason=\"token_wrong\"}", 1.0),
    ("zcomm_refusals_total{reason=\"origin\"}", 0.0),
    ("zcomm_refusals_total{reason=\"host\"}", 0.0),
    ("zcomm_refusals_total{reason=\"full\"}", 0.0),
    ("zcomm_refusals_total{reason=\"malformed\"}", 0.0),
    ("zcomm_refusals_total{reason=\"timeout\"}", 0.0),
    ("zcomm_refusals_total{reason=\"dropped\"}", 0.0),
    ("zcomm_refusals_total{reason=\"other\"}", 0.0),
    ("zcomm_slow_clients_total", 0.0),
    ("zcomm_gaps_total", 0.0),
    ("zcomm_heartbeats_missed_total", 0.0),
    ("zcomm_closes_total{code=\"1008\"}", 0.0),
];

#[tokio::test]
async fn the_metrics_are_exact() {
    for tls in [false, true] {
        let server = an_ordinary_day(tls).await;
        let figures = figures(&server).await;
        assert_says(&figures, &ORDINARY);
        let started = figures["process_start_time_seconds"];
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        assert!((0.0..60.0).contains(&(now.as_secs_f64() - started)));
    }
}

/// A read changes nothing.
#[tokio::test]
async fn a_reader_of_the_metrics_is_not_counted() {
    let server = an_ordinary_day(false).await;
    let first = get(&server, "/metrics").await;
    let second = get(&server, "/metrics").await;
    assert_eq!(first.body, second.body);
    assert_eq!(
        first.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    assert_eq!(first.header("cache-control"), Some("no-store"));
}

/// The lessons' pages read it.
#[tokio::test]
async fn stats_say_the_same_in_a_few_words() {
    let server = an_ordinary_day(false).await;
    let body = get(&server, "/stats").await.body;
    // One line with a line end, or the shell's prompt would follow on the same line.
    assert_eq!(body.find('\n'), Some(body.len() - 1), "{body:?}");
    let stats: Value = serde_json::from_str(&body).unwrap();
    let mut stats = stats.as_object().unwrap().clone();
    assert!(stats.remove("uptime_seconds").unwrap().as_u64() < Some(60));
    let expected = serde_json::json!({
        "clients": 2, "max_connections": 1000, "accepted": 3, "refused": 2, "broadcasts": 4,
        "messages_received": 6, "messages_sent": 10,
    });
    assert_eq!(Value::Object(stats), expected);
}

/// A gap counts once, whatever the number of missed messages.
#[tokio::test]
async fn a_client_that_fell_behind_a_log_is_counted_as_a_gap() {
    let go = Arc::new(Notify::new());
    let wait = Arc::clone(&go);
    let handler = move |connection| {
        let wait = Arc::clone(&wait);
        async move {
            wait.notified().await;
            echo(connection).await
        }
    };
    let server = serve(Config::default(), handler).await;
    let mut client = Client::connect(server.url()).await;
    for n in 0..1100 {
        server.hub.broadcast(n.to_string()).unwrap();
    }
    go.notify_one();
    assert!(client.hear_text().await.contains("up to 76 messages"));
    for n in 76..1100 {
        assert_eq!(client.hear_text().await, n.to_string());
    }
    client.say("counted").await;
    client.hear().await;
    let expected = [
        ("zcomm_gaps_total", 1.0),
        ("zcomm_broadcasts_total", 1100.0),
        ("zcomm_deliveries_total", 1024.0),
        // The message about the gap, and the answer at the end.
        ("zcomm_messages_sent_total", 1026.0),
    ];
    assert_says(&figures(&server).await, &expected);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_counted_as_slow() {
    let (ended, mut has_ended) = mpsc::unbounded_channel();
    let handler = move |mut connection: Connection| {
        let ended = ended.clone();
        async move {
            let large = Message::Binary(Bytes::from(vec![0; 64 * 1024]));
            while connection.send(large.clone()).await.is_ok() {}
            ended.send(()).ok();
            Ok(())
        }
    };
    let config = Config {
        flush_timeout: Duration::from_millis(200),
        ..Config::default()
    };
    let server = serve(config, handler).await;
    let silent = Raw::open(server.addr, "/").await;
    soon("the end of the slow client", has_ended.recv()).await;
    let expected = [
        ("zcomm_slow_clients_total", 1.0),
        ("zcomm_closes_total{code=\"1008\"}", 1.0),
        ("zcomm_heartbeats_missed_total", 0.0),
        ("zcomm_connections", 0.0),
    ];
    assert_says(&figures(&server).await, &expected);
    drop(silent);
}

#[tokio::test]
async fn a_client_that_does_not_answer_a_ping_is_counted() {
    let config = Config {
        ping_interval: Duration::from_millis(100),
        ping_timeout: Duration::from_millis(100),
        ..Config::default()
    };
    let server = serve(config, echo).await;
    let mut silent = Raw::open(server.addr, "/").await;
    assert_eq!(silent.closed().await.0, 1011);
    let expected = [
        ("zcomm_heartbeats_missed_total", 1.0),
        ("zcomm_closes_total{code=\"1011\"}", 1.0),
        ("zcomm_slow_clients_total", 0.0),
    ];
    assert_says(&figures(&server).await, &expected);
}

/// Browsers open connections that they then do not need: that is not a refusal.
#[tokio::test]
async fn a_client_that_sends_nothing_is_counted_as_a_timeout() {
    let config = Config {
        handshake_timeout: Duration::from_millis(100),
        ..Config::default()
    };
    let server = serve(config, echo).await;
    Raw::connect(server.addr).await.rest().await;
    let expected = [
        ("zcomm_refusals_total{reason=\"timeout\"}", 1.0),
        ("zcomm_connections_total", 0.0),
    ];
    assert_says(&figures(&server).await, &expected);
    let stats = get(&server, "/stats").await.body;
    assert!(stats.contains(r#""refused":0,"#), "{stats}");
}

/// Each client is connected or has left, and each that has left has a close code.
#[tokio::test]
async fn every_connection_ends_with_one_code() {
    let server = serve(Config::default(), echo).await;
    Client::connect(server.url()).await.leave().await;
    let mut odd = Raw::open(server.addr, "/").await;
    odd.frame(0x88, &4321u16.to_be_bytes()).await;
    assert_eq!(odd.closed().await.0, 4321);
    let mut wordless = Raw::open(server.addr, "/").await;
    wordless.frame(0x88, &[]).await;
    wordless.closed().await;
    let mut wrong = Raw::open(server.addr, "/").await;
    wrong.frame(0x83, b"").await;
    assert_eq!(wrong.closed().await.0, 1002);
    let mut cut = Raw::open(server.addr, "/").await;
    cut.hang_up().await;
    cut.rest().await;
    let expected = [
        ("zcomm_closes_total{code=\"1000\"}", 1.0),
        ("zcomm_closes_total{code=\"1002\"}", 1.0),
        ("zcomm_closes_total{code=\"1005\"}", 1.0),
        ("zcomm_closes_total{code=\"1006\"}", 1.0),
        ("zcomm_closes_total{code=\"other\"}", 1.0),
        ("zcomm_connection_duration_seconds_count", 5.0),
        ("zcomm_connections_total", 5.0),
        ("zcomm_connections", 0.0),
    ];
    assert_says(&figures(&server).await, &expected);
}

/// A client names a room; the name stays inside its label.
#[tokio::test]
async fn the_chat_shows_the_number_of_members_of_its_rooms() {
    let chat = chat_app().start().await;
    let mut ada = Guest::join(&chat, "Ada").await;
    let mut bob = Guest::join(&chat, "Bob").await;
    let odd = r#"5" \ wide} 1"#;
    bob.joins(serde_json::json!({"room": odd})).await;
    ada.chats("hello").await;
    ada.chats("again").await;
    let text = chat.get("/metrics").await.body;
    let expected = [
        (r#"zcomm_room_members{room="lobby"}"#, 2.0),
        (r#"zcomm_room_messages_total{room="lobby"}"#, 2.0),
        (r#"zcomm_room_members{room="5\" \\ wide} 1"}"#, 1.0),
        (r#"zcomm_room_messages_total{room="5\" \\ wide} 1"}"#, 0.0),
        ("zcomm_connections", 2.0),
    ];
    assert_says(&samples(&text), &expected);
    let Some(read) = read_by_python(&text).await else {
        return;
    };
    let room = |name: &str, room: &str| {
        let labels = serde_json::json!({"room": room});
        read.value(name, &labels)
    };
    assert_eq!(room("zcomm_room_members", odd), 1.0);
    assert_eq!(room("zcomm_room_messages_total", "lobby"), 2.0);
}

/// What Python's parser finds in a text.
struct Read(Vec<Value>);

impl Read {
    /// The value of the one sample that has this name and these labels.
    fn value(&self, name: &str, labels: &Value) -> f64 {
        let fits = |sample: &&Value| sample["name"] == name && sample["labels"] == *labels;
        let found: Vec<_> = self.0.iter().filter(fits).collect();
        match found.as_slice() {
            [one] => one["value"].as_f64().unwrap(),
            other => panic!("{name} {labels} is there {} times", other.len()),
        }
    }
}

const PARSER: &str = "
import json, sys
from prometheus_client.parser import text_string_to_metric_families as families
json.dump([dict(name=s.name, labels=s.labels, value=s.value, type=f.type)
           for f in families(sys.stdin.read()) for s in f.samples], sys.stdout)
";

/// A Python with `prometheus_client`: one made for this test, or the system's.
async fn python() -> Option<String> {
    let made = concat!(env!("CARGO_TARGET_TMPDIR"), "/../prometheus/bin/python3");
    for python in [made, "python3", "/usr/bin/python3"] {
        let mut import = Command::from(children::command(python));
        import.args(["-c", "import prometheus_client"]);
        import.stderr(Stdio::null());
        if import.status().await.is_ok_and(|status| status.success()) {
            return Some(python.to_owned());
        }
    }
    let missing = "no Python with prometheus_client: install python3-prometheus-client, or \
                   python3 -m venv target/prometheus and there bin/pip install prometheus_client";
    #[allow(clippy::disallowed_methods, reason = "CI is no setting of ours")]
    let required = std::env::var_os("CI").is_some();
    assert!(!required, "{missing}");
    eprintln!("not tried: {missing}");
    None
}

/// Reads a text as a monitor would; `None` without such a parser.
async fn read_by_python(text: &str) -> Option<Read> {
    let mut child = Command::from(children::command(python().await?))
        .args(["-c", PARSER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).await.unwrap();
    drop(stdin);
    let output = soon("Python", child.wait_with_output()).await.unwrap();
    assert!(output.status.success(), "it cannot read {text}");
    let samples: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    Some(Read(samples))
}

#[tokio::test]
async fn an_independent_parser_reads_the_same() {
    for tls in [false, true] {
        let server = an_ordinary_day(tls).await;
        let text = get(&server, "/metrics").await.body;
        let Some(read) = read_by_python(&text).await else {
            return;
        };
        for (sample, value) in ORDINARY {
            let (name, label) = sample.split_once('{').unwrap_or((sample, ""));
            let labels: Value = match label.trim_end_matches("\"}").split_once("=\"") {
                Some((label, word)) => serde_json::json!({label: word}),
                None => serde_json::json!({}),
            };
            assert_eq!(read.value(name, &labels), value, "{sample}");
        }
        assert_eq!(read.0.len(), samples(&text).len());
        for sample in &read.0 {
            let name = sample["name"].as_str().unwrap();
            let kind = match name {
                _ if name.contains("_seconds_") => "histogram",
                _ if name.ends_with("_total") => "counter",
                _ => "gauge",
            };
            assert_eq!(sample["type"], kind, "{name}");
        }
    }
}

/// A secret that a client sends is in no metric.
#[tokio::test]
async fn the_metrics_contain_no_secret() {
    let server = an_ordinary_day(false).await;
    let text = get(&server, &format!("/metrics?token={CANARY}")).await.body;
    assert!(text.contains("zcomm_refusals_total") && !text.contains(CANARY));
    assert!(!text.contains("127.0.0.1"));
}
