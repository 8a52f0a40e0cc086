//! Lesson 2: both directions.

use bytes::Bytes;
use tokio_tungstenite::tungstenite::Message;

use crate::demo;
use crate::harness::Client;

#[tokio::test]
async fn says_its_address_and_serves_its_page() {
    let demo = demo!("2_websocket_echo").start().await;
    assert!(demo.get("/").await.body.contains("Lesson 2"));
    assert!(demo.output().contains("clients/2_client_echo.html"));
}

#[tokio::test]
async fn sends_a_text_back_with_echo_before_it() {
    let demo = demo!("2_websocket_echo").start().await;
    let mut client = Client::connect(demo.url()).await;
    client.say("hello").await;
    assert_eq!(client.hear_text().await, "Echo: hello");
    client.say("").await;
    assert_eq!(client.hear_text().await, "Echo: ");
}

#[tokio::test]
async fn sends_bytes_back_unchanged() {
    let demo = demo!("2_websocket_echo").start().await;
    let mut client = Client::connect(demo.url()).await;
    let bytes = Bytes::from_static(&[0, 255, 0x81, b'E']);
    client.say(bytes.clone()).await;
    assert_eq!(client.hear().await, Message::Binary(bytes));
}

/// Conformance suites need an exact echo. Empty is a value; it does not mean "not set".
#[tokio::test]
async fn is_an_exact_mirror_with_an_empty_prefix() {
    let demo = demo!("2_websocket_echo")
        .env("ECHO_PREFIX", "")
        .start()
        .await;
    let mut client = Client::connect(demo.url()).await;
    client.say("hello").await;
    assert_eq!(client.hear_text().await, "hello");
}

/// The echo of the largest message is sent whole, with the prefix.
#[tokio::test]
async fn answers_the_largest_message() {
    let demo = demo!("2_websocket_echo").start().await;
    let mut client = Client::connect(demo.url()).await;
    let text = "x".repeat(65536);
    client.say(text.as_str()).await;
    assert_eq!(client.hear_text().await, format!("Echo: {text}"));
}

/// The text of a client is logged, but cannot control the terminal.
#[tokio::test]
async fn logs_what_a_client_says_escaped_and_cut() {
    let mut demo = demo!("2_websocket_echo").start().await;
    let mut client = Client::connect(demo.url()).await;
    client
        .say("\x1b]0;pwn\x07\r\n2026 INFO forged".to_owned() + &"x".repeat(100))
        .await;
    demo.says("client 1 said").await;
    let output = demo.output();
    assert!(!output.contains(['\x1b', '\x07', '\r']), "{output:?}");
    assert!(
        !output.contains("\n2026") && !output.contains(&"x".repeat(65)),
        "{output:?}"
    );
}
