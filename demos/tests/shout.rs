//! A handler and its tests, whole and short, to be copied: `cargo test -p demos --test shout`.
//!
//! Two kinds. What can be said without a network is a function, and is tested as one: no
//! runtime, no port, no waiting. What is about a connection is tested with one: a real
//! server on a port that the system chooses, and a real client.
//!
//! None of them sleeps. A sleep is too short on a busy machine and too long on all others;
//! to know that something has happened, wait for it, and at most so long.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::{future::Future, net::SocketAddr, time::Duration};

use tokio::{sync::oneshot, task::JoinHandle, time::timeout};
use zcomm_core::{
    ClientSocket, CloseReason, Config, Connection, End, Message, Result, Server, Trust,
};

/// The part without a network.
fn shouted(text: &str) -> String {
    text.to_uppercase()
}

/// The handler: called once for each client.
async fn shout(mut connection: Connection) -> Result<()> {
    while let Some(message) = connection.recv().await {
        let Message::Text(text) = message else {
            connection.close(CloseReason::UNSUPPORTED, "text only");
            break;
        };
        connection.send(shouted(&text)).await?;
    }
    Ok(())
}

/// A server for one test.
struct Running {
    addr: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<()>>,
}

/// Port 0 is any that is free, so tests run side by side, and beside a lesson.
async fn start() -> Running {
    let config = Config {
        port: 0,
        ..Config::default()
    };
    let server = Server::bind(config).await.unwrap();
    let addr = server.local_addr();
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(server.run(shout, async { drop(stopped.await) }));
    Running { addr, stop, task }
}

/// Every wait has an end, and says what it waited for.
async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    match timeout(Duration::from_secs(10), future).await {
        Ok(output) => output,
        Err(_) => panic!("waited 10 s for {what}"),
    }
}

async fn connect(addr: SocketAddr) -> ClientSocket {
    let trust = Trust::platform(&[]).unwrap();
    let url = format!("ws://{addr}/");
    soon("a connection", ClientSocket::connect(&url, &trust))
        .await
        .unwrap()
}

async fn ask(client: &mut ClientSocket, text: &str) -> Option<Message> {
    client.send(text).await.unwrap();
    soon("an answer", client.recv()).await
}

#[test]
fn a_word_becomes_louder() {
    assert_eq!(shouted("hello"), "HELLO");
    assert_eq!(shouted("straße"), "STRASSE");
    assert_eq!(shouted(""), "");
}

#[tokio::test]
async fn a_client_hears_its_own_words_louder() {
    let server = start().await;
    let mut client = connect(server.addr).await;
    assert_eq!(ask(&mut client, "hello").await, Some("HELLO".into()));
}

/// That nothing came cannot be waited for. So the other one asks, too: had it got what was
/// not for it, that would have come first.
#[tokio::test]
async fn nobody_hears_what_another_said() {
    let server = start().await;
    let (mut one, mut other) = (connect(server.addr).await, connect(server.addr).await);
    assert_eq!(ask(&mut one, "secret").await, Some("SECRET".into()));
    assert_eq!(ask(&mut other, "mine").await, Some("MINE".into()));
}

/// A limit is tested from both sides, and by its code: a reason is for people.
#[tokio::test]
async fn bytes_are_refused_and_text_is_not() {
    let server = start().await;
    let mut client = connect(server.addr).await;
    assert_eq!(ask(&mut client, "text").await, Some("TEXT".into()));
    client
        .send(Message::Binary(vec![1, 2, 3].into()))
        .await
        .unwrap();
    assert_eq!(soon("the end", client.recv()).await, None);
    let Some(End::ByPeer(why)) = client.end() else {
        panic!("{:?}", client.end());
    };
    assert_eq!(why.code(), CloseReason::UNSUPPORTED);
}

/// Whoever stops says goodbye, and then has stopped: no task is left behind.
#[tokio::test]
async fn a_server_that_stops_says_goodbye() {
    let server = start().await;
    let mut client = connect(server.addr).await;
    server.stop.send(()).unwrap();
    assert_eq!(soon("the end", client.recv()).await, None);
    let Some(End::ByPeer(why)) = client.end() else {
        panic!("{:?}", client.end());
    };
    assert_eq!(why.code(), CloseReason::GOING_AWAY);
    soon("the server to stop", server.task)
        .await
        .unwrap()
        .unwrap();
}
