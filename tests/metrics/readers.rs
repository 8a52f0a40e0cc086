//! Who may read the metrics: a client on this machine, or one that sends the token.

use std::net::{IpAddr, SocketAddr};

use zcomm_core::{Config, Token};

use crate::chat::client::chat_app;
use crate::harness::{CANARY, Raw, Response, Running, ask, echo, handshake, serve};

/// A server on all addresses, with two more names, that needs no token from clients.
async fn server() -> Running {
    let config = Config {
        host: "0.0.0.0".into(),
        token: Some(Token::new(CANARY).unwrap()),
        allowed_hosts: ["chat.example", "localhost.example"]
            .map(|host| zcomm_core::Authority::parse(host, 0).unwrap())
            .into(),
        announce: false,
        ..Config::default()
    };
    serve(config, echo).await
}

/// The status of a request to this address, for a host and with further header lines.
async fn status(addr: SocketAddr, host: &str, target: &str, more: &str) -> u16 {
    answer(addr, host, target, more).await.status
}

async fn answer(addr: SocketAddr, host: &str, target: &str, more: &str) -> Response {
    let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n");
    ask(addr, request).await
}

const PRIVATE: &str = "403 these figures are private";
const HOST: &str = "403 the Host header is not a name or address of this server";
const ORIGIN: &str = "403 this page's origin is not allowed";

/// The status and the reason of a refusal. A status alone can have several reasons.
async fn refusal(addr: SocketAddr, host: &str, target: &str, more: &str) -> String {
    let response = answer(addr, host, target, more).await;
    let reason = response.body.split(": ").next().unwrap_or_default();
    assert!(reason.starts_with(&response.status.to_string()), "{reason}");
    reason.to_owned()
}

fn loopback(server: &Running) -> SocketAddr {
    ([127, 0, 0, 1], server.addr.port()).into()
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

#[tokio::test]
async fn this_machine_reads_without_a_token() {
    let server = server().await;
    let addr = loopback(&server);
    let port = addr.port();
    for host in [format!("127.0.0.1:{port}"), format!("localhost:{port}")] {
        assert_eq!(status(addr, &host, "/metrics", "").await, 200, "{host}");
    }
    // No token is needed, so a wrong one is not checked.
    let host = addr.to_string();
    assert_eq!(status(addr, &host, "/metrics", &bearer("x")).await, 200);
}

/// A request with another name may come from a proxy on this machine, for another client.
#[tokio::test]
async fn under_another_name_and_through_a_proxy_the_token_is_needed() {
    let server = server().await;
    let addr = loopback(&server);
    let port = addr.port();
    let own = addr.to_string();
    let cases = [
        (format!("chat.example:{port}"), ""),
        (format!("localhost.example:{port}"), ""),
        (own.clone(), "X-Forwarded-For: 127.0.0.1\r\n"),
        (own.clone(), "Forwarded: for=127.0.0.1\r\n"),
        (own.clone(), "Via: 1.1 proxy\r\n"),
        (own.clone(), "X-Real-IP: 127.0.0.1\r\n"),
    ];
    for (host, more) in cases {
        let refused = refusal(addr, &host, "/metrics", more).await;
        assert_eq!(refused, PRIVATE, "{host} {more}");
        let asks = async |target: &str, token: &str| {
            let more = format!("{more}{token}");
            status(addr, &host, target, &more).await
        };
        assert_eq!(asks("/metrics", &bearer(CANARY)).await, 200, "{host}");
        let with_token = format!("/metrics?token={CANARY}");
        assert_eq!(asks(&with_token, "").await, 200, "{host}");
        assert_eq!(asks("/stats", "").await, 200, "the lessons' is open");
    }
}

#[tokio::test]
async fn another_machine_needs_the_token() {
    let server = server().await;
    let networks = if_addrs::get_if_addrs().unwrap();
    let mut addresses = networks.iter().filter(|network| !network.is_loopback());
    let Some(IpAddr::V4(address)) = addresses
        .find(|network| network.ip().is_ipv4())
        .map(|network| network.ip())
    else {
        eprintln!("not tried: this machine has no address but loopback");
        return;
    };
    // A client that connects to this machine's own address has that address too.
    let addr = SocketAddr::from((address, server.addr.port()));
    let host = addr.to_string();
    assert_eq!(refusal(addr, &host, "/metrics", "").await, PRIVATE);
    assert_eq!(status(addr, &host, "/stats", "").await, 200);
    let token = bearer(CANARY);
    assert_eq!(status(addr, &host, "/metrics", &token).await, 200);
    // The name of loopback in a request does not make a client local.
    let lie = format!("127.0.0.1:{}", addr.port());
    for target in ["/metrics", "/stats", "/"] {
        assert_eq!(refusal(addr, &lie, target, &token).await, HOST);
    }
}

#[tokio::test]
async fn a_wrong_token_is_401_and_says_why() {
    let server = server().await;
    let addr = loopback(&server);
    let host = format!("chat.example:{}", addr.port());
    let near = &CANARY[..CANARY.len() - 1];
    for token in [near, &format!("{CANARY}4"), &CANARY.to_uppercase(), "x"] {
        assert_eq!(status(addr, &host, "/metrics", &bearer(token)).await, 401);
        let target = format!("/metrics?token={token}");
        assert_eq!(status(addr, &host, &target, "").await, 401);
    }
    // A missing token does not count as a wrong one.
    let basic = "Authorization: Basic Zm9vOmJhcg==\r\n";
    for (target, more) in [("/metrics?token=", ""), ("/metrics", basic)] {
        assert_eq!(refusal(addr, &host, target, more).await, PRIVATE);
    }
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let refused = ask(addr, request).await.body;
    assert!(
        refused.starts_with("403 these figures are private: ask from"),
        "{refused}"
    );
}

/// If no token is set, none can be right.
#[tokio::test]
async fn a_server_without_a_token_shows_its_metrics_only_on_this_machine() {
    let server = serve(Config::default(), echo).await;
    let addr = server.addr;
    let host = addr.to_string();
    let proxied = |token: &str| format!("Via: 1.1 proxy\r\n{}", bearer(token));
    assert_eq!(status(addr, &host, "/metrics", "").await, 200);
    let refused = async |token: &str| refusal(addr, &host, "/metrics", &proxied(token)).await;
    assert_eq!(refused("").await, PRIVATE);
    assert_eq!(refused(CANARY).await, "401 Invalid token");
}

/// Wrong tokens on one path count on the other path too.
#[tokio::test]
async fn wrong_tokens_are_counted_wherever_they_are_shown() {
    let server = serve(
        Config {
            require_auth: true,
            token: Some(Token::new(CANARY).unwrap()),
            ..Config::default()
        },
        echo,
    )
    .await;
    let addr = server.addr;
    let host = addr.to_string();
    let via = "Via: 1.1 proxy\r\n";
    let right = format!("/metrics?token={CANARY}");
    assert_eq!(status(addr, &host, &right, via).await, 200);
    // Twenty are answered at once, then ten a second.
    let handshakes = |count| {
        let guesses = (0..count).map(|_| async move {
            let mut guess = Raw::connect(addr).await;
            guess
                .send(handshake(addr, "/?token=wrong", "").as_bytes())
                .await;
            guess.head().await.status
        });
        futures_util::future::join_all(guesses)
    };
    let figures = |count| {
        let guesses = (0..count).map(|_| status(addr, &host, "/metrics?token=wrong", via));
        futures_util::future::join_all(guesses)
    };
    let start = std::time::Instant::now();
    let (one, other) = futures_util::future::join(handshakes(20), figures(20)).await;
    let at_once = one
        .iter()
        .chain(&other)
        .filter(|status| **status != 429)
        .count();
    let budget = 21 + (10.0 * start.elapsed().as_secs_f64()) as usize;
    assert!((20..=budget).contains(&at_once), "{at_once} of {budget}");
    assert_eq!(status(addr, &host, &right, via).await, 200);
}

/// A page of another site can make a browser send the request, and must not read the response.
#[tokio::test]
async fn a_page_of_another_origin_cannot_read_the_metrics() {
    let server = server().await;
    let addr = loopback(&server);
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1"] {
        let request = format!("GET /metrics HTTP/1.1\r\nHost: {addr}\r\nOrigin: {origin}\r\n\r\n");
        let response = ask(addr, request).await;
        assert_eq!(response.header("access-control-allow-origin"), None);
    }
    // A name that leads to this machine is not a name that the server accepts.
    let host = format!("evil.example:{}", addr.port());
    assert_eq!(refusal(addr, &host, "/metrics", "").await, HOST);
}

#[tokio::test]
async fn the_metrics_can_only_be_read() {
    let server = server().await;
    let addr = loopback(&server);
    let head = format!("HEAD /metrics HTTP/1.1\r\nHost: {addr}\r\n\r\n");
    let head = ask(addr, head).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    let post = format!("POST /metrics HTTP/1.1\r\nHost: {addr}\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(ask(addr, post).await.status, 405);
    assert_eq!(status(addr, &addr.to_string(), "/metrics/", "").await, 404);
}

/// A page of another site can make its visitor's browser send a request. It must not spend the
/// visitor's budget of wrong tokens.
#[tokio::test]
async fn a_page_of_another_site_locks_nobody_out() {
    let chat = chat_app().env("WEBSOCKET_ALLOWED_HOSTS", "chat.example");
    let chat = chat.start().await;
    let (addr, other) = (chat.addr, format!("chat.example:{}", chat.addr.port()));
    let wrong = bearer(&format!("{CANARY}4"));
    for from in [
        "Origin: https://evil.example\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
    ] {
        for _ in 0..60 {
            let asked = format!("{wrong}{from}");
            let refused = refusal(addr, &other, "/metrics", &asked).await;
            assert_eq!(refused, ORIGIN, "{from:?}");
        }
    }
    let right = format!("{}Sec-Fetch-Site: same-origin\r\n", bearer(CANARY));
    assert_eq!(status(addr, &other, "/metrics", &right).await, 200);
}

/// A chat has rooms with names; its numbers are no less private.
#[tokio::test]
async fn the_chat_keeps_its_stats_as_private() {
    let chat = chat_app().env("WEBSOCKET_ALLOWED_HOSTS", "chat.example");
    let chat = chat.start().await;
    let (addr, own) = (chat.addr, chat.addr.to_string());
    let other = format!("chat.example:{}", addr.port());
    for target in ["/stats", "/metrics"] {
        assert_eq!(status(addr, &own, target, "").await, 200, "{target}");
        let refused = refusal(addr, &other, target, "").await;
        assert_eq!(refused, PRIVATE, "{target}");
        let right = bearer(CANARY);
        assert_eq!(status(addr, &other, target, &right).await, 200, "{target}");
        let near = bearer(&format!("{CANARY}4"));
        assert_eq!(status(addr, &other, target, &near).await, 401, "{target}");
    }
    let healthy = status(addr, &other, "/healthz", "").await;
    assert_eq!(healthy, 200, "whether it is there is for everybody");
}
