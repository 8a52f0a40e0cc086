//! A short handler with all its tests, for you to copy. Run: `cargo test -p demos --test shout`.
//!
//! There are two kinds of tests. Code that needs no network is a function. Its test calls the
//! function, without a runtime, a port or a wait. The behaviour of a connection needs a real
//! connection: its test starts a server on a free port, and a client.
//!
//! No test sleeps. A sleep is too short on a busy machine and too long on all others. A test
//! waits for the event itself, with a time limit.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::{future::Future, net::SocketAddr, time::Duration};

use tokio::{sync::oneshot, task::JoinHandle, time::timeout};
use zcomm_core::{
    ClientSocket, CloseReason, Config, Connection, End, Message, Result, Server, Trust,
};

/// Returns the answer to a text. This function needs no network.
fn shouted(text: &str) -> String {
    text.to_uppercase()
}

/// The handler: runs once for each client.
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

/// Starts a server. Port 0 means any free port: tests can run in parallel, even beside a lesson.
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

/// Waits for an event, at most 10 s. After that, panics with the name of the event.
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
fn a_text_becomes_capitals() {
    assert_eq!(shouted("hello"), "HELLO");
    assert_eq!(shouted("straße"), "STRASSE");
    assert_eq!(shouted(""), "");
}

#[tokio::test]
async fn a_client_gets_its_text_back_in_capitals() {
    let server = start().await;
    let mut client = connect(server.addr).await;
    assert_eq!(ask(&mut client, "hello").await, Some("HELLO".into()));
}

/// A test cannot wait for a message that must not arrive. So the other client asks, too. A wrong
/// message to the other client would arrive before its answer.
#[tokio::test]
async fn an_answer_goes_to_its_sender_only() {
    let server = start().await;
    let (mut one, mut other) = (connect(server.addr).await, connect(server.addr).await);
    assert_eq!(ask(&mut one, "secret").await, Some("SECRET".into()));
    assert_eq!(ask(&mut other, "mine").await, Some("MINE".into()));
}

/// Tests both sides of a rule. Checks only the close code: the reason is a text for people.
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

/// A server that stops sends each client a Close frame, and ends all its tasks.
#[tokio::test]
async fn a_server_that_stops_closes_with_1001() {
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
