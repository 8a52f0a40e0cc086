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

/// That the sender does not hear itself is shown by what it hears first: the other's words.
#[tokio::test]
async fn what_one_says_all_others_hear_and_the_sender_does_not() {
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
async fn whoever_is_alone_reaches_nobody_and_that_is_fine() {
    let mut demo = demo!("open_broadcast").start().await;
    let mut client = Client::connect(demo.url()).await;
    client.say("hello?").await;
    demo.says("reached=0").await;
}

/// One client leaving must not take the others along: a Close frame is never passed on.
#[tokio::test]
async fn one_client_leaving_is_nobody_elses_end() {
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

/// A storm: everyone speaks, and each hears everyone else in that one's order.
#[tokio::test]
async fn sixteen_clients_that_all_speak_all_hear_each_other_in_order() {
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
