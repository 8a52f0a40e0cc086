//! The limits and times of the recipes: how many clients, and which clock ends which side.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use zcomm_core::{
    ClientSocket, Config, ConnectError, ConnectOptions, Connection, End, Error, Result,
};

use super::recipes::{Ports, connect, echo_behind, hear, nginx, options};
use crate::harness::{serve, soon};

const RECIPES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/recipes");

/// Sends until the client no longer takes anything.
async fn flood(mut connection: Connection) -> Result<()> {
    loop {
        connection.send("x".repeat(60_000)).await?;
    }
}

/// `proxy_send_timeout`, which is shorter here, is about the way to the server.
#[tokio::test]
async fn a_client_that_takes_nothing_is_ended_by_send_timeout() {
    if nginx().is_none() {
        return;
    }
    let ports = Ports::new();
    let config = Config {
        allowed_hosts: ports.allowed(),
        ..Config::default()
    };
    let server = serve(config, flood).await;
    let changes = [
        ("proxy_send_timeout 60s", "proxy_send_timeout 1s"),
        (" send_timeout 60s", " send_timeout 3s"),
    ];
    let proxy = ports
        .open("nginx-stalled", server.addr.port(), &changes)
        .await;
    let mut stalled = TcpStream::connect(("127.0.0.1", proxy.plain))
        .await
        .unwrap();
    let ask = format!(
        "GET / HTTP/1.1\r\nHost: localhost:{}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        proxy.plain
    );
    stalled.write_all(ask.as_bytes()).await.unwrap();
    let mut status = [0; 12];
    stalled.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 101");
    let start = Instant::now();
    proxy.logs("client timed out").await;
    assert!(
        start.elapsed() > Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
}

/// A customer of IPv6 chooses from 2^64 addresses.
#[tokio::test]
async fn an_ipv6_client_counts_with_its_network() {
    if nginx().is_none() {
        return;
    }
    let told = "server {\n        set_real_ip_from 127.0.0.1; real_ip_header X-Test-Address;\n";
    let changes = [
        ("server {\n", told),
        ("limit_conn networks 1000;", "limit_conn networks 1;"),
    ];
    let (proxy, _server) = echo_behind("nginx-networks", Config::default(), &changes).await;
    let mut open = Vec::new();
    for (address, enters) in [
        ("2001:db8:a0a:a::1", true),
        ("2001:db8:a0a:a:ffff::a", false), // the same network
        ("2001:db8:a0a:b::1", true),
        ("192.0.2.10", true),
        ("192.0.2.11", true),
        ("192.0.2.10", false),
    ] {
        let client = ConnectOptions {
            headers: vec![("X-Test-Address".into(), address.into())],
            ..options(format!("ws://localhost:{}/", proxy.plain))
        };
        match soon("an answer", ClientSocket::connect_with(&client)).await {
            Ok(socket) if enters => open.push(socket),
            Err(Error::Connect(ConnectError::Http { status: 429, .. })) if !enters => {}
            other => panic!("{address}: {other:?}"),
        }
    }
}

/// nginx does not move a WebSocket to the new worker. The old worker waits for its end.
#[tokio::test]
async fn a_reload_of_the_proxy_keeps_a_connection() {
    if nginx().is_none() {
        return;
    }
    let (proxy, _server) = echo_behind("nginx-reload", Config::default(), &[]).await;
    let url = format!("ws://localhost:{}/", proxy.plain);
    let mut socket = connect(&options(url.clone())).await;
    proxy.signal(Signal::HUP);
    proxy.logs("gracefully shutting down").await;
    socket.send("still here").await.unwrap();
    assert_eq!(hear(&mut socket).await, "still here");
    connect(&options(url)).await;
}

#[tokio::test]
async fn an_old_worker_ends_its_connections_without_a_close_frame() {
    if nginx().is_none() {
        return;
    }
    let changes = [("worker_shutdown_timeout 1h", "worker_shutdown_timeout 1s")];
    let (proxy, _server) = echo_behind("nginx-old-worker", Config::default(), &changes).await;
    let mut socket = connect(&options(format!("ws://localhost:{}/", proxy.plain))).await;
    proxy.signal(Signal::HUP);
    assert_eq!(soon("the end", socket.recv()).await, None);
    assert!(
        matches!(socket.end(), Some(End::Broken(_))),
        "{:?}",
        socket.end()
    );
}

/// The numbers of a recipe, by their names.
fn numbers(file: &str) -> HashMap<String, u64> {
    let recipe = std::fs::read_to_string(format!("{RECIPES}/{file}")).unwrap();
    let words = recipe.split(|c: char| c.is_whitespace() || "={};".contains(c));
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let number = |word: &str| match word.strip_suffix('G') {
        Some(gib) => Some(gib.parse::<u64>().ok()? << 30),
        None => word.parse().ok(),
    };
    let pairs = words
        .windows(2)
        .filter_map(|pair| Some((pair[0].to_owned(), number(pair[1])?)));
    pairs.collect()
}

/// Half-received messages are the largest part of the memory of a connection.
#[test]
fn the_recipes_have_space_for_every_client_of_the_service() {
    let (service, proxy) = (numbers("zcomm-chat.service"), numbers("nginx.conf"));
    let clients = service["WEBSOCKET_MAX_CONNECTIONS"];
    assert!(service["LimitNOFILE"] >= clients + 100);
    assert!(proxy["worker_connections"] >= 2 * clients);
    assert!(proxy["worker_rlimit_nofile"] > proxy["worker_connections"]);
    let half_messages = clients * Config::default().max_message_bytes as u64;
    assert!(service["MemoryMax"] >= 2 * half_messages);
}
