//! The client of `demos/examples/callback_client.rs`, against the servers of the lessons.

use crate::demo;
use crate::harness::{CANARY, Client, Demo, Start};

fn callback_client(demo: &Demo) -> Start {
    let url = demo.url();
    Start::example("callback_client", module_path!()).arguments([url.as_str()])
}

#[tokio::test]
async fn hands_each_message_to_the_callback() {
    let demo = demo!("open_broadcast").start().await;
    let mut receiver = callback_client(&demo).connect().await;
    let mut sender = Client::connect(demo.url()).await;
    sender.say("one").await;
    sender.say("two").await;
    receiver.says(r#"received "client 2 says: two""#).await;
    let received: Vec<_> = receiver
        .output()
        .lines()
        .filter_map(|line| line.split("says: ").nth(1).map(str::to_owned))
        .collect();
    assert_eq!(received, ["one\"", "two\""]);
}

/// The second server is another process at the same port.
#[tokio::test]
async fn reconnects_when_the_server_is_back() {
    let mut first = demo!("open_broadcast").start().await;
    let mut receiver = callback_client(&first).connect().await;
    first.kill().await;
    receiver.says("disconnected: ").await;
    receiver.says("reconnecting in ").await;

    let port = first.addr.port().to_string();
    let second = demo!("open_broadcast").env("WEBSOCKET_PORT", port);
    let second = second.start().await;
    receiver.says_times("connected to ", 2).await;
    let mut sender = Client::connect(second.url()).await;
    sender.say("again").await;
    receiver.says("client 2 says: again").await;
}

#[tokio::test]
async fn does_not_reconnect_after_a_refusal() {
    for (refuse, reason) in [
        (
            "close",
            "error: not reconnecting: the other side closed with 1008",
        ),
        ("http", "HTTP 401"),
    ] {
        let demo = demo!("4_websocket_broadcast")
            .env("WEBSOCKET_TOKEN", CANARY)
            .env("WEBSOCKET_REFUSE", refuse)
            .start()
            .await;
        let (code, output) = callback_client(&demo).fails().await;
        assert_eq!(code, Some(1), "{output}");
        assert!(output.contains(reason), "{output}");
        assert!(!output.contains("reconnecting in "), "{output}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn ctrl_c_closes_the_connection_with_1000() {
    let mut demo = demo!("open_broadcast").start().await;
    let mut receiver = callback_client(&demo).connect().await;
    receiver.signal(rustix::process::Signal::INT);
    assert!(receiver.ended().await.success());
    demo.says("conn.closed by the client conn=1").await;
    demo.says(r#"code=1000 reason="Goodbye""#).await;
}

/// A learner may press Ctrl-C while no server runs.
#[cfg(unix)]
#[tokio::test]
async fn ctrl_c_ends_it_without_a_connection_too() {
    let mut demo = demo!("open_broadcast").start().await;
    let mut receiver = callback_client(&demo).connect().await;
    demo.kill().await;
    receiver.says("reconnecting in ").await;
    receiver.signal(rustix::process::Signal::INT);
    assert!(receiver.ended().await.success());
}
