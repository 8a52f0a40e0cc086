//! The counter of the chapter Projects: each test is one line of its acceptance list.

use tokio_tungstenite::tungstenite::Message;

use crate::harness::{Client, Demo, Start};

const INCREMENT: &str = r#"{"type":"increment"}"#;
const DECREMENT: &str = r#"{"type":"decrement"}"#;

async fn counter() -> Demo {
    Start::example("counter", module_path!()).start().await
}

fn value(value: i64) -> String {
    format!(r#"{{"type":"counter","value":{value}}}"#)
}

/// Returns a client that has received the number.
async fn client(demo: &Demo, at: i64) -> Client {
    let mut client = Client::connect(demo.url()).await;
    assert_eq!(client.hear_text().await, value(at));
    client
}

#[tokio::test]
async fn a_change_is_sent_to_all_clients_with_its_sender() {
    let demo = counter().await;
    let (mut ada, mut bob) = (client(&demo, 0).await, client(&demo, 0).await);
    for (message, now) in [(INCREMENT, 1), (DECREMENT, 0), (DECREMENT, -1)] {
        ada.say(message).await;
        assert_eq!(ada.hear_text().await, value(now));
        assert_eq!(bob.hear_text().await, value(now));
    }
}

#[tokio::test]
async fn a_new_client_gets_the_current_number_and_nothing_older() {
    let demo = counter().await;
    let mut ada = client(&demo, 0).await;
    for now in 1..=3 {
        ada.say(INCREMENT).await;
        assert_eq!(ada.hear_text().await, value(now));
    }
    let mut late = client(&demo, 3).await;
    ada.say(INCREMENT).await;
    assert_eq!(late.hear_text().await, value(4));
}

/// The clients send at the same time, each within its rate limit.
#[tokio::test]
async fn concurrent_changes_are_all_counted_and_seen_in_one_order() {
    const EACH: i64 = 15;
    let demo = counter().await;
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(client(&demo, 0).await);
    }
    let tasks = clients.into_iter().map(|mut client| {
        tokio::spawn(async move {
            for _ in 0..EACH {
                client.say(INCREMENT).await;
            }
            for now in 1..=4 * EACH {
                assert_eq!(client.hear_text().await, value(now));
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    client(&demo, 4 * EACH).await;
}

#[tokio::test]
async fn an_unknown_message_is_answered_to_its_sender_only() {
    let demo = counter().await;
    let (mut ada, mut bob) = (client(&demo, 0).await, client(&demo, 0).await);
    let wrong = [
        "increment",
        "{}",
        "null",
        r#"["increment"]"#,
        r#"{"type":"Increment"}"#,
        r#"{"type":"increment "}"#,
        r#"{"type":1}"#,
        r#"{"type":"increment"}}"#,
    ];
    let texts = wrong.into_iter().map(Message::text);
    let binary = Message::binary(INCREMENT.as_bytes().to_vec());
    for message in texts.chain([binary]) {
        ada.say(message.clone()).await;
        let answer = ada.hear_text().await;
        assert!(
            answer.contains(r#""type":"error""#),
            "{message:?}: {answer}"
        );
    }
    // This is the first message that the other client receives: nothing came before it.
    ada.say(INCREMENT).await;
    assert_eq!(bob.hear_text().await, value(1));
    assert_eq!(ada.hear_text().await, value(1));
}

#[cfg(unix)]
#[tokio::test]
async fn ctrl_c_closes_every_connection_with_1001() {
    let mut demo = counter().await;
    let (mut ada, mut bob) = (client(&demo, 0).await, client(&demo, 0).await);
    demo.signal(rustix::process::Signal::INT);
    for client in [&mut ada, &mut bob] {
        assert_eq!(client.closed().await.0, 1001);
    }
    assert!(demo.ended().await.success());
}
