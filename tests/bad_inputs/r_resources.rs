//! R: resources. What a server has a limited amount of, and how much a client may take.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{Instant, sleep},
};
use zcomm_core::{Config, Connection, Message, Result};

use super::{survives, survives_with};
use crate::{
    demo,
    harness::{
        Client, Duplex, Raw, Running, ask, echo, frame, get, handshake, identity, serve, soon,
        speak_tls,
    },
};

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;

/// A handshake from this address of the loopback network.
async fn from(address: [u8; 4], server: SocketAddr) -> (Raw, u16) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((address, 0).into()).unwrap();
    let stream = socket.connect(server).await.unwrap();
    let mut raw = Raw { stream };
    raw.send(handshake(server, "/", "").as_bytes()).await;
    let status = raw.head().await.status;
    (raw, status)
}

/// Connects as soon as there is a place.
async fn room(server: &Running) -> Client {
    loop {
        if let Ok(client) = Client::try_connect(server.url()).await {
            return client;
        }
    }
}

#[tokio::test]
async fn r01_the_connection_after_the_last_place_is_503_until_one_is_free() {
    let config = Config {
        max_connections: 2,
        ..Config::default()
    };
    survives(config, async |server| {
        let second = Client::connect(server.url()).await;
        let response = ask(server.addr, &handshake(server.addr, "/", "")).await;
        assert_eq!(response.status, 503);
        assert!(response.header("retry-after").is_some());
        second.leave().await;
        soon("the place of the second", room(server)).await;
    })
    .await;
}

#[tokio::test]
async fn r02_one_address_too_often_is_429_and_another_address_is_admitted() {
    let config = Config {
        max_connections_per_ip: Some(2),
        ..Config::default()
    };
    survives(config, async |server| {
        let (_second, status) = from([127, 0, 0, 1], server.addr).await;
        assert_eq!(status, 101);
        let response = ask(server.addr, &handshake(server.addr, "/", "")).await;
        assert_eq!(response.status, 429);
        assert!(response.header("retry-after").is_some());
        // Only Linux gives this machine more than one loopback address.
        #[cfg(target_os = "linux")]
        assert_eq!(from([127, 0, 0, 2], server.addr).await.1, 101);
    })
    .await;
}

/// Refused connections of one address take no places from others, with or without a request.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn r02_one_address_cannot_take_all_the_places() {
    let config = Config {
        max_connections: 10,
        max_connections_per_ip: Some(2),
        ..Config::default()
    };
    survives(config, async |server| {
        let mut silent = Vec::new();
        for _ in 0..60 {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind(([127, 0, 0, 2], 0).into()).unwrap();
            silent.push(socket.connect(server.addr).await.unwrap());
        }
        Client::connect(server.url()).await.leave().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn r03_a_client_without_a_request_keeps_its_place_for_5_s() {
    let config = Config {
        max_connections: 20,
        ..Config::default()
    };
    survives(config, async |server| {
        let mut silent = Vec::new();
        for _ in 0..19 {
            silent.push(Raw::connect(server.addr).await);
        }
        assert!(Client::try_connect(server.url()).await.is_err());
        sleep(Duration::from_secs(5)).await;
        for mut raw in silent {
            assert_eq!(raw.rest().await, b"");
        }
        Client::connect(server.url()).await.leave().await;
    })
    .await;
}

/// `accept` of a connection that has been reset already fails, or the first use of it.
#[tokio::test]
async fn r06_connections_that_are_reset_before_they_are_served_do_no_harm() {
    survives(Config::default(), async |server| {
        for _ in 0..200 {
            let stream = TcpStream::connect(server.addr).await.unwrap();
            stream.set_zero_linger().unwrap();
        }
        Client::connect(server.url()).await.leave().await;
    })
    .await;
}

/// Every connection is a file descriptor; see `ulimit -n`.
#[cfg(unix)]
#[tokio::test]
async fn r05_out_of_descriptors_it_keeps_serving_and_recovers_by_itself() {
    let mut demo = demo!("2_websocket_echo")
        .shell(r#"ulimit -n 40; exec "$0""#)
        .start()
        .await;
    let start = std::time::Instant::now();
    let mut inside = Client::connect(demo.url()).await;
    let mut silent = Vec::new();
    for _ in 0..60 {
        silent.push(Raw::connect(demo.addr).await);
    }
    let complaints = |demo: &crate::harness::Demo| demo.output().matches("accept.error").count();
    demo.says("accept.error").await;
    // Connected clients are served; each may send 20 messages a second.
    let mut turns = tokio::time::interval(Duration::from_millis(60));
    while complaints(&demo) < 2 {
        inside.say("still there?").await;
        assert_eq!(inside.hear_text().await, "Echo: still there?");
        turns.tick().await;
        assert!(start.elapsed() < Duration::from_secs(10));
    }
    drop(silent);
    assert_eq!(get(demo.addr, "/healthz").await.status, 200);
    let (complaints, seconds) = (complaints(&demo), start.elapsed().as_secs());
    assert!(
        complaints as u64 <= seconds + 1,
        "{complaints} in {seconds} s"
    );
}

/// With 9 descriptors, the server cannot listen. With 10, it has none left for a client.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn r05_without_a_descriptor_for_a_client_a_server_stops_and_names_the_limit() {
    for limit in [r#"ulimit -n 9; exec "$0""#, r#"ulimit -n 10; exec "$0""#] {
        let (code, said) = demo!("2_websocket_echo").shell(limit).fails().await;
        assert_eq!(code, Some(1), "{limit}: {said}");
        let help = said.lines().find(|line| line.starts_with("help: "));
        assert!(help.unwrap().contains("ulimit -n"), "{limit}: {said}");
        assert!(!said.contains("listening on"), "{limit}: {said}");
        assert!(!said.contains("WEBSOCKET_HOST"), "{limit}: {said}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn r07_a_low_hard_limit_of_descriptors_lowers_max_connections_with_a_warning() {
    let demo = demo!("2_websocket_echo")
        .shell(r#"ulimit -n 384; exec "$0""#)
        .start()
        .await;
    let stats = get(demo.addr, "/stats").await.body;
    assert!(stats.contains(r#""max_connections":249"#), "{stats}");
    let said = demo.output();
    let warning = said.lines().find(|line| line.contains("ulimit -n"));
    let warning = warning.expect("a warning");
    assert!(warning.contains("WARN") && warning.contains("WEBSOCKET_MAX_CONNECTIONS=1000"));
    assert!(
        warning.contains("at most 249 connections, and at most 35 wrong tokens wait"),
        "{warning}"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn r07_a_low_soft_limit_of_descriptors_is_raised_without_a_warning() {
    let demo = demo!("2_websocket_echo")
        .shell(r#"ulimit -n 2000; ulimit -S -n 256; exec "$0""#)
        .start()
        .await;
    let stats = get(demo.addr, "/stats").await.body;
    assert!(stats.contains(r#""max_connections":1000"#), "{stats}");
    assert!(!demo.output().contains("WARN"), "{}", demo.output());
}

#[tokio::test(start_paused = true)]
async fn r08_the_forty_first_message_at_once_is_closed_with_1008() {
    survives(Config::default(), async |server| {
        let mut raw = Raw::open(server.addr, "/").await;
        raw.send(&frame(TEXT, b"hello").repeat(1000)).await;
        for _ in 0..40 {
            let answer = raw.next_frame().await.unwrap();
            assert_eq!(
                answer,
                (TEXT, b"hello".to_vec()),
                "the allowed are answered"
            );
        }
        let end = raw.closed().await;
        assert_eq!(end, (1008, "Rate limit exceeded".into()));
        // Twenty a second are allowed for ever.
        let mut lively = Raw::open(server.addr, "/").await;
        for _ in 0..100 {
            sleep(Duration::from_millis(50)).await;
            lively.frame(TEXT, b"hello").await;
            assert_eq!(lively.next_frame().await.unwrap().1, b"hello");
        }
    })
    .await;
}

/// Answers texts only.
async fn echo_texts(mut connection: Connection) -> Result<()> {
    while let Some(message) = connection.recv().await {
        if let Message::Text(_) = message {
            connection.send(message).await?;
        }
    }
    Ok(())
}

/// The server reads and drops what such a client has sent already. Otherwise the system of the
/// server would reset the connection, and the client might not get the Close frame.
#[tokio::test]
async fn r09_a_client_that_sends_16_mb_before_it_reads_gets_its_close_frame() {
    for tls in [false, true] {
        let config = Config {
            tls: tls.then(identity),
            ..Config::default()
        };
        survives_with(config, echo_texts, async |server| {
            let mut raw = reader(server, tls).await;
            let part = frame(BINARY, &[0; 60 * 1024]).repeat(17);
            for _ in 0..16 {
                raw.stream.write_all(&part).await.unwrap();
            }
            let end = raw.closed().await;
            assert_eq!(end, (1008, "Rate limit exceeded".into()));
        })
        .await;
    }
}

/// But a client that never stops is cut off after a second.
#[tokio::test]
async fn r09_a_client_that_sends_for_ever_is_cut_off() {
    survives_with(Config::default(), echo_texts, async |server| {
        let mut raw = Raw::open(server.addr, "/").await;
        let part = frame(BINARY, &[0; 60 * 1024]).repeat(17);
        let sends = async { while raw.stream.write_all(&part).await.is_ok() {} };
        let start = std::time::Instant::now();
        soon("the server to hang up", sends).await;
        assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
    })
    .await;
}

#[tokio::test]
async fn r09_large_messages_without_pause_overdraw_the_byte_budget() {
    survives(Config::default(), async |server| {
        let mut raw = Raw::open(server.addr, "/").await;
        raw.send(&frame(BINARY, &[0; 60 * 1024]).repeat(5)).await;
        for _ in 0..4 {
            assert_eq!(raw.next_frame().await.unwrap().1.len(), 60 * 1024);
        }
        let end = raw.closed().await;
        assert_eq!(end, (1008, "Rate limit exceeded".into()));
    })
    .await;
}

/// Messages within the limit pass, however small the limit is.
#[tokio::test]
async fn r09_a_small_message_limit_leaves_bytes_for_the_frames_around_it() {
    let config = Config {
        max_message_bytes: 12,
        ..Config::default()
    };
    survives(config, async |server| {
        let mut raw = Raw::open(server.addr, "/").await;
        for _ in 0..40 {
            raw.frame(TEXT, b"hello").await;
            assert_eq!(raw.next_frame().await.unwrap().1, b"hello");
        }
    })
    .await;
}

/// A client with a small receive buffer, which reads only when the test does.
async fn slow_reader(server: SocketAddr) -> Raw {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    let stream = socket.connect(server).await.unwrap();
    let mut raw = Raw { stream };
    raw.send(handshake(server, "/", "").as_bytes()).await;
    assert_eq!(raw.head().await.status, 101);
    raw
}

/// For `stream N`, sends N messages of 64 KiB before it reads again.
async fn streams(mut connection: Connection) -> Result<()> {
    while let Some(message) = connection.recv().await {
        let count = match &message {
            Message::Text(text) => text.strip_prefix("stream "),
            Message::Binary(_) => None,
        };
        let Some(count) = count else {
            connection.send(message).await?;
            continue;
        };
        for _ in 0..count.parse::<u32>().unwrap() {
            connection.send("x".repeat(64 * 1024)).await?;
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn r12_a_client_that_stops_reading_is_closed_with_1008_after_5_s() {
    survives_with(Config::default(), streams, async |server| {
        let mut slow = slow_reader(server.addr).await;
        slow.frame(TEXT, b"stream 1000").await;
        let start = Instant::now();
        while server.clients.count() > 1 {
            sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(start.elapsed().as_secs(), 5);
        // It has two seconds to read again, and then gets the reason.
        assert_eq!(slow.closed().await, (1008, "Too slow".into()));
    })
    .await;
}

/// Here the codec's buffer is never full: the flush of a single message finds that the network is.
#[tokio::test(start_paused = true)]
async fn r12_one_message_that_the_network_does_not_take_starts_the_5_s() {
    let config = Config {
        ping_interval: Duration::from_secs(1_000_000),
        ..Config::default()
    };
    let server = serve(config, echo).await;
    let mut slow = slow_reader(server.addr).await;
    let mut last = Instant::now();
    // The buffers of the system have space for some of these messages, but not for 16 MiB.
    for _ in 0..1024 {
        if server.clients.count() == 0 {
            break;
        }
        last = Instant::now();
        server.hub.broadcast("x".repeat(16 * 1024)).unwrap();
        while server.clients.count() > 0 && last.elapsed() < Duration::from_secs(6) {
            sleep(Duration::from_millis(100)).await;
        }
    }
    assert_eq!(server.clients.count(), 0);
    assert_eq!(last.elapsed().as_secs(), 5);
    assert_eq!(slow.closed().await, (1008, "Too slow".into()));
}

/// A client that was blocked and has read everything has no deadline.
#[tokio::test(start_paused = true)]
async fn r12_a_client_that_has_caught_up_is_not_too_slow_later() {
    let server = serve(Config::default(), streams).await;
    let mut slow = slow_reader(server.addr).await;
    slow.frame(TEXT, b"stream 200").await;
    sleep(Duration::from_secs(2)).await;
    let mut all = vec![0; 200 * (64 * 1024 + 10)];
    let read = slow.stream.read_exact(&mut all);
    soon("the answer", read).await.unwrap();
    sleep(Duration::from_secs(10)).await;
    slow.frame(TEXT, b"still there?").await;
    let answer = slow.next_frame().await;
    assert_eq!(answer, Some((TEXT, b"still there?".to_vec())));
}

/// The ping waits behind data, so a late pong proves nothing while the client reads.
#[tokio::test(start_paused = true)]
async fn r13_a_late_pong_behind_a_long_broadcast_is_awaited() {
    let server = serve(Config::default(), echo).await;
    let mut slow = slow_reader(server.addr).await;
    let part = || "x".repeat(60 * 1024);
    for _ in 0..60 {
        server.hub.broadcast(part()).unwrap();
    }
    let mut taken = vec![0; 60 * 1024];
    // The ping of second 20 would need its pong by second 30.
    for _ in 0..35 {
        sleep(Duration::from_secs(1)).await;
        server.hub.broadcast(part()).unwrap();
        let read = slow.stream.read_exact(&mut taken);
        soon("the next part", read).await.expect("still connected");
    }
    assert_eq!(server.clients.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn r12_a_client_that_never_reads_again_is_dropped_2_s_later() {
    let config = Config {
        max_connections: 2,
        ..Config::default()
    };
    survives_with(config, streams, async |server| {
        let mut slow = slow_reader(server.addr).await;
        slow.frame(TEXT, b"stream 1000").await;
        sleep(Duration::from_secs(6)).await;
        assert!(Client::try_connect(server.url()).await.is_err());
        sleep(Duration::from_secs(2)).await;
        Client::connect(server.url()).await.leave().await;
        drop(slow);
    })
    .await;
}

/// A handler that works for a long time after `flush` keeps no message back.
#[tokio::test]
async fn r12_after_a_flush_the_client_has_every_message() {
    let busy = |mut connection: Connection| async move {
        connection.recv().await;
        connection.send("first").await?;
        connection.send("second").await?;
        connection.flush().await?;
        std::future::pending().await
    };
    let server = serve(Config::default(), busy).await;
    let mut client = Client::connect(server.url()).await;
    client.say("go").await;
    assert_eq!(client.hear_text().await, "first");
    assert_eq!(client.hear_text().await, "second");
}

#[tokio::test(start_paused = true)]
async fn r13_a_byte_a_second_is_not_reading() {
    survives_with(Config::default(), streams, async |server| {
        let mut slow = slow_reader(server.addr).await;
        slow.frame(TEXT, b"stream 1000").await;
        let start = Instant::now();
        while server.clients.count() > 1 {
            sleep(Duration::from_secs(1)).await;
            slow.stream.read_u8().await.unwrap();
        }
        assert!((5..=7).contains(&start.elapsed().as_secs()));
    })
    .await;
}

/// Reads this many KiB in each second. Returns the second at which the server has closed it, at
/// most 90.
async fn reads_steadily(server: &Running, reader: &mut Raw<Box<dyn Duplex>>, rate: usize) -> u64 {
    let start = Instant::now();
    let mut part = vec![0; rate * 1024 / 4];
    while server.clients.count() > 1 && start.elapsed().as_secs() < 90 {
        sleep(Duration::from_millis(250)).await;
        soon("the next part", reader.stream.read_exact(&mut part))
            .await
            .ok();
    }
    start.elapsed().as_secs()
}

/// A client with a receive buffer of 128 KiB, the default of Linux, over TCP or TLS.
async fn reader(server: &Running, tls: bool) -> Raw<Box<dyn Duplex>> {
    reader_with(server, tls, 64).await
}

/// A client that asks for a receive buffer of this many KiB; Linux doubles it. The system must
/// not enlarge it more: with paused time, this client seems to read fast.
async fn reader_with(server: &Running, tls: bool, kib: u32) -> Raw<Box<dyn Duplex>> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(kib * 1024).unwrap();
    let stream = socket.connect(server.addr).await.unwrap();
    let mut raw: Raw<Box<dyn Duplex>> = match tls {
        true => Raw {
            stream: Box::new(speak_tls(stream, server.addr).await.unwrap()),
        },
        false => Raw {
            stream: Box::new(stream),
        },
    };
    raw.send(handshake(server.addr, "/", "").as_bytes()).await;
    assert_eq!(raw.head().await.status, 101);
    raw
}

/// The promise is 64 KiB in 5 s, which is 13 KiB in a second. The client's system takes the data
/// in steps of up to 256 KiB.
#[tokio::test(start_paused = true)]
async fn r13_a_steady_reader_of_14_kib_a_second_lives_and_of_10_is_too_slow() {
    for tls in [false, true] {
        let config = Config {
            tls: tls.then(identity),
            ..Config::default()
        };
        survives_with(config, streams, async |server| {
            for rate in [14, 16, 20, 25, 28, 35] {
                let mut steady = reader(server, tls).await;
                steady.frame(TEXT, b"stream 1000").await;
                let ended = reads_steadily(server, &mut steady, rate).await;
                assert_eq!(ended, 90, "{rate} KiB/s, TLS: {tls}");
                drop(steady);
                gone(server).await;
            }
            for rate in [1, 4, 8, 10] {
                let mut slow = reader(server, tls).await;
                slow.frame(TEXT, b"stream 1000").await;
                let ended = reads_steadily(server, &mut slow, rate).await;
                assert!((5..80).contains(&ended), "{rate} KiB/s: {ended}");
                drop(slow);
                gone(server).await;
            }
        })
        .await;
    }
}

/// Waits until only the witness is connected.
async fn gone(server: &Running) {
    while server.clients.count() > 1 {
        sleep(Duration::from_millis(100)).await;
    }
}

/// Broadcasts 80 KiB in each second, of which this client reads `rate` KiB. Returns the second at
/// which the server has closed it, at most 90.
async fn reads_broadcasts(server: &Running, reader: &mut Raw<Box<dyn Duplex>>, rate: usize) -> u64 {
    let witness = server.clients.list()[0].id;
    let publish = async {
        loop {
            let message = "x".repeat(4096);
            server.hub.broadcast_except(message, witness).unwrap();
            sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        never = publish => never,
        ended = reads_steadily(server, reader, rate) => ended,
    }
}

/// The same for broadcasts. A large receive buffer takes the data in large steps, and between two
/// steps the client seems to stop.
#[tokio::test(start_paused = true)]
async fn r13_a_steady_reader_of_broadcasts_lives_with_every_buffer() {
    let config = Config {
        ping_interval: Duration::from_secs(100),
        ..Config::default()
    };
    survives(config, async |server| {
        for kib in [64, 96, 128, 192] {
            for rate in [14, 17, 20, 24, 28, 34] {
                let mut steady = reader_with(server, false, kib).await;
                let ended = reads_broadcasts(server, &mut steady, rate).await;
                assert_eq!(ended, 90, "{rate} KiB/s, buffer of {kib} KiB");
                drop(steady);
                gone(server).await;
            }
            let mut silent = reader_with(server, false, kib).await;
            let ended = reads_broadcasts(server, &mut silent, 0).await;
            // Until its buffer is full, and then up to four times 5 s.
            assert!((5..35).contains(&ended), "{ended} s, buffer of {kib} KiB");
            assert_eq!(silent.closed().await, (1008, "Too slow".into()));
            gone(server).await;
        }
    })
    .await;
}

/// A slow client with a long answer is not lost: while the handler sends, the server does not
/// read its pongs.
#[tokio::test(start_paused = true)]
async fn r13_a_client_that_keeps_reading_a_long_answer_is_not_dropped() {
    survives_with(Config::default(), streams, async |server| {
        let mut slow = slow_reader(server.addr).await;
        slow.frame(TEXT, b"stream 1000").await;
        let start = Instant::now();
        let mut taken = vec![0; 5 << 20];
        for _ in 0..12 {
            sleep(Duration::from_secs(4)).await;
            let read = slow.stream.read_exact(&mut taken);
            soon("the next part", read).await.expect("still connected");
        }
        assert!(start.elapsed().as_secs() >= 45);
        slow.frame(TEXT, b"thanks").await;
        let mut rest = vec![0; 1000 * (64 * 1024 + 10) - 12 * (5 << 20)];
        slow.stream.read_exact(&mut rest).await.unwrap();
        loop {
            match slow.next_frame().await.unwrap() {
                (0x89, _) => {}
                other => return assert_eq!(other, (TEXT, b"thanks".to_vec())),
            }
        }
    })
    .await;
}

/// The log holds 1,024 messages. A client that misses some gets a message about the gap.
#[tokio::test]
async fn r14_a_client_that_falls_behind_the_whole_log_gets_the_gap_and_stays() {
    let mut server = serve(Config::default(), echo).await;
    let mut behind = Client::connect(server.url()).await;
    behind.say("in").await;
    assert_eq!(behind.hear_text().await, "in");
    // This test has one thread, so no connection reads the log before it is full.
    for n in 0..2000 {
        server.hub.broadcast(n.to_string()).unwrap();
    }
    assert_eq!(
        behind.hear_text().await,
        "(up to 976 messages were missed: they arrived faster than you read them)"
    );
    for n in 976..2000 {
        assert_eq!(behind.hear_text().await, n.to_string());
    }
    behind.say("still in").await;
    assert_eq!(behind.hear_text().await, "still in");
    behind.leave().await;
    server.stop().await;
}

#[tokio::test]
async fn r15_clients_that_come_and_go_do_not_disturb_a_broadcast() {
    survives(Config::default(), async |server| {
        let witness = server.clients.list()[0].id;
        let mut steady = Client::connect(server.url()).await;
        let publish = async {
            for n in 0..300 {
                server.hub.broadcast_except(n.to_string(), witness).unwrap();
                tokio::task::yield_now().await;
            }
        };
        let listen = async {
            for n in 0..300 {
                assert_eq!(steady.hear_text().await, n.to_string());
            }
        };
        let churn = async {
            for n in 0..100 {
                let client = Client::connect(server.url()).await;
                if n % 2 == 0 {
                    client.leave().await;
                }
            }
        };
        tokio::join!(publish, listen, churn);
        steady.leave().await;
    })
    .await;
}

/// Panics for the message `panic`.
async fn fragile(mut connection: Connection) -> Result<()> {
    while let Some(message) = connection.recv().await {
        assert_ne!(message, "panic", "told to");
        connection.send(message).await?;
    }
    Ok(())
}

#[tokio::test]
async fn r16_a_handler_that_panics_ends_its_own_connection_with_1011() {
    let config = Config {
        max_connections: 3,
        max_connections_per_ip: Some(2),
        ..Config::default()
    };
    survives_with(config, fragile, async |server| {
        // Two places, one for the witness: each round needs the place of the one before.
        for _ in 0..3 {
            let mut client = soon("the place of the last", room(server)).await;
            client.say("before").await;
            client.say("panic").await;
            assert_eq!(client.hear_text().await, "before");
            assert_eq!(client.closed().await, (1011, "Internal error".into()));
            assert_eq!(server.clients.count(), 1, "off the list");
        }
        soon("the place of the last", room(server)).await;
    })
    .await;
}

/// The port on which a process listens that cannot print it.
#[cfg(target_os = "linux")]
fn port_of(pid: u32) -> Option<u16> {
    let sockets: Vec<_> = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .ok()?
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .collect();
    let table = std::fs::read_to_string(format!("/proc/{pid}/net/tcp")).ok()?;
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let inode = format!("socket:[{}]", fields[9]);
        let listens = fields[3] == "0A" && sockets.iter().any(|link| link.as_os_str() == &*inode);
        let port = fields[1].split(':').nth(1)?;
        listens.then(|| u16::from_str_radix(port, 16).ok())?
    })
}

/// `/dev/full` is a full disk.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn r18_a_full_disk_under_the_log_is_one_line_on_stderr() {
    let start = demo!("2_websocket_echo").shell(r#"exec "$0" >/dev/full"#);
    let mut child = start.command().spawn().unwrap();
    let pid = child.id().unwrap();
    let port = async {
        loop {
            match port_of(pid) {
                Some(port) => break port,
                None => tokio::task::yield_now().await,
            }
        }
    };
    let port = soon("the demo to listen", port).await;
    for n in 0..5 {
        let mut client = Client::connect(format!("ws://127.0.0.1:{port}/")).await;
        client.say(format!("{n}")).await;
        assert_eq!(client.hear_text().await, format!("Echo: {n}"));
        client.leave().await;
    }
    let pid = rustix::process::Pid::from_raw(pid as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let mut said = String::new();
    let mut stderr = child.stderr.take().unwrap();
    soon("the end of stderr", stderr.read_to_string(&mut said))
        .await
        .unwrap();
    assert!(
        soon("the demo to end", child.wait())
            .await
            .unwrap()
            .success()
    );
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.starts_with("log lines are lost"), "{said}");
}

/// After a restart all clients come back in the same second. Here the server does not accept, so
/// each of them waits in the queue of the kernel.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn as_many_clients_as_may_connect_can_wait_to_be_accepted() {
    let system = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
    let wanted = system.trim().parse().unwrap_or(usize::MAX).min(1100);
    let config = Config {
        port: 0,
        // This also raises the limit of file descriptors, for the clients of this test.
        max_connections: 4000,
        ..Config::default()
    };
    let server = zcomm_core::Server::bind(config).await.unwrap();
    // Without space in the queue, the kernel of the client tries again after one second.
    let limit = Duration::from_millis(900);
    let connect = |_| std::net::TcpStream::connect_timeout(&server.local_addr(), limit).unwrap();
    let waiting: Vec<_> = (0..wanted).map(connect).collect();
    assert_eq!(waiting.len(), wanted);
}
