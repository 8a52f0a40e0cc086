//! The client of the library: its events, when it connects again and when not, and that it
//! survives a hostile server.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
};
use zcomm_core::{
    Client, ClientSocket, Config, ConnectError, ConnectOptions, Connection, End, Error, Event,
    Message, Received, RefuseBy, Token, Trust,
};

use crate::harness::{CANARY, certificates, echo, serve, soon};

fn trust() -> Trust {
    Trust::only(&certificates().ca).unwrap()
}

fn options(url: impl Into<String>) -> ConnectOptions {
    ConnectOptions::new(url, &trust())
}

async fn next(client: &mut Client) -> Event {
    soon("an event", client.next()).await.expect("it goes on")
}

#[tokio::test]
async fn reports_the_connection_its_messages_and_its_end() {
    let mut server = serve(Config::default(), echo).await;
    let mut client = Client::new(options(server.url()));
    let Event::Connected(opening) = next(&mut client).await else {
        panic!("not connected")
    };
    assert_eq!(opening.addr, server.addr);
    client.send("hello").await.unwrap();
    assert!(matches!(next(&mut client).await, Event::Message(message) if message == "hello"));
    server.stop().await;
    let Event::Disconnected(End::ByPeer(why)) = next(&mut client).await else {
        panic!("no end")
    };
    assert_eq!((why.code(), why.reason()), (1001, "Server shutting down"));
    let Event::Reconnecting { wait, why: None } = next(&mut client).await else {
        panic!("it does not come back")
    };
    assert!(wait <= Duration::from_millis(500), "{wait:?}");
    assert!(matches!(client.send("too early").await, Err(Error::Closed)));
    // The server is stopped.
    let Event::Reconnecting {
        wait,
        why: Some(why),
    } = next(&mut client).await
    else {
        panic!("it does not come back")
    };
    assert!(wait <= Duration::from_secs(1), "{wait:?}");
    assert!(why.to_string().contains("no program listens"), "{why}");
}

/// Through a proxy that can cut its connections.
#[tokio::test]
async fn connects_again_each_time_its_connection_breaks() {
    let server = serve(Config::default(), echo).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let host = server.addr;
    let relay = tokio::spawn(async move {
        loop {
            let (mut inside, _) = listener.accept().await.unwrap();
            let mut outside = TcpStream::connect(host).await.unwrap();
            // The handshake names the proxy; the server wants its own name.
            let mut head = vec![0; 4096];
            let read = inside.read(&mut head).await.unwrap();
            let head = String::from_utf8_lossy(&head[..read]).into_owned();
            let own = inside.local_addr().unwrap().to_string();
            outside
                .write_all(head.replace(&own, &host.to_string()).as_bytes())
                .await
                .unwrap();
            let (mut up, mut down) = ([0; 4096], [0; 4096]);
            // Forwards bytes until it reads "cut"; then both connections end without a Close frame.
            loop {
                tokio::select! {
                    read = inside.read(&mut up) => match read {
                        Ok(1..) if up[1] != 0x83 => outside.write_all(&up[..read.unwrap()]).await.unwrap(),
                        _ => break,
                    },
                    read = outside.read(&mut down) => match read {
                        Ok(bytes @ 1..) => inside.write_all(&down[..bytes]).await.unwrap(),
                        _ => break,
                    },
                }
            }
        }
    });
    let mut client = Client::new(options(url));
    for round in 0..5 {
        let connected = soon("a connection", async {
            loop {
                match client.next().await.expect("it goes on") {
                    Event::Connected(_) => return true,
                    Event::GaveUp(why) => panic!("round {round}: {why:?}"),
                    _ => {}
                }
            }
        });
        assert!(connected.await);
        client.send("hello").await.unwrap();
        assert!(matches!(next(&mut client).await, Event::Message(_)));
        client.send("cut").await.unwrap();
        assert!(matches!(
            next(&mut client).await,
            Event::Disconnected(End::Broken(_))
        ));
    }
    relay.abort();
}

#[tokio::test]
async fn does_not_connect_again_after_a_refusal() {
    for refuse in [RefuseBy::Close, RefuseBy::Http] {
        let config = Config {
            require_auth: true,
            token: Some(Token::new(CANARY).unwrap()),
            refuse,
            ..Config::default()
        };
        let server = serve(config, echo).await;
        let mut client = Client::new(options(server.url()));
        let mut told = Vec::new();
        while let Some(event) = soon("an event", client.next()).await {
            told.push(event);
        }
        match (refuse, told.as_slice()) {
            (RefuseBy::Close, [Event::Connected(_), Event::Disconnected(End::ByPeer(why))]) => {
                assert_eq!(
                    (why.code(), why.reason()),
                    (1008, "Authentication required")
                );
            }
            (
                RefuseBy::Http,
                [Event::GaveUp(Error::Connect(ConnectError::Http { status: 401, .. }))],
            ) => {}
            other => panic!("{other:?}"),
        }
        // Near miss: with the token it is admitted.
        let mut client = Client::new(ConnectOptions {
            token: Some(CANARY.into()),
            ..options(server.url())
        });
        next(&mut client).await;
        client.send("hello").await.unwrap();
        assert!(matches!(next(&mut client).await, Event::Message(_)));
    }
}

#[tokio::test]
async fn does_not_connect_again_to_a_server_it_cannot_trust() {
    let config = Config {
        tls: Some(crate::harness::identity()),
        ..Config::default()
    };
    let server = serve(config, echo).await;
    let stranger = zcomm_core::DevelopmentCa::new(&[]).unwrap();
    let trust = Trust::only(&stranger).unwrap();
    let mut client = Client::new(ConnectOptions::new(server.url(), &trust));
    let event = next(&mut client).await;
    assert!(matches!(
        event,
        Event::GaveUp(Error::Connect(ConnectError::Certificate { .. }))
    ));
    assert!(client.next().await.is_none());
}

/// A client does not connect again after a normal close. After 1008 it does only for "Too slow",
/// which the network may have caused.
#[tokio::test]
async fn the_close_code_decides_whether_it_connects_again() {
    for (code, reason, back) in [
        (1000, "", false),
        (1001, "", true),
        (1002, "", false),
        (1008, "Invalid token", false),
        (1008, "Too slow", true),
        (1009, "", false),
        (1011, "", true),
        (1012, "", true),
        (1013, "", true),
        (4001, "Replaced by a new connection", false),
    ] {
        let close = move |mut connection: Connection| async move {
            connection.close(code, reason);
            Ok(())
        };
        let server = serve(Config::default(), close).await;
        let mut client = Client::new(options(server.url()));
        next(&mut client).await;
        assert!(matches!(next(&mut client).await, Event::Disconnected(_)));
        let after = soon("what follows", client.next()).await;
        let came_back = matches!(after, Some(Event::Reconnecting { .. }));
        assert_eq!(came_back, back, "{code} {reason}");
    }
}

/// The server closes eight connections at once, and the ninth after this time. Returns the longest
/// delay of ten clients after that.
async fn longest_delay_after(stay: Duration) -> Duration {
    let mut longest = Duration::ZERO;
    for _ in 0..10 {
        let count = Arc::new(AtomicUsize::new(0));
        let handler = move |mut connection: Connection| {
            let is_last = count.fetch_add(1, Relaxed) == 8;
            async move {
                tokio::time::sleep(if is_last { stay } else { Duration::ZERO }).await;
                connection.close(1012, "a restart");
                Ok(())
            }
        };
        let server = serve(Config::default(), handler).await;
        let mut client = Client::new(options(server.url()));
        let mut last = Duration::ZERO;
        for _ in 0..=8 {
            assert!(matches!(client.next().await, Some(Event::Connected(_))));
            assert!(matches!(client.next().await, Some(Event::Disconnected(_))));
            let Some(Event::Reconnecting { wait, why: None }) = client.next().await else {
                panic!("it does not connect again");
            };
            last = wait;
        }
        longest = longest.max(last);
    }
    longest
}

/// A server that accepts every client and closes it soon would otherwise get all of them back at
/// once, for ever.
#[tokio::test(start_paused = true)]
async fn only_a_connection_of_ten_seconds_shortens_the_delays_again() {
    let half_a_second = Duration::from_millis(500);
    // The delays are random. Of ten from a range of 30 s, one is longer than half a second.
    assert!(longest_delay_after(Duration::from_millis(9900)).await > half_a_second);
    assert!(longest_delay_after(Duration::from_millis(10_100)).await <= half_a_second);
}

/// The code is the one that the server has sent, also where the codec does not know the code.
#[tokio::test]
async fn the_close_code_of_the_server_is_told_as_it_was_sent() {
    for (code, back) in [
        (1014_u16, true),
        (3001, true),
        (999, false),
        (1006, false),
        (2999, false),
        (5000, false),
    ] {
        let frame = [&[0x88, 5][..], &code.to_be_bytes(), b"why"].concat();
        let url = speaks("", Manners::Sends(frame)).await;
        let mut client = Client::new(options(url));
        next(&mut client).await;
        let Event::Disconnected(end) = next(&mut client).await else {
            panic!("{code}: no end")
        };
        let words = end.to_string();
        let told = format!("the other side closed with {code} (why)");
        assert!(words.starts_with(&told), "{words}");
        let forbidden = words.ends_with(", a code that no Close frame may have");
        assert_eq!(forbidden, !back, "{words}");
        let End::ByPeer(why) = end else {
            panic!("{code}: {end}")
        };
        assert_eq!((why.code(), why.reason()), (code, "why"));
        let after = soon("what follows", client.next()).await;
        let came_back = matches!(after, Some(Event::Reconnecting { .. }));
        assert_eq!(came_back, back, "{code}");
    }
}

#[tokio::test]
async fn calls_a_handler_for_each_message() {
    let greet = |mut connection: Connection| async move {
        for text in ["one", "two"] {
            connection.send(text).await?;
        }
        Ok(())
    };
    let server = serve(Config::default(), greet).await;
    let mut heard = Vec::new();
    let mut client = Client::new(options(server.url()));
    soon("the end", client.on_message(|message| heard.push(message))).await;
    assert_eq!(heard, [Message::from("one"), "two".into()]);
}

#[tokio::test]
async fn the_options_are_in_the_handshake() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/chat?x=1", listener.local_addr().unwrap());
    let asked = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = vec![0; 4096];
        let read = stream.read(&mut head).await.unwrap();
        String::from_utf8_lossy(&head[..read]).into_owned()
    });
    let options = ConnectOptions {
        token: Some(CANARY.into()),
        origin: Some("https://a.example".into()),
        protocols: vec!["chat.v2".into(), "chat".into()],
        headers: vec![("X-Class".into(), "b2".into())],
        ..options(url)
    };
    assert!(ClientSocket::connect_with(&options).await.is_err());
    let head = asked.await.unwrap().to_ascii_lowercase();
    for line in [
        "get /chat?x=1 http/1.1\r\n".to_owned(),
        format!("authorization: bearer {}\r\n", CANARY.to_ascii_lowercase()),
        "origin: https://a.example\r\n".into(),
        "sec-websocket-protocol: chat.v2, chat\r\n".into(),
        "x-class: b2\r\n".into(),
    ] {
        assert!(head.contains(&line), "no {line:?} in {head:?}");
    }
    assert!(!format!("{options:?}").contains(CANARY));
}

#[tokio::test]
async fn a_header_that_could_smuggle_another_is_refused() {
    for (name, value) in [
        ("X-A", "1\r\nX-B: 2"),
        ("X A", "1"),
        ("", "1"),
        ("X-A\n", "1"),
    ] {
        let options = ConnectOptions {
            headers: vec![(name.into(), value.into())],
            ..options("ws://127.0.0.1:9/")
        };
        let error = ClientSocket::connect_with(&options)
            .await
            .map(|_| ())
            .unwrap_err();
        assert!(error.to_string().contains("cannot be sent"), "{error}");
    }
}

/// A broken network sends nothing, so the client sends a ping.
#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_a_ping_is_given_up() {
    let url = speaks("", Manners::Silent).await;
    let mut socket = ClientSocket::connect_with(&options(url)).await.unwrap();
    let start = tokio::time::Instant::now();
    assert!(socket.recv().await.is_none());
    assert_eq!(
        start.elapsed().as_secs(),
        30,
        "20 s of silence, and 10 s for the pong"
    );
    assert_eq!(
        socket.end(),
        Some(&End::Broken("the server does not answer pings".into()))
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_answers_pings_may_send_nothing_for_ever() {
    let server = serve(Config::default(), echo).await;
    let mut socket = ClientSocket::connect_with(&options(server.url()))
        .await
        .unwrap();
    let quiet = tokio::time::timeout(Duration::from_secs(3600), socket.recv());
    assert!(quiet.await.is_err(), "it is still open after an hour");
    socket.send("hello").await.unwrap();
    assert_eq!(socket.recv().await, Some("hello".into()));
}

/// A client, and the server's end of its TCP connection after the handshake. Its receive buffer
/// has the size that is usual on Linux.
async fn connected(options: impl Fn(String) -> ConnectOptions) -> (ClientSocket, TcpStream) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 * 1024).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let options = options(format!("ws://{}/", listener.local_addr().unwrap()));
    let accept = async {
        let (stream, _) = listener.accept().await.unwrap();
        let socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        socket.into_inner()
    };
    let (client, server) = tokio::join!(ClientSocket::connect_with(&options), accept);
    (client.unwrap(), server)
}

/// `send` waits for a slow server as long as the server takes 64 KiB in 5 s.
#[tokio::test(start_paused = true)]
async fn a_server_that_reads_steadily_gets_the_whole_message() {
    for (rate, arrives) in [(16, true), (28, true), (4, false), (0, false)] {
        let (mut client, mut server) = connected(options).await;
        let read = async {
            let mut part = vec![0; rate * 1024 / 4];
            loop {
                tokio::time::sleep(Duration::from_millis(250)).await;
                server.read_exact(&mut part).await.unwrap();
            }
        };
        let sent = tokio::select! {
            never = read => never,
            sent = client.send("x".repeat(800_000)) => sent,
        };
        assert_eq!(sent.is_ok(), arrives, "{rate} KiB/s: {:?}", client.end());
    }
}

/// Also when it arrives in one piece with the 101, and the client reads long frames in parts.
#[tokio::test]
async fn a_long_message_that_comes_with_the_response_is_whole() {
    for length in [100, 65536, 65537, 300_000] {
        let text = "x".repeat(length);
        let head = [&[0x81, 127][..], &(length as u64).to_be_bytes()].concat();
        let bytes = [&head, text.as_bytes(), &head, text.as_bytes()].concat();
        let url = speaks("", Manners::Sends(bytes)).await;
        let mut socket = ClientSocket::connect_with(&options(url)).await.unwrap();
        for _ in 0..2 {
            let heard = soon("the message", socket.recv()).await;
            assert!(
                heard == Some(text.as_str().into()),
                "{length}: {:?}",
                socket.end()
            );
        }
    }
}

/// A message that arrives slowly is a sign of life: no pong can come before its end.
#[tokio::test(start_paused = true)]
async fn a_server_from_which_bytes_arrive_is_not_given_up() {
    let pings = |url| ConnectOptions {
        ping_interval: Some(Duration::from_secs(1)),
        ping_timeout: Duration::from_secs(1),
        ..options(url)
    };
    let (mut client, mut server) = connected(pings).await;
    let write = async {
        server.write_all(&[0x82, 126, 0x80, 0]).await.unwrap();
        for _ in 0..64 {
            server.write_all(&[7; 512]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        std::future::pending::<()>().await;
    };
    let read = async {
        let message = client.recv().await.expect("the whole message");
        assert_eq!(message.len(), 32 * 1024);
        assert_eq!(client.recv().await, None, "then nothing comes");
    };
    tokio::select! {
        () = write => {}
        () = read => {}
    }
    let end = End::Broken("the server does not answer pings".into());
    assert_eq!(client.end(), Some(&end));
}

#[tokio::test]
async fn pings_and_pongs_can_be_seen() {
    let server = serve(Config::default(), echo).await;
    let mut socket = ClientSocket::connect_with(&options(server.url()))
        .await
        .unwrap();
    socket.ping(b"are you there").await.unwrap();
    let pong = soon("a pong", socket.recv_any()).await.unwrap();
    assert_eq!(pong, Received::Pong("are you there".into()));
}

/// A client that has begun to close sends no more messages, and still closes in order.
#[tokio::test]
async fn nothing_follows_our_close_frame() {
    let server = serve(Config::default(), echo).await;
    let mut socket = ClientSocket::connect_with(&options(server.url()))
        .await
        .unwrap();
    socket.start_close(3001, "done");
    assert!(matches!(socket.send("late").await, Err(Error::Closed)));
    assert!(matches!(socket.feed("late"), Err(Error::Closed)));
    assert!(matches!(socket.ping(b"late").await, Err(Error::Closed)));
    let end = soon("the close", socket.close(3001, "done")).await;
    assert_eq!(end.unwrap().code(), 3001);
}

/// RFC 6455 section 7.1.1: the server ends the TCP connection first. Then the server's kernel
/// remembers the connection (TIME_WAIT), not the client's.
#[tokio::test]
async fn the_client_lets_the_server_end_the_tcp_connection_first() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        answer_handshake(&mut stream, "").await;
        let mut close = [0; 8];
        stream.read_exact(&mut close).await.unwrap();
        assert_eq!(close[..2], [0x88, 0x82], "a masked Close frame");
        stream.write_all(&[0x88, 2, 0x03, 0xe8]).await.unwrap();
        let waits = tokio::time::timeout(Duration::from_millis(200), stream.read(&mut close));
        assert!(waits.await.is_err(), "the client's FIN came first");
        stream.shutdown().await.unwrap();
        assert_eq!(stream.read(&mut close).await.unwrap(), 0);
    });
    let mut socket = ClientSocket::connect_with(&options(url)).await.unwrap();
    let why = soon("the close", socket.close(1000, "")).await.unwrap();
    assert_eq!(why.code(), 1000);
    server.await.unwrap();
}

/// k03: each mistake of the server ends the connection with the code for it.
#[tokio::test]
async fn k03_a_hostile_server_is_closed_with_the_right_code() {
    for (frames, code) in [
        (&[0x82, 127, 0, 0, 0, 0, 0x40, 0, 0, 0][..], 1009), // 1 GiB is declared
        (&[0x81, 2, 0xff, 0xfe], 1007),                      // not UTF-8
        (&[0x81, 0x82, 1, 2, 3, 4, 0, 0], 1002),             // masked
        (&[0xc1, 0], 1002),                                  // compressed, and nobody asked for it
        (&[0x83, 0], 1002),                                  // an opcode that is none
        (&[0x80, 0], 1002),                                  // a continuation of nothing
        (&[0x88, 1, 3], 1002),                               // a Close with half a code
    ] {
        let url = speaks("", Manners::Sends(frames.to_vec())).await;
        let mut socket = ClientSocket::connect_with(&options(url)).await.unwrap();
        assert!(
            soon(&format!("the end after {frames:?}"), socket.recv())
                .await
                .is_none()
        );
        let Some(End::ByUs(why)) = socket.end() else {
            panic!("{frames:?}: {:?}", socket.end())
        };
        assert_eq!(why.code(), code, "{frames:?}: {why:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn k04_a_server_that_never_answers_a_close_is_dropped_after_5_s() {
    let url = speaks("", Manners::Silent).await;
    let mut socket = ClientSocket::connect_with(&options(url)).await.unwrap();
    let start = tokio::time::Instant::now();
    let error = socket.close(1000, "bye").await.unwrap_err().to_string();
    assert!(error.contains("did not answer our Close frame"), "{error}");
    assert_eq!(start.elapsed().as_secs(), 5);
}

#[tokio::test]
async fn a_wrong_accept_and_an_extension_that_was_not_offered_are_refused() {
    for more in [
        "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n",
        "Sec-WebSocket-Protocol: chat\r\n",
        "Sec-WebSocket-Extensions: permessage-deflate\r\n",
    ] {
        let url = speaks(more, Manners::Silent).await;
        let error = ClientSocket::connect_with(&options(url))
            .await
            .map(|_| ())
            .unwrap_err();
        let Error::Connect(ConnectError::NotWebSocket { .. }) = error else {
            panic!("{more:?}: {error}")
        };
    }
}

enum Manners {
    Silent,
    Sends(Vec<u8>),
}

/// Starts a server that completes the handshake with these extra headers, and then behaves like
/// this. Returns its address.
async fn speaks(more: &str, manners: Manners) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr: SocketAddr = listener.local_addr().unwrap();
    let more = more.to_owned();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        answer_handshake(&mut stream, &more).await;
        let bytes = match manners {
            Manners::Silent => Vec::new(),
            Manners::Sends(bytes) => bytes,
        };
        stream.write_all(&bytes).await.unwrap();
        // It reads nothing more and does not close.
        std::future::pending::<()>().await;
    });
    format!("ws://{addr}/")
}

/// Reads a request and completes the handshake with the headers in `more`.
async fn answer_handshake(stream: &mut TcpStream, more: &str) {
    let mut head = vec![0; 4096];
    let read = stream.read(&mut head).await.unwrap();
    let head = String::from_utf8_lossy(&head[..read]).into_owned();
    let key = head
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    let accept =
        tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.unwrap().as_bytes());
    let accept = match more.contains("Accept") {
        true => String::new(),
        false => format!("Sec-WebSocket-Accept: {accept}\r\n"),
    };
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{accept}{more}\r\n"
    );
    stream.write_all(response.as_bytes()).await.unwrap();
}

/// Many small messages leave in one write. A client that queues without end is stopped by a
/// limit and does not fill its memory.
#[tokio::test]
async fn queued_messages_leave_when_the_client_waits_and_the_queue_is_bounded() {
    let config = Config {
        rate_limit: None,
        ..Config::default()
    };
    let server = serve(config, echo).await;
    let mut socket = ClientSocket::connect(&server.url(), &trust())
        .await
        .unwrap();
    let message = Message::from("x".repeat(32 * 1024));
    let mut fed = 0;
    // The client reads no echoes yet, so at some time the server stops reading.
    while socket.feed(message.clone()).unwrap() {
        fed += 1;
        assert!(fed < 10_000, "there is always room");
        tokio::task::yield_now().await;
    }
    assert!(!socket.feed(message.clone()).unwrap());
    for _ in 0..fed {
        let echo = soon("an echo", socket.recv()).await;
        assert_eq!(echo, Some(message.clone()));
    }
    assert!(socket.feed(message.clone()).unwrap());
    assert_eq!(soon("an echo", socket.recv()).await, Some(message));
}

/// The name service is not asked again, and the handshake still names the host.
#[tokio::test]
async fn connects_to_the_addresses_it_is_given() {
    let server = serve(Config::default(), echo).await;
    let url = format!("ws://nowhere.invalid:{}/", server.addr.port());
    let options = ConnectOptions {
        addresses: vec![server.addr],
        ..options(url)
    };
    let refused = ClientSocket::connect_with(&options).await.unwrap_err();
    assert!(
        matches!(
            refused,
            Error::Connect(ConnectError::Http { status: 403, .. })
        ),
        "{refused}"
    );
}

#[tokio::test]
async fn looks_up_a_host() {
    let found = options("wss://localhost/").lookup().await.unwrap();
    let loopback = |found: &SocketAddr| found.ip().is_loopback() && found.port() == 443;
    assert!(!found.is_empty() && found.iter().all(loopback), "{found:?}");
    let unknown = options("ws://nowhere.invalid/").lookup().await;
    assert!(matches!(unknown, Err(ConnectError::NotFound { .. })));
}

/// A listener whose queue is full: Linux drops each further SYN, so a connection to it neither
/// opens nor fails. Returns the listener, and the connection that fills the queue.
#[cfg(target_os = "linux")]
async fn answers_nothing() -> (TcpListener, TcpStream) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let only = TcpStream::connect(listener.local_addr().unwrap()).await;
    (listener, only.unwrap())
}

/// An address that answers nothing costs 3 s, if the host has another address.
#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn the_next_address_is_tried_after_three_seconds_without_an_answer() {
    let (listener, _only) = answers_nothing().await;
    let silent = listener.local_addr().unwrap();
    let server = serve(Config::default(), echo).await;
    for (addresses, seconds) in [
        (vec![server.addr], 0),
        (vec![server.addr, silent], 0),
        (vec![silent, server.addr], 3),
        (vec![silent, silent, server.addr], 6),
    ] {
        let options = ConnectOptions {
            addresses: addresses.clone(),
            ..options(server.url())
        };
        let start = tokio::time::Instant::now();
        let mut socket = ClientSocket::connect_with(&options).await.unwrap();
        assert_eq!(start.elapsed().as_secs(), seconds, "{addresses:?}");
        socket.send("hello").await.unwrap();
        assert_eq!(socket.recv().await, Some("hello".into()));
    }
}

/// The last address has all of the time that is left.
#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn the_only_address_has_the_whole_time() {
    let (listener, _only) = answers_nothing().await;
    let options = ConnectOptions {
        connect_timeout: Duration::from_secs(20),
        ..options(format!("ws://{}/", listener.local_addr().unwrap()))
    };
    let start = tokio::time::Instant::now();
    let error = ClientSocket::connect_with(&options).await.map(|_| ());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("20 s"), "{error}");
    assert_eq!(start.elapsed().as_secs(), 20);
}
