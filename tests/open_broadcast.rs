//! One to many.

use bytes::Bytes;

use crate::demo;
use crate::harness::Client;

#[tokio::test]
async fn says_its_address_and_serves_its_page() {
    let demo = demo!("open_broadcast").start().await;
    assert!(demo.get("/").await.body.contains("<h1"));
    assert!(demo.output().contains("clients/4_client_broadcast.html"));
}

/// The first message that the sender receives is the reply: so its own was not sent back.
#[tokio::test]
async fn sends_a_message_to_all_clients_but_its_sender() {
    let mut demo = demo!("open_broadcast").start().await;
    let mut first = Client::connect(demo.url()).await;
    let mut second = Client::connect(demo.url()).await;
    let mut third = Client::connect(demo.url()).await;
    first.say("hello").await;
    assert_eq!(second.hear_text().await, "client 1 says: hello");
    assert_eq!(third.hear_text().await, "client 1 says: hello");
    demo.says("reached=2").await;
    second.say("hi").await;
    assert_eq!(first.hear_text().await, "client 2 says: hi");
    assert_eq!(third.hear_text().await, "client 2 says: hi");
}

#[tokio::test]
async fn a_single_client_reaches_no_other() {
    let mut demo = demo!("open_broadcast").start().await;
    let mut client = Client::connect(demo.url()).await;
    client.say("hello?").await;
    demo.says("reached=0").await;
}

/// A Close frame ends its own connection only: it is never passed on.
#[tokio::test]
async fn the_others_stay_connected_when_one_client_leaves() {
    let mut demo = demo!("open_broadcast").start().await;
    let mut first = Client::connect(demo.url()).await;
    let second = Client::connect(demo.url()).await;
    let mut third = Client::connect(demo.url()).await;
    second.leave().await;
    demo.says("conn=2").await;
    first.say("still here").await;
    assert_eq!(third.hear_text().await, "client 1 says: still here");
}

#[tokio::test]
async fn a15_bytes_are_refused_with_1003() {
    let demo = demo!("open_broadcast").start().await;
    let mut client = Client::connect(demo.url()).await;
    client.say(Bytes::from_static(b"\0")).await;
    assert_eq!(client.closed().await, (1003, "text only".into()));
}

/// A storm: every client sends, and receives the messages of each other client in order.
#[tokio::test]
async fn sixteen_clients_receive_each_others_messages_in_order() {
    const CLIENTS: usize = 16;
    const TEXTS: usize = 30;
    let demo = demo!("open_broadcast").start().await;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(Client::connect(demo.url()).await);
    }
    let talks = clients.into_iter().map(async |mut client| {
        for n in 0..TEXTS {
            client.say(n.to_string()).await;
        }
        let mut next = std::collections::HashMap::<String, usize>::new();
        for _ in 0..(CLIENTS - 1) * TEXTS {
            let text = client.hear_text().await;
            let (who, n) = text.split_once(" says: ").unwrap();
            let next = next.entry(who.to_owned()).or_default();
            assert_eq!(n.parse(), Ok(*next), "{who}");
            *next += 1;
        }
    });
    futures_util::future::join_all(talks).await;
}
