//! A page sees the X-ray of its own connection, and of no other.

use serde_json::Value;
use tokio_tungstenite::tungstenite::{client::IntoClientRequest, http::Request};

use crate::{
    demo,
    harness::{Client, Demo, Raw, ask, handshake},
};

/// Two random attempts, as pages make them.
const OURS: &str = "0123456789abcdef0123456789abcdef";
const THEIRS: &str = "fedcba9876543210fedcba9876543210";

const TOKEN: &str = "the_token_of_this_test";

fn with_attempt(demo: &Demo, attempt: &str) -> String {
    format!("{}?attempt={attempt}", demo.url())
}

async fn viewer(demo: &Demo, attempt: &str) -> Client {
    Client::connect(format!("{}xray?watch={attempt}", demo.url())).await
}

async fn event(viewer: &mut Client) -> Value {
    serde_json::from_str(&viewer.hear_text().await).unwrap()
}

/// The request of a page, with this header.
fn from_page(url: &str, header: (&'static str, &str)) -> Request<()> {
    let mut request = url.into_client_request().unwrap();
    let (name, value) = header;
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

/// A short name for an event.
fn named(event: &Value) -> String {
    match event["frame"].as_object() {
        Some(frame) => {
            let text = frame.get("text").unwrap_or(&frame["opcode"]).as_str();
            format!("{} {}", event["from"].as_str().unwrap(), text.unwrap())
        }
        None => event
            .as_object()
            .unwrap()
            .keys()
            .next_back()
            .unwrap()
            .clone(),
    }
}

/// All events up to the end of the connection.
async fn until_the_end(viewer: &mut Client) -> Vec<String> {
    let mut names = Vec::new();
    while names.last().is_none_or(|name| name != "end") {
        names.push(named(&event(viewer).await));
    }
    names
}

/// A page may look before, during or after its connection.
#[tokio::test]
async fn a_page_sees_its_connection_from_the_first_byte_to_the_last() {
    for tls in [false, true] {
        let start = demo!("2_websocket_echo").arguments(["--xray"]);
        let start = if tls { start.tls() } else { start };
        let mut demo = start.start().await;
        let mut before = viewer(&demo, OURS).await;
        let mut client = Client::connect(with_attempt(&demo, OURS)).await;
        let mut between = viewer(&demo, OURS).await;
        client.say("hello").await;
        client.hear_text().await;
        client.leave().await;
        demo.says("the end, after").await;
        let mut after = viewer(&demo, OURS).await;
        for viewer in [&mut before, &mut between, &mut after] {
            let events = until_the_end(viewer).await;
            let expected = [
                "open",
                "request",
                "response",
                "client hello",
                "server Echo: hello",
                "client close",
                "server close",
                "end",
            ];
            assert_eq!(events, expected);
        }
    }
}

#[tokio::test]
async fn a_page_sees_the_next_connection_of_its_attempt_and_no_other() {
    let demo = demo!("2_websocket_echo")
        .arguments(["--xray"])
        .start()
        .await;
    let mut ours = viewer(&demo, OURS).await;
    let mut theirs = viewer(&demo, THEIRS).await;
    for text in ["one", "two"] {
        let mut client = Client::connect(with_attempt(&demo, OURS)).await;
        client.say(text).await;
        client.hear_text().await;
        client.leave().await;
        let events = until_the_end(&mut ours).await;
        assert_eq!(events[3], format!("client {text}"));
    }
    // The first events of the other page are its own.
    let mut client = Client::connect(with_attempt(&demo, THEIRS)).await;
    client.say("three").await;
    client.leave().await;
    let events = until_the_end(&mut theirs).await;
    assert_eq!(events[3], "client three");
}

/// Nobody has to restart a server to see the bytes of a page. On the page's own machine, the server
/// shows the handshake and all frames, and hides the token.
#[tokio::test]
async fn on_loopback_a_page_needs_no_flag_to_see_its_connection() {
    for (tls, origin) in [(false, "null"), (false, "own"), (true, "null")] {
        let start = demo!("4_websocket_broadcast").env("WEBSOCKET_TOKEN", TOKEN);
        let start = if tls { start.tls() } else { start };
        let demo = start.start().await;
        let own = format!("http://{}", demo.addr);
        let header = ("origin", if origin == "own" { &own } else { origin });
        // A program before the page is not in the numbers.
        let other = with_attempt(&demo, &format!("{THEIRS}&token={TOKEN}"));
        Client::connect(other).await.leave().await;
        let url = with_attempt(&demo, &format!("{OURS}&token={TOKEN}"));
        let mut client = Client::connect(from_page(&url, header)).await;
        client.say("hello").await;
        client.leave().await;
        let url = format!("{}xray?watch={OURS}&token={TOKEN}", demo.url());
        let mut viewer = Client::connect(from_page(&url, header)).await;
        let open = event(&mut viewer).await;
        assert_eq!(
            (&open["conn"], &open["open"]["tls"]),
            (&1.into(), &tls.into())
        );
        let request = event(&mut viewer).await["request"].to_string();
        assert!(request.contains("token=***"), "{request}");
        assert!(!request.contains(TOKEN), "{request}");
        let events = until_the_end(&mut viewer).await;
        let expected = [
            "response",
            "client hello",
            "client close",
            "server close",
            "end",
        ];
        assert_eq!(events, expected, "{origin}");
        assert!(
            !demo.output().contains("hello\" }"),
            "no X-ray in the terminal"
        );
    }
}

/// Without the flag, nothing is kept for a program, for a page of another machine, or behind a
/// proxy. The last two servers can be reached from other machines.
#[tokio::test]
async fn without_a_flag_only_pages_of_this_machine_may_look() {
    let site = "https://app.example.com";
    for (host, name, value) in [
        ("127.0.0.1", "accept", "*/*"),
        ("127.0.0.1", "origin", site),
        ("127.0.0.1", "x-forwarded-for", "192.0.2.1"),
        ("0.0.0.0", "origin", "null"),
        ("0.0.0.0", "origin", "own"),
    ] {
        let demo = demo!("2_websocket_echo")
            .env("WEBSOCKET_HOST", host)
            .env("WEBSOCKET_ALLOWED_ORIGINS", format!("{site},null"))
            .start()
            .await;
        let own = format!("http://{}", demo.addr);
        let value = if value == "own" { &own } else { value };
        let more = match name {
            "x-forwarded-for" => format!("Origin: null\r\n{name}: {value}\r\n"),
            _ => format!("{name}: {value}\r\n"),
        };
        let refused = handshake(demo.addr, &format!("/xray?watch={OURS}"), &more);
        assert_eq!(ask(demo.addr, refused).await.status, 404, "{host} {more}");
    }
}

/// The log of an attempt holds only what was allowed when its connection began.
#[tokio::test]
async fn without_a_flag_the_connection_of_a_program_is_not_kept() {
    let demo = demo!("2_websocket_echo").start().await;
    let mut program = Client::connect(with_attempt(&demo, OURS)).await;
    let page = ("origin", "null");
    let url = format!("{}xray?watch={OURS}", demo.url());
    let mut viewer = Client::connect(from_page(&url, page)).await;
    program.say("not for a page").await;
    program.leave().await;
    let mut client = Client::connect(from_page(&with_attempt(&demo, OURS), page)).await;
    client.say("for a page").await;
    client.leave().await;
    let events = until_the_end(&mut viewer).await;
    assert_eq!(events[3], "client for a page", "{events:?}");
}

/// A cookie jar of this machine may be large: all ports share it.
#[tokio::test]
async fn without_a_flag_a_long_request_is_shown_whole() {
    let demo = demo!("2_websocket_echo").start().await;
    let cookie = "c".repeat(12_000);
    let more = format!("Origin: null\r\nCookie: {cookie}\r\n");
    let mut raw = Raw::connect(demo.addr).await;
    let request = handshake(demo.addr, &format!("/?attempt={OURS}"), &more);
    raw.send(request.as_bytes()).await;
    assert_eq!(raw.head().await.status, 101);
    raw.frame(0x81, b"hello").await;
    let url = format!("{}xray?watch={OURS}", demo.url());
    let mut viewer = Client::connect(from_page(&url, ("origin", "null"))).await;
    let mut names = Vec::new();
    while names.len() < 4 {
        names.push(named(&event(&mut viewer).await));
    }
    assert_eq!(names, ["open", "request", "response", "client hello"]);
}

/// A refused handshake is on the wire, too.
#[tokio::test]
async fn without_a_flag_a_page_sees_its_refused_handshake() {
    let demo = demo!("4_websocket_broadcast")
        .env("WEBSOCKET_REFUSE", "http")
        .env("WEBSOCKET_TOKEN", TOKEN)
        .start()
        .await;
    let target = format!("/?attempt={OURS}&token=wrong");
    let request = handshake(demo.addr, &target, "Origin: null\r\n");
    assert_eq!(ask(demo.addr, request).await.status, 401);
    let url = format!("{}xray?watch={OURS}&token={TOKEN}", demo.url());
    let mut viewer = Client::connect(from_page(&url, ("origin", "null"))).await;
    let events = until_the_end(&mut viewer).await;
    assert_eq!(events[..3], ["open", "request", "response"], "{events:?}");
}

/// The page can see why the server refused its connection.
#[tokio::test]
async fn a_page_sees_a_refused_handshake_with_its_response() {
    let mut demo = demo!("4_websocket_broadcast")
        .arguments(["--xray"])
        .env("WEBSOCKET_REFUSE", "http")
        .env("WEBSOCKET_TOKEN", TOKEN)
        .start()
        .await;
    let target = format!("/?attempt={OURS}&token=wrong");
    let refused = ask(demo.addr, handshake(demo.addr, &target, "")).await;
    assert_eq!(refused.status, 401);
    demo.says("the end, after").await;
    let url = format!("{}xray?watch={OURS}&token={TOKEN}", demo.url());
    let mut viewer = Client::connect(url).await;
    assert_eq!(named(&event(&mut viewer).await), "open");
    let request = event(&mut viewer).await;
    assert_eq!(
        request["request"]["line"],
        format!("GET /?attempt={OURS}&token=*** HTTP/1.1")
    );
    let response = event(&mut viewer).await;
    assert_eq!(response["response"]["line"], "HTTP/1.1 401 Unauthorized");
}

#[tokio::test]
async fn a_viewer_is_not_a_client_gets_no_broadcast_and_is_not_shown() {
    let mut demo = demo!("4_websocket_broadcast")
        .arguments(["--xray"])
        .env("WEBSOCKET_TOKEN", TOKEN)
        .start()
        .await;
    let mut viewer = viewer(&demo, &format!("{OURS}&token={TOKEN}")).await;
    demo.says("this connection sends the X-ray to a web page")
        .await;
    let url = with_attempt(&demo, &format!("{OURS}&token={TOKEN}"));
    let mut client = Client::connect(url).await;
    client.say("to everybody").await;
    // A message from a viewer reaches no client.
    viewer.say("hello?").await;
    let stats: Value = serde_json::from_str(&demo.get("/stats").await.body).unwrap();
    assert_eq!(stats["clients"], 1, "{stats}");
    assert_eq!(stats["accepted"], 1, "{stats}");
    client.leave().await;
    let events = until_the_end(&mut viewer).await;
    assert!(
        events.contains(&"client to everybody".to_owned()),
        "{events:?}"
    );
    demo.says("the end, after").await;
    assert!(demo.output().contains("to everybody"));
    assert!(!demo.output().contains("hello?"));
    assert!(demo.output().contains("viewer=true"));
}

#[tokio::test]
async fn a_server_without_an_xray_says_how_to_switch_it_on() {
    let demo = demo!("2_websocket_echo").start().await;
    let target = format!("/xray?watch={OURS}&attempt={THEIRS}");
    let refused = ask(demo.addr, handshake(demo.addr, &target, "")).await;
    assert_eq!(refused.status, 404);
    let why = demo.get(&format!("/why?attempt={THEIRS}")).await;
    let why: Value = serde_json::from_str(&why.body).unwrap();
    assert_eq!(why["reason"], "this server runs without an X-ray");
    assert!(why["help"].as_str().unwrap().contains("--xray"));
}

/// A viewer passes the checks of every handshake, too.
#[tokio::test]
async fn a_viewer_needs_a_token_an_origin_and_one_attempt() {
    let demo = demo!("4_websocket_broadcast")
        .arguments(["--xray"])
        .env("WEBSOCKET_REFUSE", "http")
        .env("WEBSOCKET_TOKEN", TOKEN)
        .start()
        .await;
    let right = format!("watch={OURS}&token={TOKEN}");
    let page = format!("Origin: http://{}\r\n", demo.addr);
    for (query, header, status) in [
        (right.as_str(), page.as_str(), 101),
        (&right, "Origin: http://evil.example\r\n", 403),
        (&format!("watch={OURS}"), &page, 401),
        (&format!("watch={OURS}&token=wrong"), &page, 401),
        (&format!("token={TOKEN}"), &page, 400),
        (&format!("token={TOKEN}&watch=1"), &page, 400),
        (&format!("{right}&watch={THEIRS}"), &page, 400),
    ] {
        let request = handshake(demo.addr, &format!("/xray?{query}"), header);
        let mut raw = Raw::connect(demo.addr).await;
        raw.send(request.as_bytes()).await;
        let response = raw.head().await;
        assert_eq!(response.status, status, "{query} {header}");
    }
}

/// A page that does not read delays no connection, and learns how much it has missed.
#[tokio::test]
async fn a_viewer_that_is_slower_than_its_connection_learns_the_gap() {
    let demo = demo!("2_websocket_echo")
        .arguments(["--xray"])
        .env("WEBSOCKET_RATE_LIMIT", "off")
        .start()
        .await;
    let mut client = Client::connect(with_attempt(&demo, OURS)).await;
    for n in 0..1000 {
        client.say(n.to_string()).await;
        client.hear_text().await;
    }
    let mut late = viewer(&demo, OURS).await;
    assert_eq!(event(&mut late).await["gap"], 1503);
    assert_eq!(named(&event(&mut late).await), "client 750");
}
