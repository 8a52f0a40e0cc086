//! A stop waits for slow clients, within its time limit, and the log says what they did not get.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    net::{TcpSocket, TcpStream},
    time::{Instant, sleep},
};
use zcomm_core::Config;

use crate::{
    demo,
    harness::{Client, Duplex, Raw, Running, echo, handshake, identity, serve, speak_tls},
};

/// A TCP connection with a small receive buffer, which reads only when the test does.
async fn slow_tcp(server: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    socket.connect(server).await.unwrap()
}

/// A client of a server to which 900 messages of 1 KB are then broadcast.
async fn behind(server: &Running, tls: bool) -> Raw<Box<dyn Duplex>> {
    let stream = slow_tcp(server.addr).await;
    let stream: Box<dyn Duplex> = match tls {
        true => Box::new(speak_tls(stream, server.addr).await.unwrap()),
        false => Box::new(stream),
    };
    let mut raw = Raw { stream };
    raw.send(handshake(server.addr, "/", "").as_bytes()).await;
    assert_eq!(raw.head().await.status, 101);
    for _ in 0..900 {
        server.hub.broadcast("x".repeat(1000)).unwrap();
    }
    raw
}

/// The number of messages before the end, and whether a Close frame came.
async fn messages<S: Duplex>(client: &mut Raw<S>, pause: Duration) -> (usize, bool) {
    let mut count = 0;
    loop {
        match client.next_frame().await {
            Some((0x81, _)) => count += 1,
            Some((0x88, payload)) => {
                assert_eq!(payload, b"\x03\xe9Server shutting down");
                return (count, true);
            }
            Some(_) => {}
            None => return (count, false),
        }
        if count % 16 == 0 {
            sleep(pause).await;
        }
    }
}

/// To read all messages takes three of the five seconds.
#[tokio::test(start_paused = true)]
async fn a_client_that_reads_300_kb_a_second_gets_900_kb_before_the_close() {
    for tls in [false, true] {
        let config = Config {
            tls: tls.then(identity),
            ..Config::default()
        };
        let mut server = serve(config, echo).await;
        let mut client = behind(&server, tls).await;
        let read = messages(&mut client, Duration::from_millis(50));
        let (_, heard) = tokio::join!(server.stop(), read);
        assert_eq!(heard, (900, true), "TLS: {tls}");
    }
}

/// The client reads 64 KB a second, so the stop ends before it has read everything.
#[tokio::test(start_paused = true)]
async fn a_client_that_is_slower_gets_a_part_and_the_close() {
    for tls in [false, true] {
        let config = Config {
            tls: tls.then(identity),
            ..Config::default()
        };
        let mut server = serve(config, echo).await;
        let mut client = behind(&server, tls).await;
        let read = messages(&mut client, Duration::from_millis(250));
        let (_, (count, close)) = tokio::join!(server.stop(), read);
        assert!((200..600).contains(&count), "TLS: {tls}: {count}");
        assert!(close, "TLS: {tls}: {count}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_in_its_time_limit_whatever_the_clients_read() {
    for millis in [0, 100, 1000, 5000] {
        let stop_timeout = Duration::from_millis(millis);
        let config = Config {
            stop_timeout,
            ..Config::default()
        };
        let mut server = serve(config, echo).await;
        let _silent = Raw::open(server.addr, "/").await;
        let _stuck = behind(&server, false).await;
        let start = Instant::now();
        server.stop().await;
        let took = start.elapsed();
        assert!(took <= stop_timeout + Duration::from_millis(5), "{took:?}");
    }
}

/// Returns the number before ` messages not sent` in the log line of this connection.
#[cfg(unix)]
fn unsent(log: &str, conn: u32) -> (usize, &str) {
    let conn = format!(" conn={conn} ");
    let mut lines = log.lines();
    let line = lines.find(|line| line.contains("conn.closed") && line.contains(&conn));
    let line = line.unwrap_or_else(|| panic!("no end of{conn}in {log}"));
    let (before, after) = line.split_once(" messages not sent").unwrap_or((line, ""));
    assert!(after.starts_with(", because a stop takes at most 5s conn="));
    let (before, count) = before.rsplit_once(' ').unwrap();
    (count.parse().unwrap(), before)
}

/// In real time, therefore one test. One client reads slowly, the other reads only when the server
/// has ended.
#[cfg(unix)]
#[tokio::test]
async fn the_log_counts_what_was_not_sent_and_says_that_no_close_frame_was_sent() {
    let demo = demo!("open_broadcast").env("WEBSOCKET_RATE_LIMIT", "off");
    let mut demo = demo.start().await;
    let open = async || {
        let stream = slow_tcp(demo.addr).await;
        let mut raw = Raw { stream };
        raw.send(handshake(demo.addr, "/", "").as_bytes()).await;
        assert_eq!(raw.head().await.status, 101);
        raw
    };
    let (mut slow, mut stuck) = (open().await, open().await);
    let mut fast = Client::connect(demo.url()).await;
    let mut sender = Client::connect(demo.url()).await;
    for _ in 0..900 {
        sender.say("x".repeat(1000)).await;
        fast.hear_text().await;
    }
    demo.signal(rustix::process::Signal::TERM);
    let read = messages(&mut slow, Duration::from_millis(250));
    let ends = async {
        assert_eq!(fast.closed().await.0, 1001);
        assert_eq!(sender.closed().await.0, 1001);
    };
    let (_, (count, close), status) = tokio::join!(ends, read, demo.ended());
    assert_eq!(status.code(), Some(0));
    demo.says("stopped").await;
    let log = demo.output();
    let (lost, words) = unsent(&log, 1);
    assert_eq!((count + lost, close), (900, true), "{log}");
    assert!(words.ends_with(" WARN conn.closed by the server:"), "{log}");
    let (count, close) = messages(&mut stuck, Duration::ZERO).await;
    let (lost, words) = unsent(&log, 2);
    // A message of which a part arrived is not sent.
    assert_eq!((count + lost, close), (900, false), "{log}");
    let expected = "conn.closed by the server, but its Close frame was not sent: at least";
    assert!(words.ends_with(expected), "{log}");
}
