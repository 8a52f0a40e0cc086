//! The X-ray: it explains every byte that passes, and hides what must not be shown.

use std::{
    process::Stdio,
    sync::{Arc, Mutex},
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdout},
};
use tokio_tungstenite::tungstenite::Message;
use zcomm_core::{
    ClientSocket, CloseReason, Config, ConnectOptions, Trust,
    xray::{Direction, Event, EventKind, Xray},
};

use crate::{
    demo,
    harness::{
        CANARY, Client, Demo, Raw, Start, ask, certificates, echo, frame, handshake, identity,
        serve, soon,
    },
};

/// The example of RFC 6455 section 5.7: a masked text frame with "Hello".
const HELLO: &[u8] = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";

#[tokio::test]
async fn the_echo_lesson_shows_frames_over_both_transports() {
    let plain = demo!("2_websocket_echo");
    let encrypted = demo!("2_websocket_echo").tls();
    for start in [plain, encrypted] {
        let mut demo = start.arguments(["--xray"]).start().await;
        demo.says("the X-ray is on").await;
        let mut client = Client::connect(demo.url()).await;
        client.say("Grüße").await;
        assert_eq!(client.hear_text().await, "Echo: Grüße");
        demo.says("47 72 c3 bc c3 9f 65     payload, unmasked: \"Grüße\"")
            .await;
        demo.says("as text: \"Echo: Grüße\"").await;
    }
}

#[tokio::test]
async fn the_setting_does_the_same_and_off_is_the_default() {
    for (value, on) in [(None, false), (Some("off"), false), (Some("on"), true)] {
        let start = demo!("2_websocket_echo");
        let start = match value {
            Some(value) => start.env("WEBSOCKET_XRAY", value),
            None => start,
        };
        let mut demo = start.start().await;
        let mut client = Client::connect(demo.url()).await;
        client.say("hello").await;
        client.hear_text().await;
        client.leave().await;
        demo.says("conn.closed").await;
        if on {
            demo.says("the end, after").await;
        }
        assert_eq!(demo.output().contains("opcode 1: text"), on);
    }
}

/// The bytes of RFC 6455 sections 1.3 and 5.7, through a real server.
#[tokio::test]
async fn the_example_of_the_rfc_is_shown_bit_by_bit() {
    let mut demo = demo!("2_websocket_echo")
        .arguments(["--xray"])
        .start()
        .await;
    let mut raw = Raw::open(demo.addr, "/").await;
    raw.send(HELLO).await;
    raw.next_frame().await.unwrap();
    demo.says("as text: \"Echo: Hello\"").await;
    let output = demo.output();
    for table in [
        "
         the key        dGhlIHNhbXBsZSBub25jZQ==
         and the GUID   258EAFA5-E914-47DA-95CA-C5AB0DC85B11
         SHA-1 of both  b37a4f2cc0624f1690f64606cf385945b2bec4ea
         as base64      s3pPLMBiTxaQ9kYGzzhZRbK+xOo= (equal)
",
        "
     81            1... ....  FIN: the last frame of its message
                   .000 ....  RSV: 0, no extension uses them
                   .... 0001  opcode 1: text
     85            1... ....  MASK: yes, as a client must
                   .000 0101  length 5
     37 fa 21 3d              masking key
     7f 9f 4d 51 58           payload, masked
     48 65 6c 6c 6f           payload, unmasked: \"Hello\"
",
    ] {
        assert!(output.contains(table), "{output}");
    }
}

/// A frame that the server rejects is shown with the section of RFC 6455.
#[tokio::test]
async fn each_mistake_is_shown_with_its_section() {
    let mut demo = demo!("2_websocket_echo")
        .arguments(["--xray"])
        .start()
        .await;
    let begun = |second: u8| [frame(0x01, b"a"), frame(second, b"b")].concat();
    let mut broken = 0;
    for (section, bytes, code) in [
        ("5.1", vec![0x81, 1, b'x'], 1002),
        ("5.2", frame(0xc1, b"x"), 1002),
        ("5.2", frame(0x83, b"x"), 1002),
        ("5.2", frame(0x8b, b"x"), 1002),
        ("5.4", frame(0x80, b"x"), 1002),
        ("5.4", begun(0x81), 1002),
        ("5.5", frame(0x09, b""), 1002),
        ("5.5", frame(0x89, &[b'x'; 126]), 1002),
        ("5.5.1", frame(0x88, b"\x03"), 1002),
        ("7.4", frame(0x88, &1005u16.to_be_bytes()), 1002),
        ("8.1", frame(0x81, b"\xff"), 1007),
        ("8.1", frame(0x88, b"\x03\xe8\xff"), 1007),
    ] {
        let mut raw = Raw::open(demo.addr, "/").await;
        raw.send(&bytes).await;
        assert_eq!(raw.closed().await.0, code);
        broken += 1;
        let output = demo.says_times("! RFC 6455, ", broken).await;
        let last = output.rsplit("! RFC 6455, ").next().unwrap();
        assert!(
            last.starts_with(&format!("{section}: ")),
            "{section}: {last}"
        );
    }
    // The server accepts this one (f22), but it breaks a rule.
    let mut raw = Raw::open(demo.addr, "/").await;
    raw.send(b"\x81\xfe\0\x05\0\0\0\0hello").await;
    raw.next_frame().await.unwrap();
    demo.says("! RFC 6455, 5.2: the length must be in its shortest form")
        .await;
}

/// A program that writes JSON to its stdout.
struct JsonDemo {
    child: Child,
    stdout: BufReader<ChildStdout>,
    addr: std::net::SocketAddr,
}

impl JsonDemo {
    async fn start(start: Start) -> JsonDemo {
        let start = start.arguments(["--xray=json"]);
        let mut child = start.command().stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = soon("its address", log.next_line()).await.unwrap().unwrap();
        let addr = line.split("://").nth(1).unwrap();
        let addr = addr.split('/').next().unwrap().parse().unwrap();
        // Keep reading the log, or the program blocks.
        tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        JsonDemo {
            child,
            stdout,
            addr,
        }
    }

    /// The next event.
    async fn event(&mut self) -> Value {
        let mut line = String::new();
        soon("an event", self.stdout.read_line(&mut line))
            .await
            .unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// stdout is for programs: it has events and nothing else.
#[tokio::test]
async fn every_line_of_json_is_an_event_and_nothing_is_lost() {
    let mut demo = JsonDemo::start(demo!("2_websocket_echo").env("ECHO_PREFIX", "")).await;
    let mut client = Client::connect(format!("ws://{}/", demo.addr)).await;
    let said = [
        Message::text("Hello"),
        Message::binary(vec![0, 255, 7]),
        Message::text("x".repeat(1000)),
        Message::text(""),
        Message::text("\u{9b}2J\u{202e}\x1b[2J\n"),
    ];
    for message in &said {
        client.say(message.clone()).await;
        assert_eq!(client.hear().await, *message);
    }
    client.leave().await;
    let mut events = Vec::new();
    loop {
        let event = demo.event().await;
        let end = event.get("end").is_some();
        events.push(event);
        if end {
            break;
        }
    }
    assert_eq!(events[0]["open"]["tls"], false);
    assert_eq!(events[1]["from"], "client");
    assert!(
        events[1]["request"]["line"]
            .as_str()
            .unwrap()
            .starts_with("GET / ")
    );
    assert_eq!(events[2]["response"]["accept"]["right"], true);
    for from in ["client", "server"] {
        let frames = events.iter().filter(|event| event["from"] == from);
        let frames: Vec<_> = frames.filter_map(|event| event.get("frame")).collect();
        assert_eq!(frames.len(), said.len() + 1, "with the Close");
        for (frame, message) in frames.iter().zip(&said) {
            let payload = message.clone().into_data();
            assert_eq!(frame["unmasked"], hex(&payload));
            assert_eq!(frame["length"], payload.len());
            assert_eq!(frame["mask"].is_string(), from == "client");
            match message {
                Message::Text(text) => assert_eq!(frame["text"], text.as_str()),
                _ => assert!(frame.get("text").is_none()),
            }
        }
        assert_eq!(frames[said.len()]["close"]["code"], 1000);
    }
    assert!(events.iter().all(|event| event.get("errors").is_none()));
}

#[tokio::test]
async fn a_fragmented_message_is_put_together_at_its_last_frame() {
    let mut demo = JsonDemo::start(demo!("2_websocket_echo")).await;
    let mut raw = Raw::open(demo.addr, "/").await;
    let pieces = [
        frame(0x01, b"to"),
        frame(0x89, b"?"),
        frame(0x00, b"ge"),
        frame(0x80, b"ther"),
    ];
    raw.send(&pieces.concat()).await;
    raw.next_frame().await.unwrap();
    raw.next_frame().await.unwrap();
    for expected in [
        ("text", Some(1), None),
        ("ping", None, None),
        ("continuation", Some(2), None),
        ("continuation", Some(3), Some("together")),
    ] {
        let frame = loop {
            let mut event = demo.event().await;
            if event["from"] == "client" && event.get("frame").is_some() {
                break event["frame"].take();
            }
        };
        let part = frame.get("part").and_then(Value::as_u64);
        let joined = frame.get("message").map(|message| &message["text"]);
        let (name, joined) = (
            frame["opcode"].as_str().unwrap(),
            joined.and_then(Value::as_str),
        );
        assert_eq!((name, part, joined), expected);
    }
}

/// A word in the form of a token, without a name that says so.
const RANDOM: &str = "b7Qp2xV9d-Qp2xV9d7";

/// A token in every possible place, in both formats: the harness looks for it in the output.
/// The output must not have it as digits either.
#[tokio::test]
async fn no_token_is_in_an_xray() {
    for form in ["--xray", "--xray=json"] {
        let mut demo = demo!("4_websocket_broadcast")
            .env("WEBSOCKET_TOKEN", CANARY)
            .arguments([form])
            .start()
            .await;
        let addr = demo.addr;
        let good = format!("/?attempt=0123456789abcdef&token={CANARY}");
        let mut client = Client::connect(format!("ws://{addr}{good}")).await;
        client.say("hello").await;
        for request in [
            handshake(addr, "/", &format!("Authorization: Bearer {CANARY}\r\n")),
            handshake(
                addr,
                "/",
                &format!("Authorization:\r\n Bearer {CANARY}\r\n"),
            ),
            handshake(addr, "/", &format!("Cookie: session={CANARY}\r\n")),
            handshake(addr, "/", &format!("Authorization Bearer {CANARY}\r\n")),
            handshake(addr, "/", &format!("Referer: http://a/?token={CANARY}\r\n")),
            handshake(addr, &format!("/?%74oken={CANARY}"), ""),
            handshake(addr, &format!("/nowhere?a=b&token={CANARY}x"), ""),
            handshake(addr, &format!("/?a=b;token={CANARY}"), ""),
            handshake(addr, &format!("/?next=%2F%3Ftoken%3D{CANARY}"), ""),
            handshake(addr, &format!("http://u:{CANARY}@{addr}/"), ""),
            handshake(addr, "/", &format!("Sec-WebSocket-Protocol: {CANARY}\r\n")),
            handshake(addr, &format!("/ws/{RANDOM}"), ""),
            handshake(addr, "/", &format!("User-Agent: {RANDOM}\r\n")),
            format!("GET / HTTP/1.1\r\nHost: {RANDOM}\r\n\r\n"),
            format!("{CANARY} / HTTP/1.1\r\n\r\n"),
            format!("GET {good} HTTP/1.1\r\nHost: a b\r\n\r\n"),
            format!("get {good} HTTP/1.1\r\nHost: a\r\n\r\n"),
            format!(
                "GET {good} HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
                "x".repeat(20_000)
            ),
        ] {
            let mut raw = Raw::connect(addr).await;
            raw.send(request.as_bytes()).await;
            raw.hang_up().await;
            raw.rest().await;
        }
        // One for each connection, so all were shown.
        let ends = if form == "--xray" {
            "the end, after"
        } else {
            "\"end\":"
        };
        let output = demo.says_times(ends, 18).await;
        assert!(output.contains("token=***"), "{output}");
        assert!(!output.contains(RANDOM), "{output}");
        let spaced: Vec<_> = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect();
        for digits in [hex(CANARY.as_bytes()), spaced.join(" ")] {
            assert!(!output.contains(&digits[..digits.len() / 4]), "{output}");
        }
    }
}

/// Characters of a peer that would control the terminal are replaced.
#[tokio::test]
async fn a_control_character_is_shown_as_a_picture() {
    for form in ["--xray", "--xray=json"] {
        let mut demo = demo!("2_websocket_echo").arguments([form]).start().await;
        let mut raw = Raw::open(demo.addr, "/?\u{9b}2J").await;
        for payload in [
            "\x1b]0;pwn\x07",
            "\x1b[2J\r\u{9b}2J\u{202e} and so on",
            "\x7f",
        ] {
            raw.frame(0x81, payload.as_bytes()).await;
            raw.next_frame().await.unwrap();
            raw.frame(0x8a, payload.as_bytes()).await;
        }
        raw.frame(0x88, b"\x03\xe8\x1b[2J").await;
        raw.closed().await;
        demo.says(if form == "--xray" {
            "the end, after"
        } else {
            "\"end\":"
        })
        .await;
        let output = demo.output();
        let control = output.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(control, None, "{output:?}");
        assert!(!output.contains('\u{202e}'), "{output:?}");
        let shown = if form == "--xray" {
            "␛]0;pwn␇"
        } else {
            "\\u001b]0;pwn\\u0007"
        };
        assert!(output.contains(shown), "{output:?}");
    }
}

/// A terminal that does not read delays no client, and the frames it missed are counted to the
/// last one.
#[tokio::test]
async fn a_terminal_that_stops_delays_no_client_and_learns_what_it_missed() {
    let start = demo!("2_websocket_echo")
        .env("WEBSOCKET_RATE_LIMIT", "off")
        .env("ECHO_PREFIX", "");
    let mut demo = JsonDemo::start(start).await;
    let mut client = Client::connect(format!("ws://{}/", demo.addr)).await;
    let text = "x".repeat(2000);
    for _ in 0..4000 {
        client.say(text.as_str()).await;
        assert_eq!(client.hear_text().await, text);
    }
    // Until here the test has read none of the output.
    client.leave().await;
    let (mut shown, mut missing) = (0, 0);
    while shown + missing < 8004 {
        let event = demo.event().await;
        match event.get("not_shown") {
            Some(note) => missing += note["frames"].as_u64().unwrap(),
            None if event.get("open").is_some() => {}
            None => shown += 1,
        }
    }
    // 4,000 both ways, two Closes, a request and a response, and perhaps the end.
    assert!(
        missing > 1000 && (8004..=8005).contains(&(shown + missing)),
        "{shown} {missing}"
    );
    demo.child.kill().await.unwrap();
}

/// As with `| head`.
#[tokio::test]
async fn a_reader_that_leaves_stops_no_server() {
    let demo = JsonDemo::start(demo!("2_websocket_echo")).await;
    let JsonDemo {
        child: _child,
        stdout,
        addr,
    } = demo;
    drop(stdout);
    let mut client = Client::connect(format!("ws://{addr}/")).await;
    for _ in 0..10 {
        client.say("hello").await;
        assert_eq!(client.hear_text().await, "Echo: hello");
    }
}

type Log = Arc<Mutex<Vec<Event>>>;

fn collecting() -> (Xray, Log) {
    let log = Log::default();
    let to = Arc::clone(&log);
    (
        Xray::call(move |event| to.lock().unwrap().push(event.clone())),
        log,
    )
}

/// Client and server show the same bytes: both look below the codec and above TLS.
#[tokio::test]
async fn both_ends_show_the_same() {
    for tls in [None, Some(identity())] {
        let (server_xray, at_server) = collecting();
        let (client_xray, at_client) = collecting();
        let config = Config {
            tls: tls.clone(),
            xray: Some(server_xray),
            ..Config::default()
        };
        let mut server = serve(config, echo).await;
        let trust = Trust::only(&certificates().ca).unwrap();
        let options = ConnectOptions {
            xray: Some(client_xray),
            token: Some(CANARY.into()),
            ..ConnectOptions::new(server.url(), &trust)
        };
        let mut socket = ClientSocket::connect_with(&options).await.unwrap();
        drop(options);
        for text in ["one", "two"] {
            socket.send(text).await.unwrap();
            socket.recv().await.unwrap();
        }
        socket.ping(b"?").await.unwrap();
        socket.close(CloseReason::NORMAL, "bye").await.unwrap();
        // Dropping the last clone writes all events.
        drop(socket);
        server.stop().await;
        drop(server);
        let events = |log: &Log, direction: Direction| {
            let log = log.lock().unwrap();
            let events = log.iter().filter(|event| event.from == Some(direction));
            events
                .map(|event| (event.kind.clone(), event.errors.clone()))
                .collect::<Vec<_>>()
        };
        for direction in [Direction::ClientToServer, Direction::ServerToClient] {
            let at_server = events(&at_server, direction);
            assert_eq!(at_server, events(&at_client, direction));
            assert!(at_server.iter().all(|(_, errors)| errors.is_empty()));
            assert!(!format!("{at_server:?}").contains(CANARY));
        }
        assert_eq!(events(&at_server, Direction::ClientToServer).len(), 5);
        let last = at_server.lock().unwrap().last().cloned().unwrap();
        assert!(matches!(last.kind, EventKind::End { server_bytes, .. } if server_bytes > 100));
    }
}

#[tokio::test]
async fn a_page_is_shown_as_its_head_and_the_length_of_its_body() {
    let (xray, log) = collecting();
    let config = Config {
        xray: Some(xray),
        ..Config::default()
    };
    let mut server = serve(config, echo).await;
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", server.addr);
    assert_eq!(ask(server.addr, request).await.status, 200);
    server.stop().await;
    drop(server);
    let log = log.lock().unwrap();
    let kinds: Vec<_> = log.iter().map(|event| &event.kind).collect();
    assert!(
        matches!(
            kinds[..],
            [
                EventKind::Open { .. },
                EventKind::Request(_),
                EventKind::Response(_),
                EventKind::Body { bytes: 3 },
                EventKind::End { .. }
            ]
        ),
        "{kinds:?}"
    );
}

/// A lesson rejects an unknown argument, and an unknown format.
#[tokio::test]
async fn a_wrong_argument_ends_a_lesson_with_a_sentence() {
    for (argument, code, said) in [
        (
            "--xrays",
            2,
            "error: unknown argument --xrays: this program accepts only --xray and --help\nhelp: --xray shows",
        ),
        ("--port=9000", 2, "error: unknown argument --port:"),
        (CANARY, 2, "error: unknown argument …:"),
        (
            "--xray=xml",
            78,
            "error: WEBSOCKET_XRAY=\"xml\": expected off, on or json",
        ),
    ] {
        let lessons = [demo!("2_websocket_echo"), demo!("chat_app")];
        for start in lessons {
            let (exit, output) = start.arguments([argument]).fails().await;
            assert_eq!(exit, Some(code), "{output}");
            assert!(output.contains(said), "{output}");
            assert!(!output.contains(CANARY), "{output}");
        }
    }
}

/// Lesson 3 has arguments of its own besides this one. With an address the client shows the
/// X-ray, without one the server.
#[tokio::test]
async fn lesson_3_shows_its_visit() {
    let own = demo!("3_websocket_secure").arguments(["--once", "--xray"]);
    let (code, output) = own.fails().await;
    assert_eq!(code, Some(0), "{output}");
    assert!(output.contains("as text: \"Hello over TLS\""), "{output}");
    let demo: Demo = demo!("2_websocket_echo").tls().start().await;
    let (url, ca) = (demo.url(), Start::file("ca.pem"));
    let visit = demo!("3_websocket_secure").arguments([url.as_str(), "--ca", &ca, "--xray"]);
    let (code, output) = visit.fails().await;
    assert_eq!(code, Some(0), "{output}");
    assert!(
        output.contains("as text: \"Echo: Hello over TLS\""),
        "{output}"
    );
}
