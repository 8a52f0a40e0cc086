//! Large messages on a slow network, and what a client sees of its own pings.

use std::time::Duration;

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    time::{pause, sleep},
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use zcomm_core::{ClientSocket, ConnectOptions, Received, Step, Trust};

const MIB: usize = 1024 * 1024;

/// A client and the TCP connection of its server, after the handshake.
async fn opened(more: impl FnOnce(&mut ConnectOptions)) -> (ClientSocket, BufReader<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let mut options = ConnectOptions::new(url, &Trust::platform(&[]).unwrap());
    more(&mut options);
    let server = async {
        let mut stream = BufReader::new(listener.accept().await.unwrap().0);
        let mut key = None;
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            stream.read_line(&mut line).await.unwrap();
            if let Some(value) = line.strip_prefix("Sec-WebSocket-Key: ") {
                key = Some(derive_accept_key(value.trim().as_bytes()));
            }
        }
        let accept = key.unwrap();
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    };
    let (client, server) = tokio::join!(ClientSocket::connect_with(&options), server);
    (client.unwrap(), server)
}

/// The server reads every 4 s. Less than 64 KiB in 5 s would end the connection.
#[tokio::test]
async fn a_large_message_on_a_slow_network_is_sent() {
    let (mut client, server) = opened(|_| {}).await;
    pause();
    let size = 32 * MIB;
    let reading = tokio::spawn(async move {
        let mut read = 0;
        let mut part = vec![0; MIB];
        while read < size {
            server.get_ref().readable().await.unwrap();
            sleep(Duration::from_secs(4)).await;
            while let Ok(some @ 1..) = server.get_ref().try_read(&mut part) {
                read += some;
            }
        }
        server
    });
    client.send("x".repeat(size)).await.unwrap();
    reading.await.unwrap();
}

#[tokio::test]
async fn a_server_that_accepts_no_byte_ends_the_connection() {
    let (mut client, server) = opened(|_| {}).await;
    pause();
    client.send("x".repeat(32 * MIB)).await.unwrap_err();
    let end = client.end().unwrap().to_string();
    assert!(end.contains("the server accepts no data"), "{end}");
    drop(server);
}

/// The bytes of a message that is not complete are a sign of life. A server that sends nothing
/// has none.
#[tokio::test]
async fn a_message_that_still_arrives_is_a_sign_of_life() {
    let seconds = Duration::from_secs;
    let (mut client, mut server) = opened(|options| {
        options.ping_interval = Some(seconds(20));
        options.ping_timeout = seconds(10);
    })
    .await;
    pause();
    let sending = tokio::spawn(async move {
        // A text of 100 bytes, in small parts, for a minute and a half.
        server.write_all(&[0x81, 100]).await.unwrap();
        for _ in 0..10 {
            sleep(seconds(9)).await;
            server.write_all(&[b'x'; 10]).await.unwrap();
        }
        server
    });
    let first = client.step().await;
    assert_eq!(
        first,
        Some(Step::Received(Received::Message("x".repeat(100).into())))
    );
    let silent = sending.await.unwrap();
    assert_eq!(client.step().await, Some(Step::Pinged));
    assert_eq!(client.step().await, None);
    let end = client.end().unwrap().to_string();
    assert!(end.contains("does not answer pings"), "{end}");
    drop(silent);
}
