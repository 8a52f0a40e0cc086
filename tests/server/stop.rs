//! An orderly stop loses no message that a server has acknowledged.
//!
//! From the stop on, no connection takes a message, and no log accepts one. So what is in the logs
//! is all that was acknowledged. Every client that keeps up gets it, and then the Close frame.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};
use zcomm_chat::Chat;
use zcomm_core::{Config, Connection, Message, Result};

use crate::{
    chat::client::heard,
    demo,
    harness::{CANARY, Client, Raw, echo, frame, serve, soon},
};

const STOPPED: (u16, &str) = (1001, "Server shutting down");

/// Reads until the Close frame. Returns the payloads of all messages before it.
async fn heard_until_the_stop(raw: &mut Raw) -> Vec<Vec<u8>> {
    let mut heard = Vec::new();
    loop {
        match raw.next_frame().await.expect("a Close frame comes last") {
            (0x88, payload) => {
                let code = u16::from_be_bytes([payload[0], payload[1]]);
                assert_eq!((code, &payload[2..]), (STOPPED.0, STOPPED.1.as_bytes()));
                raw.hang_up().await;
                return heard;
            }
            (0x81 | 0x82, payload) => heard.push(payload),
            _ => {}
        }
    }
}

/// The connections run in this thread, so none of them has run between the last message and the
/// stop.
#[tokio::test]
async fn what_the_log_has_is_delivered_before_the_close() {
    let mut server = serve(Config::default(), echo).await;
    let mut clients = [
        Raw::open(server.addr, "/").await,
        Raw::open(server.addr, "/").await,
    ];
    for n in 0..1000 {
        server.hub.broadcast(n.to_string()).unwrap();
    }
    let [one, other] = &mut clients;
    let (_, one, other) = tokio::join!(
        server.stop(),
        heard_until_the_stop(one),
        heard_until_the_stop(other)
    );
    let all: Vec<_> = (0..1000).map(|n| n.to_string().into_bytes()).collect();
    assert!(one == all, "{} of 1000", one.len());
    assert!(other == all, "{} of 1000", other.len());
}

/// 16 MB do not fit into the buffers of the network, so the client is behind when the server stops.
#[tokio::test]
async fn a_client_that_is_behind_gets_the_rest_before_the_close() {
    let config = Config {
        max_message_bytes: 8 * 1024 * 1024,
        ..Config::default()
    };
    let mut server = serve(config, echo).await;
    let mut client = Raw::open(server.addr, "/").await;
    for _ in 0..1000 {
        server.hub.broadcast("x".repeat(16 * 1024)).unwrap();
    }
    let (_, heard) = tokio::join!(server.stop(), heard_until_the_stop(&mut client));
    assert_eq!(heard.len(), 1000);
}

/// A client that sends without pause must not keep its connection busy with messages that are
/// dropped.
#[tokio::test]
async fn a_client_that_sends_without_pause_gets_the_close_too() {
    let config = Config {
        rate_limit: None,
        ..Config::default()
    };
    let mut server = serve(config, echo).await;
    let mut client = Raw::open(server.addr, "/").await;
    let flood = frame(0x81, b"again").repeat(10_000);
    client.send(&flood).await;
    let (_, heard) = tokio::join!(server.stop(), heard_until_the_stop(&mut client));
    assert!(heard.len() < 10_000, "the rest is not answered");
}

/// A handler that waits for the test before it takes a message.
#[derive(Clone)]
struct Gate {
    open: Arc<Semaphore>,
    arrived: watch::Sender<usize>,
}

impl Gate {
    fn new() -> Gate {
        Gate {
            open: Arc::new(Semaphore::new(0)),
            arrived: watch::Sender::new(0),
        }
    }

    /// The next message, as soon as the test lets it pass.
    async fn recv(&self, connection: &mut Connection) -> Option<Message> {
        let message = connection.recv().await?;
        self.arrived.send_modify(|count| *count += 1);
        self.open.acquire().await.unwrap().forget();
        Some(message)
    }

    fn let_one_pass(&self) {
        self.open.add_permits(1);
    }

    /// Waits until this many messages have arrived at a handler.
    async fn has(&self, count: usize) {
        let mut arrived = self.arrived.subscribe();
        soon("a message", arrived.wait_for(|now| *now == count))
            .await
            .unwrap();
    }
}

/// Broadcasts each message, and acknowledges it.
async fn acknowledge(gate: Gate, mut connection: Connection) -> Result<()> {
    while let Some(message) = gate.recv(&mut connection).await {
        connection.hub().broadcast_at(|_| message)?;
        connection.send("ack").await?;
    }
    Ok(())
}

/// The sender's handler is busy while the receiver's connection closes.
#[tokio::test]
async fn a_message_that_comes_too_late_for_a_receiver_is_not_acknowledged() {
    let gate = Gate::new();
    let at = gate.clone();
    let mut server = serve(Config::default(), move |connection| {
        acknowledge(at.clone(), connection)
    })
    .await;
    let mut sender = Raw::open(server.addr, "/").await;
    let mut receiver = Raw::open(server.addr, "/").await;
    sender.frame(0x81, b"early").await;
    sender.frame(0x81, b"late").await;
    gate.let_one_pass();
    gate.has(2).await;
    let closed = async {
        assert_eq!(heard_until_the_stop(&mut receiver).await, [b"early"]);
        gate.let_one_pass();
        let mut heard = heard_until_the_stop(&mut sender).await;
        heard.sort();
        assert_eq!(heard, [&b"ack"[..], b"early"]);
    };
    tokio::join!(server.stop(), closed);
}

async fn talk(gate: Gate, chat: Chat, mut connection: Connection) -> Result<()> {
    let Some(mut person) = chat.welcome(&mut connection).await? else {
        return Ok(());
    };
    while let Some(Message::Text(text)) = gate.recv(&mut connection).await {
        person.says(&text, &mut connection).await?;
    }
    Ok(())
}

/// The types and ids of the messages that carry an id.
fn with_ids(payloads: Vec<Vec<u8>>) -> BTreeSet<(String, String)> {
    let word = |field: &Value| field.as_str().map(str::to_owned);
    let messages = payloads.into_iter().map(|payload| {
        let text = String::from_utf8(payload).unwrap();
        heard(&text)
    });
    let ids = messages.filter_map(|message| Some((word(&message["type"])?, word(&message["id"])?)));
    ids.collect()
}

/// Rooms, private messages and messages to everyone are three kinds of logs. Without an ack, the
/// client sends the message again when it has reconnected.
#[tokio::test]
async fn a_chat_acknowledges_nothing_that_comes_too_late_for_a_receiver() {
    for (kind, to) in [("chat", "lobby"), ("direct", "Ben"), ("broadcast", "all")] {
        let (gate, chat) = (Gate::new(), Chat::new(&Config::default()).unwrap());
        let at = gate.clone();
        let handler = move |connection| talk(at.clone(), chat.clone(), connection);
        let mut server = serve(Config::default(), handler).await;
        let mut ada = Raw::open(server.addr, "/?name=Ada").await;
        let mut ben = Raw::open(server.addr, "/?name=Ben").await;
        for (n, client) in [&mut ada, &mut ben].into_iter().enumerate() {
            client.frame(0x81, br#"{"type":"join"}"#).await;
            gate.let_one_pass();
            gate.has(n + 1).await;
        }
        for id in ["early", "late"] {
            let message =
                json!({"type": kind, "room": to, "to": to, "text": "x", "id": id}).to_string();
            ada.frame(0x81, message.as_bytes()).await;
        }
        gate.let_one_pass();
        gate.has(4).await;
        let early = |kind: &str| (kind.to_owned(), "early".to_owned());
        let closed = async {
            let to_ben = with_ids(heard_until_the_stop(&mut ben).await);
            assert_eq!(to_ben, [early(kind)].into());
            gate.let_one_pass();
            let to_ada = with_ids(heard_until_the_stop(&mut ada).await);
            assert_eq!(to_ada, [early(kind), early("ack")].into());
        };
        tokio::join!(server.stop(), closed);
    }
}

/// All texts that a client hears until the server closes it.
async fn texts(client: &mut Client) -> Vec<String> {
    let mut texts = Vec::new();
    while let Some(text) = soon("a text or the end", client.hear_or_end()).await {
        texts.push(text);
    }
    texts
}

/// The messages race with the signal. What one client hears, the other hears too.
#[cfg(unix)]
#[tokio::test]
async fn all_clients_of_a_broadcast_hear_the_same_to_the_end() {
    for start in [
        demo!("open_broadcast"),
        demo!("4_websocket_broadcast").env("WEBSOCKET_TOKEN", CANARY),
    ] {
        let demo = start.env("WEBSOCKET_RATE_LIMIT", "off").start().await;
        let url = format!("{}?token={CANARY}", demo.url());
        let connect = async || Client::connect(url.as_str()).await;
        let [mut sender, mut one, mut other] = [connect().await, connect().await, connect().await];
        for n in 0..200 {
            sender.say(n.to_string()).await;
        }
        demo.signal(rustix::process::Signal::TERM);
        let race = async {
            for n in 200..1000 {
                sender.say_or_end(n.to_string()).await;
            }
        };
        let ((), one, other) = tokio::join!(race, texts(&mut one), texts(&mut other));
        assert!(one == other, "{} and {} texts", one.len(), other.len());
    }
}

/// docs/reference/exit-codes.md: a service manager counts 0 as a clean stop.
#[cfg(unix)]
#[tokio::test]
async fn a_server_ends_with_0_after_one_signal_of_any_kind() {
    use rustix::process::Signal;
    for signal in [Signal::TERM, Signal::HUP, Signal::INT, Signal::QUIT] {
        let mut demo = demo!("2_websocket_echo").start().await;
        let mut client = Client::connect(demo.url()).await;
        demo.signal(signal);
        assert_eq!(client.closed().await.0, 1001, "{signal:?}");
        assert_eq!(demo.ended().await.code(), Some(0), "{signal:?}");
    }
}
