//! No secret in any output.
//!
//! The harness checks every demo that any test starts: neither the course's token nor
//! [`CANARY`] may stand in what it printed. Here everything is done that could make a
//! server talk about a token, with the most talkative log there is.

use serde_json::json;

use crate::chat::client::{Guest, chat_app};
use crate::demo;
use crate::harness::{CANARY, Client, Raw, ask, get, handshake};

/// A session is worth as much as a token: who shows it is the person.
#[tokio::test]
async fn a_session_is_in_no_log_and_nobody_else_hears_it() {
    let chat = chat_app().env("RUST_LOG", "trace").start().await;
    let mut ada = Guest::join(&chat, "Ada").await;
    let session = ada.welcome["session"].as_str().unwrap().to_owned();
    let secret = session.rsplit('.').next().unwrap();
    let mut bob = Guest::join(&chat, "Bob").await;
    bob.says("direct", json!({"to": "Ada", "text": "hello"}))
        .await;
    let mut back = ada.back(&chat, "direct=0").await;
    back.says("broadcast", json!({"text": "back", "id": "1"}))
        .await;
    back.hears("ack").await;
    ada.client.closed().await;
    let heard = bob.hears("broadcast").await.to_string();
    let stats = get(chat.addr, "/stats").await.body;
    for text in [chat.output(), heard, stats] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test]
async fn t18_t19_the_token_is_in_no_log_and_no_answer_even_at_trace() {
    for refuse in ["close", "http"] {
        let mut demo = demo!("4_websocket_broadcast")
            .env("WEBSOCKET_TOKEN", CANARY)
            .env("WEBSOCKET_REFUSE", refuse)
            .env("RUST_LOG", "trace")
            .env("RUST_BACKTRACE", "1")
            .start()
            .await;
        let addr = demo.addr;
        let good = format!("/?attempt=0123456789abcdef&token={CANARY}");
        let mut client = Client::connect(format!("ws://{addr}{good}")).await;
        client.say("hello").await;
        let mut answers = Vec::new();
        for request in [
            handshake(addr, &good, "Origin: https://evil.example\r\n"),
            handshake(addr, &good, &format!("Authorization: Bearer {CANARY}x\r\n")),
            handshake(addr, &good, &format!("Authorization: Bearer {CANARY}\r\n"))
                .replace("Version: 13", "Version: 8"),
            handshake(addr, &format!("/nowhere?token={CANARY}"), ""),
            handshake(addr, &format!("/?token={CANARY}x"), "").replace("GET", "POST"),
            format!("GET {good} HTTP/1.1\r\nHost: a b\r\n\r\n"),
            format!("GET {good}"),
        ] {
            let mut raw = Raw::connect(addr).await;
            raw.send(request.as_bytes()).await;
            raw.hang_up().await;
            answers.push(String::from_utf8_lossy(&raw.rest().await).into_owned());
        }
        for page in [&good, "/stats", "/healthz", "/why?attempt=0123456789abcdef"] {
            answers.push(get(addr, page).await.body);
        }
        answers.push(
            ask(
                addr,
                &format!("BREW {good} HTTP/1.1\r\nHost: {addr}\r\n\r\n"),
            )
            .await
            .head,
        );
        for answer in &answers {
            assert!(!answer.contains(CANARY), "{answer}");
        }
        client.leave().await;
        demo.says("conn.closed").await;
        // Dropping the demo looks through its output.
    }
}
