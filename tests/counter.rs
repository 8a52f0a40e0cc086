//! The project of part 13, held to its acceptance list: each test is one line of it.

use tokio_tungstenite::tungstenite::Message;

use crate::harness::{Client, Demo, Start};

const INCREMENT: &str = r#"{"type":"increment"}"#;
const DECREMENT: &str = r#"{"type":"decrement"}"#;

/// Cargo names the folder of a package's programs to its tests, but not its examples.
async fn counter() -> Demo {
    let beside = std::path::Path::new(env!("CARGO_BIN_EXE_1_websocket_server"));
    let name = format!("counter{}", std::env::consts::EXE_SUFFIX);
    let program = beside.with_file_name("examples").join(name);
    assert!(
        program.exists(),
        "build it: cargo build -p demos --example counter"
    );
    let path = program.display().to_string().leak();
    Start::new(path, module_path!()).start().await
}

fn value(value: i64) -> String {
    format!(r#"{{"type":"counter","value":{value}}}"#)
}

/// A client that has heard what the number is.
async fn client(demo: &Demo, at: i64) -> Client {
    let mut client = Client::connect(demo.url()).await;
    assert_eq!(client.hear_text().await, value(at));
    client
}

#[tokio::test]
async fn a_change_is_told_to_everybody_also_to_who_made_it() {
    let demo = counter().await;
    let (mut ada, mut bob) = (client(&demo, 0).await, client(&demo, 0).await);
    for (message, now) in [(INCREMENT, 1), (DECREMENT, 0), (DECREMENT, -1)] {
        ada.say(message).await;
        assert_eq!(ada.hear_text().await, value(now));
        assert_eq!(bob.hear_text().await, value(now));
    }
}

#[tokio::test]
async fn a_late_joiner_is_told_the_number_at_once_and_nothing_older() {
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

/// Each of them sends without waiting for the others, within the limit of a client.
#[tokio::test]
async fn changes_at_one_time_are_all_counted_and_seen_in_one_order() {
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
async fn what_it_does_not_know_is_told_to_its_sender_alone_and_changes_nothing() {
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
    // The first thing that the other hears: there was nothing before it.
    ada.say(INCREMENT).await;
    assert_eq!(bob.hear_text().await, value(1));
    assert_eq!(ada.hear_text().await, value(1));
}

#[cfg(unix)]
#[tokio::test]
async fn ctrl_c_says_goodbye_to_everybody() {
    let mut demo = counter().await;
    let (mut ada, mut bob) = (client(&demo, 0).await, client(&demo, 0).await);
    demo.signal(rustix::process::Signal::INT);
    for client in [&mut ada, &mut bob] {
        assert_eq!(client.closed().await.0, 1001);
    }
    assert!(demo.ended().await.success());
}
