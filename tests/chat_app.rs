//! The chat: rooms, presence, private messages, and nothing lost in silence.

use crate::demo;
use crate::harness::{CANARY, Client, get};

#[tokio::test]
async fn says_its_address_and_serves_its_page() {
    let demo = demo!("chat_app")
        .env("WEBSOCKET_TOKEN", CANARY)
        .start()
        .await;
    assert!(get(demo.addr, "/").await.body.contains("<h1"));
    let mut ada = Client::connect(format!("{}?token={CANARY}&name=Ada", demo.url())).await;
    let mut bob = Client::connect(format!("{}?token={CANARY}&name=Bob", demo.url())).await;
    for text in [
        r#"{"type":"join"}"#,
        r#"{"type":"chat","text":"hello","id":"a"}"#,
    ] {
        ada.say(text).await;
        bob.say(text).await;
    }
    for _ in 0..6 {
        println!("{}", ada.hear_text().await);
    }
    for _ in 0..5 {
        println!("{}", bob.hear_text().await);
    }
}
