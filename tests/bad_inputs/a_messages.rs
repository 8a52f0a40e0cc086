//! A: application messages, and the rows of L and R that a chat answers. (Rows a12 to a14
//! are about what a client shows; a10, a17 and a18 are in `chat_app`.)

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::Message;
use zcomm_chat::Chat;
use zcomm_core::{Config, Connection, Result};

use crate::chat::client::{Guest, chat_app, heard};
use crate::harness::{CANARY, Client, Demo, Raw, Start, frame, serve, soon};

/// Runs one row beside a witness who chats in the same room.
async fn survives(start: Start, row: impl AsyncFnOnce(&Demo, Guest)) {
    let chat = start.start().await;
    let mut witness = Guest::join(&chat, "Witness").await;
    let mallory = Guest::join(&chat, "Mallory").await;
    row(&chat, mallory).await;
    let heard = tokio::time::timeout(Duration::from_secs(1), witness.chats("still there?"));
    heard.await.expect("the witness waited more than a second");
    let output = chat.output();
    assert!(!output.contains("panicked"), "{output}");
    assert!(!output.contains("ERROR"), "{output}");
}

/// Sends each of these texts and gets a fault with this code. A fifth in one connection would
/// close it.
async fn refused(chat: &Demo, texts: &[String], code: &str, field: Option<&str>) {
    for texts in texts.chunks(4) {
        let mut mallory = Guest::join(chat, "Mallory").await;
        for text in texts {
            mallory.client.say(text.as_str()).await;
            let error = mallory.refused().await;
            assert_eq!(error["code"], code, "{text:?}: {error}");
            let named = error.get("field").and_then(Value::as_str);
            assert_eq!(named, field, "{text:?}: {error}");
            assert!(!error["message"].as_str().unwrap().is_empty());
        }
        // Four faults do not close the connection.
        mallory.chats("and now for something else").await;
    }
}

fn all(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[tokio::test]
async fn a01_a_fault_in_json_names_its_column_and_the_fifth_closes() {
    survives(chat_app(), async |_, mut mallory| {
        for _ in 0..4 {
            mallory.client.say(r#"{"type":"ping"; }"#).await;
            let error = mallory.refused().await;
            assert_eq!(
                (&error["code"], &error["at"]),
                (&json!("bad_json"), &json!(15))
            );
        }
        mallory.says("ping", json!({})).await;
        mallory.hears("pong").await;
        mallory.client.say("once more").await;
        assert_eq!(mallory.refused().await["code"], "bad_json");
        assert_eq!(
            mallory.client.closed().await,
            (1008, "Too many errors".into())
        );
    })
    .await;
}

/// A chat in this process, where the time can be paused.
async fn talk(chat: Chat, mut connection: Connection) -> Result<()> {
    let mut person = chat.welcome(&mut connection).await?.unwrap();
    while let Some(message) = connection.recv().await {
        let zcomm_core::Message::Text(text) = message else {
            panic!("binary");
        };
        person.says(&text, &mut connection).await?;
    }
    Ok(())
}

/// The mistakes of the last ten seconds count. Older mistakes neither count nor hide them.
#[tokio::test(start_paused = true)]
async fn a01_slow_mistakes_close_nothing_and_five_quick_ones_after_them_do() {
    let chat = Chat::new(&Config::default()).unwrap();
    let handler = move |connection| talk(chat.clone(), connection);
    let server = serve(Config::default(), handler).await;
    let mut mallory = Client::connect(server.url() + "?name=Mallory").await;
    heard(&mallory.hear_text().await);
    let wrong = async |mallory: &mut Client| {
        mallory.say("{").await;
        while heard(&mallory.hear_text().await)["type"] != "error" {}
    };
    for pause in [3, 3, 3, 3, 3, 3, 9, 1, 1] {
        wrong(&mut mallory).await;
        sleep(Duration::from_secs(pause)).await;
    }
    // Now one of them is 9.5 s old, and counts. The others are older than 10 s.
    sleep(Duration::from_millis(8500)).await;
    for _ in 0..3 {
        wrong(&mut mallory).await;
    }
    mallory.say(r#"{"type":"ping"}"#).await;
    while heard(&mallory.hear_text().await)["type"] != "pong" {}
    wrong(&mut mallory).await;
    assert_eq!(mallory.closed().await, (1008, "Too many errors".into()));
}

#[tokio::test]
async fn a02_a03_deep_or_broken_json_is_bad_json() {
    survives(chat_app(), async |chat, _| {
        let texts = [
            "[".repeat(200),
            "[".repeat(60_000),
            r#"{"a":"#.repeat(10_000),
            r#"{"type":"chat","text":1e999}"#.into(),
            r#"{"type":"chat","text":NaN}"#.into(),
            r#"{"type":"chat","text":"\ud800"}"#.into(),
            r#"{"type":"ping"}{"type":"ping"}"#.into(),
            "\u{feff}{\"type\":\"ping\"}".into(),
        ];
        refused(chat, &texts, "bad_json", None).await;
    })
    .await;
}

#[tokio::test]
async fn a04_a05_a08_a16_a_wrong_field_is_named() {
    survives(chat_app(), async |chat, _| {
        let id = all(&[
            r#"{"type":"ping","id":"1","id":"2"}"#,
            r#"{"type":"ping","id":9007199254740993}"#,
        ]);
        refused(chat, &id, "bad_message", Some("id")).await;
        let kind = all(&[r#"{"type":"ping","type":"ping"}"#, r#"{"type":5}"#, "{}"]);
        refused(chat, &kind, "bad_message", Some("type")).await;
        let text = all(&[r#"{"type":"chat"}"#, r#"{"type":"chat","text":null}"#]);
        refused(chat, &text, "bad_message", Some("text")).await;
        let array = all(&[r#"["ping"]"#, "[]", "5", r#""ping""#]);
        refused(chat, &array, "bad_message", None).await;
    })
    .await;
}

#[tokio::test]
async fn a06_an_unknown_type_is_repeated_short_and_clean() {
    survives(chat_app(), async |_, mut mallory| {
        let kind = format!("\u{1b}]0;pwn\u{7}{}", "x".repeat(500));
        mallory.says(&kind, json!({"id": "5"})).await;
        let error = mallory.refused().await;
        assert_eq!(
            (&error["code"], &error["id"]),
            (&json!("unknown_type"), &json!("5"))
        );
        let message = error["message"].as_str().unwrap();
        assert!(message.chars().all(|c| !c.is_control()), "{message:?}");
        assert!(
            message.matches('x').count() <= 32 && message.contains("xxx"),
            "{message:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn a07_a20_a21_unknown_fields_are_ignored() {
    survives(chat_app(), async |_, mut mallory| {
        let fields = json!({
            "text": "hello", "timestamp": "1999-01-01T00:00:00.000Z", "name": "Witness",
            "client_id": "1", "seq": "99", "__proto__": {"admin": true}, "constructor": [1],
        });
        mallory.says("chat", fields).await;
        let message = mallory.hears("chat").await;
        let said = (&message["name"], &message["client_id"], &message["seq"]);
        assert_eq!(said, (&json!("Mallory"), &json!("2"), &json!("1")));
        assert!(!message["timestamp"].as_str().unwrap().starts_with("1999"));
        assert_eq!(
            (message.get("__proto__"), message.get("constructor")),
            (None, None)
        );
    })
    .await;
}

#[tokio::test]
async fn a09_a_text_is_1_to_4000_characters() {
    survives(chat_app(), async |chat, mut mallory| {
        let longest = "ä".repeat(4000);
        mallory.says("chat", json!({"text": longest})).await;
        assert_eq!(mallory.hears("chat").await["text"], longest);
        let says = |text: &str| json!({"type": "chat", "text": text}).to_string();
        refused(chat, &[says("")], "empty", Some("text")).await;
        refused(chat, &[says(&"ä".repeat(4001))], "too_long", Some("text")).await;
        mallory.client.say(says(&"x".repeat(65536))).await;
        assert_eq!(mallory.client.closed().await.0, 1009);
    })
    .await;
}

/// No text breaks a line of the log or controls a terminal.
#[tokio::test]
async fn a11_control_characters_reach_clients_and_never_a_log() {
    survives(
        chat_app().env("RUST_LOG", "debug"),
        async |chat, mut mallory| {
            let evil = "\u{1b}]0;pwn\u{7}\u{1b}[2J\r\n2099-01-01 INFO forged\u{9b}";
            mallory
                .says("chat", json!({"text": evil, "id": evil}))
                .await;
            assert_eq!(mallory.hears("ack").await["id"], evil);
            assert_eq!(mallory.hears("chat").await["text"], evil);
            mallory
                .says("direct", json!({"to": "Mallory", "text": evil}))
                .await;
            assert_eq!(mallory.hears("direct").await["text"], evil);
            mallory.says("join", json!({"room": evil})).await;
            assert_eq!(mallory.refused().await["code"], "bad_name");
            let output = chat.output();
            let control = |c: char| c.is_control() && c != '\n';
            assert!(!output.contains(control), "{output:?}");
            assert!(
                !output.lines().any(|line| line.starts_with("2099")),
                "{output}"
            );
        },
    )
    .await;
}

#[tokio::test]
async fn a15_bytes_are_refused_with_1003() {
    survives(chat_app(), async |_, mut mallory| {
        mallory
            .client
            .say(Message::Binary(Bytes::from_static(b"{}")))
            .await;
        assert_eq!(mallory.client.closed().await, (1003, "text only".into()));
    })
    .await;
}

/// The fault says how long to wait, and after that the message is stored.
#[tokio::test]
async fn r08_at_half_the_rate_limit_a_message_is_dropped_and_can_be_sent_again() {
    survives(chat_app(), async |_, mut mallory| {
        let mut taken = 0;
        let error = loop {
            taken += 1;
            let (text, id) = (taken.to_string(), taken.to_string());
            mallory.says("chat", json!({"text": text, "id": id})).await;
            let answer = loop {
                let answer = mallory.hears_next().await;
                if answer["type"] == "ack" || answer["type"] == "error" {
                    break answer;
                }
            };
            if answer["type"] == "error" {
                break answer;
            }
        };
        assert!(
            taken > 15,
            "20 at once are fine, and one of them was to join"
        );
        assert_eq!(
            (&error["code"], &error["id"]),
            (&json!("rate_limited"), &json!(taken.to_string()))
        );
        let wait = error["retry_ms"].as_u64().unwrap();
        assert!((1..1000).contains(&wait), "{error}");
        tokio::time::sleep(Duration::from_millis(wait)).await;
        mallory
            .says("chat", json!({"text": "again", "id": taken.to_string()}))
            .await;
        assert_eq!(
            mallory.hears("ack").await["duplicate"],
            false,
            "it was not stored before"
        );
    })
    .await;
}

/// Pings in JSON are messages like any other.
#[tokio::test]
async fn r08_a19_a_thousand_messages_at_once_are_warned_about_then_closed() {
    survives(chat_app(), async |chat, _| {
        let mut raw = Raw::open(chat.addr, &format!("/?token={CANARY}&name=Flood")).await;
        raw.send(&frame(0x81, br#"{"type":"ping","id":"1"}"#).repeat(1000))
            .await;
        let mut codes = Vec::new();
        let end = loop {
            match raw.next_frame().await.expect("a Close frame") {
                (0x81, payload) => {
                    let message = heard(&String::from_utf8(payload).unwrap());
                    codes.push(message["code"].as_str().unwrap_or_default().to_owned());
                }
                (0x88, payload) => break payload,
                _ => {}
            }
        };
        assert_eq!(&end[2..], b"Rate limit exceeded");
        let limited = codes.iter().filter(|code| *code == "rate_limited").count();
        assert!((15..=25).contains(&limited), "{codes:?}");
    })
    .await;
}

/// The server closes the connection of a laptop that sleeps, and keeps its session for two
/// minutes. When the laptop wakes, it gets all messages.
#[tokio::test]
async fn l13_a_client_that_slept_misses_nothing() {
    let start = chat_app()
        .env("WEBSOCKET_PING_INTERVAL", "0.2")
        .env("WEBSOCKET_PING_TIMEOUT", "0.2");
    let chat = start.start().await;
    let mut ada = Guest::enter(&chat, "Ada").await;
    let epoch = ada.joins(json!({})).await["epoch"].clone();
    let mut laptop = Raw::open(chat.addr, &format!("/?token={CANARY}&name=Bob")).await;
    let (_, welcome) = laptop.next_frame().await.unwrap();
    let welcome = heard(&String::from_utf8(welcome).unwrap());
    laptop.frame(0x81, br#"{"type":"join"}"#).await;
    assert_eq!(ada.hears("user_joined").await["name"], "Bob");
    assert_eq!(ada.hears("user_left").await["name"], "Bob");
    ada.chats("while he slept").await;
    assert_eq!(
        laptop.closed().await,
        (1011, "keepalive ping timeout".into())
    );
    let session = welcome["session"].as_str().unwrap();
    let mut bob = Guest::with(&chat, &format!("token={CANARY}&session={session}")).await;
    assert_eq!(bob.welcome["resumed"], true);
    let joined = bob.joins(json!({"epoch": epoch, "since": "0"})).await;
    assert_eq!(
        (&joined["recovered"], &joined["missed"]),
        (&json!(true), &json!("1"))
    );
    bob.hears_text("while he slept").await;
}

/// Each reads from the log at its own pace: no client waits for another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l24_five_hundred_clients_that_resume_together_all_get_everything() {
    const CLIENTS: usize = 500;
    const MESSAGES: usize = 100;
    let start = chat_app()
        .env("WEBSOCKET_RATE_LIMIT", "off")
        .env("RUST_LOG", "info");
    let chat = start.start().await;
    let mut ada = Guest::enter(&chat, "Ada").await;
    let epoch = ada.joins(json!({})).await["epoch"].clone();
    for n in 0..MESSAGES {
        ada.chats(&n.to_string()).await;
    }
    let resume = (0..CLIENTS).map(async |_| {
        let mut guest = Guest::enter(&chat, "Guest").await;
        let joined = guest.joins(json!({"epoch": epoch, "since": "0"})).await;
        assert_eq!(
            (&joined["recovered"], &joined["missed"]),
            (&json!(true), &json!("100"))
        );
        for n in 0..MESSAGES {
            guest.hears_text(&n.to_string()).await;
        }
        guest
    });
    let guests = join_all(resume).await;
    ada.says("custom", json!({"action": "get_stats"})).await;
    assert_eq!(ada.hears("stats").await["clients"], CLIENTS + 1);
    drop(guests);
}

/// In real time: 5 s until a flush counts as stuck.
#[tokio::test]
async fn r11_r12_a_client_that_never_reads_is_closed_after_5_s_and_delays_no_other() {
    let mut chat = chat_app().env("WEBSOCKET_RATE_LIMIT", "off").start().await;
    let mut ada = Guest::join(&chat, "Ada").await;
    let mut bob = Guest::join(&chat, "Bob").await;
    let mut stuck = Raw::open(chat.addr, &format!("/?token={CANARY}&name=Stuck")).await;
    stuck.frame(0x81, br#"{"type":"join"}"#).await;
    assert_eq!(ada.hears("user_joined").await["name"], "Bob");
    assert_eq!(ada.hears("user_joined").await["name"], "Stuck");
    let start = std::time::Instant::now();
    let text = "\u{1}".repeat(3900);
    let mut said = 0;
    let flood = async {
        loop {
            said += 1;
            ada.says("chat", json!({"text": text, "id": said.to_string()}))
                .await;
            loop {
                let message = ada.hears_next().await;
                match message["type"].as_str() {
                    Some("ack") => break,
                    Some("user_left") => return message,
                    _ => {}
                }
            }
            bob.hears("chat").await;
        }
    };
    let left = soon("the stuck client to be closed", flood).await;
    assert_eq!(left["name"], "Stuck");
    assert!(
        (4..15).contains(&start.elapsed().as_secs()),
        "{:?}",
        start.elapsed()
    );
    chat.says("Too slow").await;
}

/// A reader that the log overtakes gets a gap that names its lost messages.
#[tokio::test]
async fn r14_a_reader_behind_the_log_gets_a_gap_and_stays() {
    let chat = chat_app().env("WEBSOCKET_RATE_LIMIT", "off").start().await;
    let mut ada = Guest::join(&chat, "Ada").await;
    let mut slow = Raw::open(chat.addr, &format!("/?token={CANARY}&name=Slow")).await;
    slow.frame(0x81, br#"{"type":"join"}"#).await;
    assert_eq!(ada.hears("user_joined").await["name"], "Slow");
    let text = "\u{1}".repeat(3900);
    for n in 1..=500 {
        ada.says("chat", json!({"text": text, "id": n.to_string()}))
            .await;
        ada.hears("ack").await;
    }
    ada.says("chat", json!({"text": "the end", "id": "end"}))
        .await;
    let mut next = 1;
    let mut gaps = 0;
    loop {
        let (_, payload) = soon("a frame", slow.next_frame()).await.unwrap();
        let Ok(message) = serde_json::from_slice::<serde_json::Value>(&payload) else {
            continue;
        };
        let number = |field: &str| message[field].as_str().unwrap().parse::<u64>().unwrap();
        match message["type"].as_str().unwrap() {
            "chat" => {
                assert_eq!(number("seq"), next);
                next += 1;
                if message["text"] == "the end" {
                    break;
                }
            }
            "gap" => {
                assert_eq!((number("from"), &message["room"]), (next, &json!("lobby")));
                next = number("to") + 1;
                gaps += 1;
            }
            _ => {}
        }
    }
    assert!(gaps > 0, "the buffers on the way are smaller than 11 MiB");
    slow.send(&frame(0x81, br#"{"type":"ping","id":"stays"}"#))
        .await;
    loop {
        let (_, payload) = slow.next_frame().await.unwrap();
        if payload.ends_with(b"}") && payload.windows(7).any(|part| part == br#""stays""#) {
            break;
        }
    }
}
