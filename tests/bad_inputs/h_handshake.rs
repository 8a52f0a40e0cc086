//! H: the opening handshake.

use std::time::Instant;

use tokio::io::AsyncWriteExt;
use zcomm_core::{Authority, Config, RefuseBy, Token};

use super::{accepted, refused, survives, survives_as_a_program, survives_at};
use crate::{
    demo,
    harness::{Client, Demo, Raw, Running, ask, frame, get, handshake, soon},
};

/// A good handshake with a part of it replaced. The part must be there.
fn with(server: &Running, part: &str, by: &str) -> String {
    let request = handshake(server.addr, "/", "");
    assert!(request.contains(part), "{part:?}");
    request.replace(part, by)
}

const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const VERSION: &str = "Sec-WebSocket-Version: 13\r\n";

#[tokio::test]
async fn h01_a_plain_get_is_answered_with_words_and_426_where_only_websockets_live() {
    survives(Config::default(), async |server| {
        let response = refused(server.addr, get_request(server, "/ws"), 426).await;
        assert_eq!(response.header("upgrade"), Some("websocket"));
        assert_eq!(response.header("connection"), Some("Upgrade, close"));
        assert_eq!(response.header("sec-websocket-version"), Some("13"));
        assert!(response.body.contains("WebSocket"));
        // Without a page there is still an answer.
        refused(server.addr, get_request(server, "/"), 404).await;
    })
    .await;
    survives_as_a_program("", demo!("2_websocket_echo"), async |demo| {
        let page = get(demo.addr, "/").await;
        assert_eq!(page.status, 200);
        assert!(page.body.contains("<h1"), "{page:?}");
        assert_eq!(get(demo.addr, "/ws").await.status, 426);
    })
    .await;
}

/// As `printf … | nc -N` does: the request and the end of it come together.
#[tokio::test]
async fn h01_who_ends_its_side_behind_the_request_gets_an_answer() {
    survives_as_a_program("", demo!("2_websocket_echo"), async |demo| {
        let page = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", demo.addr);
        for (request, status) in [(page, 200), (handshake(demo.addr, "/", ""), 101)] {
            for _ in 0..50 {
                let mut raw = Raw::connect(demo.addr).await;
                raw.send(request.as_bytes()).await;
                raw.hang_up().await;
                assert_eq!(raw.head().await.status, status);
            }
        }
    })
    .await;
}

fn get_request(server: &Running, target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", server.addr)
}

#[tokio::test]
async fn h02_any_method_but_get_is_405() {
    survives(Config::default(), async |server| {
        for path in ["/", "/ws"] {
            for method in ["POST", "PUT", "OPTIONS", "DELETE", "get", "BREW"] {
                let request = handshake(server.addr, path, "").replace("GET", method);
                let response = refused(server.addr, request, 405).await;
                assert_eq!(response.header("allow"), Some("GET"), "{method}");
            }
            // The answer to HEAD has no body (RFC 9110 section 9.3.2).
            let request = handshake(server.addr, path, "").replace("GET", "HEAD");
            let response = ask(server.addr, request).await;
            assert_eq!((response.status, response.body.as_str()), (405, ""));
            assert_eq!(response.header("allow"), Some("GET"));
        }
        let request = with(server, "GET /", &format!("CONNECT {}", server.addr));
        refused(server.addr, request, 405).await;
    })
    .await;
}

#[tokio::test]
async fn h03_http_1_0_cannot_be_upgraded() {
    survives(Config::default(), async |server| {
        let response = refused(server.addr, with(server, "HTTP/1.1", "HTTP/1.0"), 505).await;
        assert!(response.body.contains("HTTP/1.1"), "{response:?}");
        let keep_alive = with(server, "HTTP/1.1", "HTTP/1.0")
            .replace("Connection: Upgrade", "Connection: keep-alive, Upgrade");
        refused(server.addr, keep_alive, 505).await;
        for version in ["HTTP/1.2", "HTTP/2.0", "HTTP/0.9", "HTTP/11", "http/1.1"] {
            refused(server.addr, with(server, "HTTP/1.1", version), 400).await;
        }
    })
    .await;
}

/// Probes of load balancers, `ab` and old proxies send HTTP/1.0, often without a host.
#[tokio::test]
async fn h03_a_plain_request_of_http_1_0_is_answered() {
    survives_as_a_program("", demo!("2_websocket_echo"), async |demo| {
        let addr = demo.addr;
        let old = |target: &str, host: &str| format!("GET {target} HTTP/1.0\r\n{host}\r\n");
        let ours = format!("Host: {addr}\r\n");
        for (target, host, status, body) in [
            ("/healthz", "", 200, "ok\n"),
            ("/healthz", ours.as_str(), 200, "ok\n"),
            ("/", &ours, 200, "<!DOCTYPE html>"),
            ("/", "", 200, "<!DOCTYPE html>"),
            ("/stats", "", 200, "{\"clients\":1"),
            ("/why?attempt=0123456789abcdef", "", 404, "{\"status\":404"),
            ("/metrics", &ours, 200, "# HELP"),
            // Without a name, the server cannot know that the request is for this machine.
            ("/metrics", "", 403, "403 these figures are private"),
            ("/healthz", "Host: evil.example\r\n", 403, "403 the Host"),
            ("/ws", &ours, 505, "505 a WebSocket needs HTTP/1.1"),
            ("/nothing", &ours, 404, "404 nothing"),
        ] {
            let response = ask(addr, old(target, host)).await;
            assert_eq!(response.status, status, "{target} {host}");
            let start = response.body.get(..body.len()).unwrap_or_default();
            assert!(start.eq_ignore_ascii_case(body), "{target}: {response:?}");
            // The connection ends with the body, so an old client needs no length.
            assert_eq!(response.header("connection"), Some("close"), "{target}");
        }
        let absolute = format!("GET http://evil.example/healthz HTTP/1.0\r\n{ours}\r\n");
        assert_eq!(ask(addr, absolute).await.status, 403);
        let two = old("/healthz", &ours.repeat(2));
        assert_eq!(ask(addr, two).await.status, 400);
        // A WebSocket still needs HTTP/1.1, also for a client that names no host.
        let host = format!("Host: {addr}\r\n");
        let handshake = handshake(addr, "/", "").replace("HTTP/1.1", "HTTP/1.0");
        for request in [handshake.clone(), handshake.replace(&host, "")] {
            refused(addr, request, 505).await;
        }
    })
    .await;
}

/// `curl --http2` and Java's HTTP client offer HTTP/2 with each plain request.
#[tokio::test]
async fn h11_a_plain_request_that_offers_another_protocol_is_answered() {
    survives_as_a_program("", demo!("2_websocket_echo"), async |demo| {
        let addr = demo.addr;
        for offer in [
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
            "Connection: Upgrade\r\nUpgrade: TLS/1.2\r\n",
        ] {
            for (target, status) in [("/", 200), ("/healthz", 200), ("/stats", 200), ("/ws", 426)] {
                let request = format!("GET {target} HTTP/1.1\r\nHost: {addr}\r\n{offer}\r\n");
                assert_eq!(ask(addr, request).await.status, status, "{target} {offer}");
            }
        }
        // The near miss: a request that offers both asks for a WebSocket.
        let both = handshake(addr, "/", "Upgrade: h2c\r\n");
        let mut raw = Raw::connect(addr).await;
        raw.send(both.as_bytes()).await;
        assert_eq!(raw.head().await.status, 101);
    })
    .await;
}

#[tokio::test]
async fn h04_an_http_2_preface_is_named_in_the_log() {
    survives_as_a_program("", demo!("2_websocket_echo"), async |demo| {
        let mut raw = Raw::connect(demo.addr).await;
        raw.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
            .await;
        let response = raw.response().await;
        assert_eq!(response.status, 505, "{response:?}");
        assert!(response.body.contains("use HTTP/1.1"), "{response:?}");
        demo.says("h2_preface").await;
    })
    .await;
}

/// What is not HTTP gets 400 and one line of words.
fn assert_400_with_words(answer: &[u8]) {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
    assert!(
        head.starts_with("HTTP/1.1 400") && body.starts_with("400 ") && body.len() > 30,
        "{text}"
    );
}

#[tokio::test]
async fn h05_any_version_but_13_is_426() {
    survives(Config::default(), async |server| {
        for version in ["8", "0", "14", "abc", "13, 8", "013", "13.0", "1 3", ""] {
            let request = with(server, "Version: 13", &format!("Version: {version}"));
            let response = refused(server.addr, request, 426).await;
            assert_eq!(response.header("sec-websocket-version"), Some("13"));
        }
        accepted(server.addr, with(server, "Version: 13", "Version:  13 ")).await;
    })
    .await;
}

#[tokio::test]
async fn h06_a_missing_version_is_426() {
    survives(Config::default(), async |server| {
        let response = refused(server.addr, with(server, VERSION, ""), 426).await;
        assert_eq!(response.header("sec-websocket-version"), Some("13"));
    })
    .await;
}

/// Who looks at the first line only and who looks at the last would see two versions.
#[tokio::test]
async fn h07_two_versions_are_400() {
    survives(Config::default(), async |server| {
        for second in ["8", "13"] {
            let two = format!("{VERSION}Sec-WebSocket-Version: {second}\r\n");
            refused(server.addr, with(server, VERSION, &two), 400).await;
        }
    })
    .await;
}

#[tokio::test]
async fn h08_a_missing_key_is_400() {
    survives(Config::default(), async |server| {
        let response = refused(server.addr, with(server, KEY, ""), 400).await;
        assert!(response.body.contains("Sec-WebSocket-Key"), "{response:?}");
    })
    .await;
}

#[tokio::test]
async fn h09_a_key_that_is_not_16_bytes_in_base64_is_400() {
    survives(Config::default(), async |server| {
        for key in [
            "",
            "MTIzNDU2Nzg5MDEyMzQ1",     // 15 bytes
            "MTIzNDU2Nzg5MDEyMzQ1Njc=", // 17 bytes
            "MTIzNDU2Nzg5MDEyMzQ1Njc4", // 18 bytes in 24 characters
            "dGhlIHNhbXBsZSBub25jZQ",   // no padding
            "dGhlIHNhbXBsZSBub25jZR==", // bits left over
            "dGhlIHNhbXBsZSBub25j____", // the other alphabet
            "dGhlIHNhbXBs ZSBub25jZQ==",
            "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==",
            "not base64 at all",
        ] {
            let request = with(server, KEY, &format!("Sec-WebSocket-Key: {key}\r\n"));
            refused(server.addr, request, 400).await;
        }
        // Space around a value is not part of it (RFC 9110 section 5.5).
        let spaced = KEY.replace(": ", ":\t  ").replace("\r\n", "  \r\n");
        accepted(server.addr, with(server, KEY, &spaced)).await;
    })
    .await;
}

#[tokio::test]
async fn h10_two_keys_are_400_even_if_they_are_equal() {
    survives(Config::default(), async |server| {
        let other = "Sec-WebSocket-Key: MTIzNDU2Nzg5MDEyMzQ1Ng==\r\n";
        for two in [KEY.repeat(2), KEY.to_owned() + other] {
            refused(server.addr, with(server, KEY, &two), 400).await;
        }
    })
    .await;
}

#[tokio::test]
async fn h11_without_upgrade_to_websocket_it_is_426() {
    survives(Config::default(), async |server| {
        for upgrade in [
            "",
            "Upgrade: h2c\r\n",
            "Upgrade: websockets\r\n",
            "Upgrade: web socket\r\n",
            "Upgrade:\r\n",
        ] {
            let request = with(server, "Upgrade: websocket\r\n", upgrade);
            let response = refused(server.addr, request, 426).await;
            assert_eq!(response.header("upgrade"), Some("websocket"));
        }
    })
    .await;
}

#[tokio::test]
async fn h12_upgrade_is_a_list_in_any_case() {
    survives(Config::default(), async |server| {
        for upgrade in [
            "Upgrade: WebSocket\r\n",
            "upgrade: WEBSOCKET\r\n",
            "Upgrade: websocket, h2c\r\n",
            "Upgrade: h2c,websocket\r\n",
            "Upgrade: , websocket ,\r\n",
            "Upgrade: h2c\r\nUpgrade: websocket\r\n",
        ] {
            accepted(server.addr, with(server, "Upgrade: websocket\r\n", upgrade)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn h13_connection_is_a_list_in_any_case() {
    survives(Config::default(), async |server| {
        for connection in [
            "Connection: keep-alive, Upgrade\r\n",
            "Connection: keep-alive\r\nConnection: upgrade\r\n",
            "Connection: keep-alive,\tUpgrade\r\n",
            "Connection: UPGRADE\r\n",
            "Connection: close, Upgrade\r\n",
            "Connection: Upgrade, HTTP2-Settings\r\n",
        ] {
            let request = with(server, "Connection: Upgrade\r\n", connection);
            accepted(server.addr, request).await;
        }
        for near_miss in [
            "",
            "Connection: keep-alive\r\n",
            "Connection: Upgrades\r\n",
            "Connection: keep-alive Upgrade\r\n",
            "Connection: \"Upgrade\"\r\n",
            "Proxy-Connection: Upgrade\r\n",
        ] {
            let request = with(server, "Connection: Upgrade\r\n", near_miss);
            refused(server.addr, request, 400).await;
        }
    })
    .await;
}

#[tokio::test]
async fn h14_a_missing_host_is_400() {
    survives(Config::default(), async |server| {
        let host = format!("Host: {}\r\n", server.addr);
        let response = refused(server.addr, with(server, &host, ""), 400).await;
        assert!(response.body.contains("Host"), "{response:?}");
        // A target that names the host does not replace the header (RFC 9112 section 3.2).
        let absolute =
            with(server, &host, "").replace("GET /", &format!("GET ws://{}/", server.addr));
        refused(server.addr, absolute, 400).await;
        refused(server.addr, "GET / HTTP/1.1\r\n\r\n", 400).await;
    })
    .await;
}

/// An empty port is the default port (RFC 3986 section 3.2.3), here 80.
#[tokio::test]
async fn h14_an_empty_port_in_the_host_counts_as_no_port() {
    let config = Config {
        allowed_hosts: Authority::parse("chat.example", 80).into_iter().collect(),
        ..Config::default()
    };
    survives(config, async |server| {
        let own = format!("Host: {}", server.addr);
        let ask = |host: &str| with(server, &own, &format!("Host: {host}"));
        let mut raw = Raw::connect(server.addr).await;
        raw.send(ask("chat.example:").as_bytes()).await;
        assert_eq!(raw.head().await.status, 101);
        for (host, status) in [
            ("127.0.0.1:", 403),
            ("evil.example:", 403),
            (":", 400),
            ("chat.example::", 400),
            (&*format!("{}:", server.addr), 400),
        ] {
            refused(server.addr, ask(host), status).await;
        }
    })
    .await;
}

#[tokio::test]
async fn h15_two_hosts_are_400_in_any_order() {
    survives(Config::default(), async |server| {
        let good = format!("Host: {}\r\n", server.addr);
        let evil = "Host: evil.example\r\n";
        for two in [good.repeat(2), good.clone() + evil, evil.to_owned() + &good] {
            refused(server.addr, with(server, &good, &two), 400).await;
        }
        let listed = format!("Host: {}, {}\r\n", server.addr, server.addr);
        refused(server.addr, with(server, &good, &listed), 400).await;
    })
    .await;
}

/// Bytes that one side takes for a body and the other for frames are a way in.
#[tokio::test]
async fn h16_a_handshake_with_a_body_is_400_and_the_body_is_not_read() {
    survives(Config::default(), async |server| {
        for (head, body) in [
            ("Content-Length: 5\r\n", "hello"),
            // Not a byte of the body is waited for.
            ("Content-Length: 5\r\n", ""),
            ("Content-Length: 1073741824\r\n", ""),
            ("Content-Length: 5\r\nExpect: 100-continue\r\n", ""),
            ("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
            ("Transfer-Encoding: chunked\r\n", ""),
        ] {
            let request = handshake(server.addr, "/", head) + body;
            let response = refused(server.addr, request, 400).await;
            assert!(response.body.contains("body"), "{response:?}");
        }
        // The near miss: a body of no bytes is none.
        for none in ["Content-Length: 0\r\n", "Expect: 100-continue\r\n"] {
            accepted(server.addr, handshake(server.addr, "/", none)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn h17_a_body_of_two_lengths_is_400() {
    survives(Config::default(), async |server| {
        for lengths in [
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            "Content-Length: 0\r\nContent-Length: 5\r\n",
            "Content-Length: 0, 5\r\n",
            "Content-Length: +0\r\n",
            "Content-Length: -1\r\n",
            "Transfer-Encoding: identity\r\n",
            "Transfer-Encoding: chunked, identity\r\n",
        ] {
            let request = handshake(server.addr, "/", lengths) + "hello";
            let response = ask(server.addr, request).await;
            assert_eq!(response.status, 400, "{lengths:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn h18_a_broken_header_line_is_400() {
    survives(Config::default(), async |server| {
        for line in [
            "X Y: z\r\n",
            "X : z\r\n",
            " X: z\r\n",
            "X: y\r\n z\r\n",
            "X: y\r\n\tz\r\n",
            "X: y\0z\r\n",
            "X: y\rz\r\n",
            "X\r\n",
            ": z\r\n",
            "X\x01: z\r\n",
        ] {
            refused(server.addr, handshake(server.addr, "/", line), 400).await;
        }
    })
    .await;
}

/// RFC 9112 section 2.2 lets a server read a bare LF as the end of a line.
#[tokio::test]
async fn h19_a_bare_lf_ends_a_line() {
    survives(Config::default(), async |server| {
        accepted(server.addr, with(server, "\r\n", "\n")).await;
    })
    .await;
}

#[tokio::test]
async fn h20_bytes_beyond_ascii_are_400_only_where_they_matter() {
    let config = Config {
        require_auth: true,
        token: Some(zcomm_core::Token::new("0123456789abcdef").unwrap()),
        ..Config::default()
    };
    super::survives_at("?token=0123456789abcdef", config, async |server| {
        let good = "Authorization: Bearer 0123456789abcdef\r\n";
        let latin1 = |text: String| text.chars().map(|c| c as u8).collect::<Vec<_>>();
        let ignored = format!("{good}X-Name: Zo\u{eb}\u{ff}\r\n");
        accepted(server.addr, latin1(handshake(server.addr, "/", &ignored))).await;
        for line in [
            format!(
                "{good}Origin: http://localh\u{f6}st:{}\r\n",
                server.addr.port()
            ),
            "Authorization: Bearer 0123456789abcde\u{e9}\r\n".to_owned(),
            "Authorization: B\u{e9}arer 0123456789abcdef\r\n".to_owned(),
        ] {
            refused(server.addr, latin1(handshake(server.addr, "/", &line)), 400).await;
        }
        let host = with(server, "Host: ", "Host: \u{e9}");
        refused(server.addr, latin1(host), 400).await;
    })
    .await;
}

#[tokio::test]
async fn h21_more_than_64_headers_are_431() {
    survives(Config::default(), async |server| {
        // The handshake itself has five.
        let headers = |more: usize| "X: y\r\n".repeat(more - 5);
        accepted(server.addr, handshake(server.addr, "/", &headers(64))).await;
        for number in [65, 101, 2000] {
            refused(
                server.addr,
                handshake(server.addr, "/", &headers(number)),
                431,
            )
            .await;
        }
    })
    .await;
}

#[tokio::test]
async fn h22_a_header_of_17_kib_or_10_mib_is_431() {
    survives(Config::default(), async |server| {
        let header = |size: usize| format!("X: {}\r\n", "y".repeat(size));
        accepted(server.addr, handshake(server.addr, "/", &header(15 << 10))).await;
        for size in [17 << 10, 70 << 10, 10 << 20] {
            refused(server.addr, handshake(server.addr, "/", &header(size)), 431).await;
        }
        // The limit needs no end of the line to be seen.
        let endless = handshake(server.addr, "/", "").replace("Host", &"y".repeat(70 << 10));
        refused(server.addr, endless.trim_end(), 431).await;
    })
    .await;
}

/// A head costs at most its 16 KiB, however much more of it comes.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn h22_a_head_of_10_mib_costs_no_memory() {
    survives_as_a_program("", demo!("2_websocket_echo"), async |demo| {
        let pid = demo.id();
        let peak = || {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
            let line = status
                .lines()
                .find(|line| line.starts_with("VmHWM:"))
                .unwrap();
            line.split_whitespace()
                .nth(1)
                .unwrap()
                .parse::<u64>()
                .unwrap()
        };
        let huge = format!("X: {}\r\n", "y".repeat(10 << 20));
        let request = handshake(demo.addr, "/", &huge);
        refused(demo.addr, &request, 431).await;
        let before = peak();
        for _ in 0..5 {
            refused(demo.addr, &request, 431).await;
        }
        let grown = peak() - before;
        assert!(grown < 2048, "{grown} KiB more");
    })
    .await;
}

#[tokio::test]
async fn h23_an_address_of_more_than_4_kib_is_414() {
    survives(Config::default(), async |server| {
        // The limit of 512 bytes is for the values that a handler reads.
        let target = |length: usize| format!("/?token={}", "y".repeat(length - 7));
        accepted(server.addr, handshake(server.addr, &target(4096), "")).await;
        for target in [
            target(4097),
            target(5 << 10),
            format!("/{}", "y".repeat(4096)),
        ] {
            let response = refused(server.addr, handshake(server.addr, &target, ""), 414).await;
            assert!(!response.body.contains("yy"), "{response:?}");
        }
        refused(
            server.addr,
            handshake(server.addr, &target(60 << 10), ""),
            431,
        )
        .await;
    })
    .await;
}

/// A list of 10 000 names and 32 000 spaces do not fit into a head. What fits is answered
/// at once: the best of five is counted, because a machine may be busy and a slow parser
/// is slow every time.
#[tokio::test]
async fn h24_a_long_list_of_subprotocols_is_answered_at_once_and_none_is_chosen() {
    survives(Config::default(), async |server| {
        let line = |value: String| format!("Sec-WebSocket-Protocol: {value}\r\n");
        for value in [
            "a".to_owned() + &" ".repeat(15_000) + "b",
            "chat,".repeat(3_000) + "chat",
            ",".repeat(15_000),
        ] {
            let request = handshake(server.addr, "/", &line(value));
            let mut best = std::time::Duration::MAX;
            for _ in 0..5 {
                let start = Instant::now();
                let mut raw = Raw::connect(server.addr).await;
                raw.send(request.as_bytes()).await;
                assert_eq!(raw.head().await.status, 101);
                best = best.min(start.elapsed());
            }
            assert!(best.as_millis() < 10, "{best:?}");
            accepted(server.addr, &request).await;
        }
        for value in [" ".repeat(32_000) + "x", "chat,".repeat(10_000)] {
            refused(server.addr, handshake(server.addr, "/", &line(value)), 431).await;
        }
    })
    .await;
}

#[tokio::test]
async fn h25_no_extension_is_agreed_on_whatever_is_offered() {
    survives(Config::default(), async |server| {
        for offer in [
            "permessage-deflate".to_owned(),
            "permessage-deflate; client_max_window_bits=99".to_owned(),
            "permessage-deflate; client_max_window_bits; server_no_context_takeover".to_owned(),
            ";;;=,,,\"".to_owned(),
            "x-webkit-deflate-frame".to_owned(),
            "constructor, __proto__; a=\"".to_owned(),
            "a;b=c, ".repeat(1000),
        ] {
            let line = format!("Sec-WebSocket-Extensions: {offer}\r\n");
            accepted(server.addr, handshake(server.addr, "/", &line)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn h26_a_host_in_the_target_must_be_ours_too() {
    survives(Config::default(), async |server| {
        let addr = server.addr;
        let target = |target: &str| handshake(addr, target, "");
        accepted(addr, target(&format!("http://{addr}/ws"))).await;
        accepted(addr, target(&format!("ws://{addr}/"))).await;
        for evil in [
            "http://evil/ws".to_owned(),
            format!("http://evil:{}/ws", addr.port()),
            format!("http://evil@{addr}/ws"),
            format!("http://{addr}@evil/ws"),
            format!("http://{addr}.evil/ws"),
            // Also ours, but not the one in the Host header.
            format!("http://localhost:{}/ws", addr.port()),
            "http://127.0.0.1/ws".to_owned(),
        ] {
            refused(addr, target(&evil), 403).await;
        }
        // Both evil: they agree with each other, not with us.
        let both = target("http://evil.example/ws")
            .replace(&format!("Host: {addr}"), "Host: evil.example");
        refused(addr, both, 403).await;
    })
    .await;
}

#[tokio::test]
async fn h27_a_path_is_compared_as_it_is_written() {
    survives(Config::default(), async |server| {
        for path in [
            "/%zz",
            "/%",
            "/..%2f",
            "/../ws",
            "/./ws",
            "//",
            "//ws",
            "/ws/",
            "/%77s",
            "/ws%00",
            "/w\u{455}",
            "/ws;x=1",
            "/WS",
            "/ws%3Ftoken=x",
            "/ws\\",
        ] {
            refused(server.addr, handshake(server.addr, path, ""), 404).await;
            let response = get(server.addr, path).await;
            assert_eq!(response.status, 404, "{path}");
        }
        for nonsense in ["/\0", "/ws\0", "/ws\x7f", "/a b", "ws/"] {
            refused(server.addr, handshake(server.addr, nonsense, ""), 400).await;
        }
        // Without a slash it is a host (RFC 9112 section 3.2.3), and a foreign one.
        for host in ["ws", "*ws"] {
            refused(server.addr, handshake(server.addr, host, ""), 403).await;
        }
        refused(server.addr, handshake(server.addr, "*", ""), 404).await;
    })
    .await;
}

#[tokio::test]
async fn h28_a_request_in_segments_of_one_byte_is_accepted() {
    survives(Config::default(), async |server| {
        let mut raw = Raw::connect(server.addr).await;
        let mut request = handshake(server.addr, "/", &"X: y\r\n".repeat(50)).into_bytes();
        request.extend(frame(0x81, b"slow"));
        for byte in request {
            raw.send(&[byte]).await;
            // The server's turn: so that it reads them one by one.
            tokio::task::yield_now().await;
        }
        assert_eq!(raw.head().await.status, 101);
        assert_eq!(raw.next_frame().await, Some((0x81, b"slow".to_vec())));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn h29_who_connects_and_says_nothing_is_dropped_after_5_s() {
    survives(Config::default(), async |server| {
        let start = tokio::time::Instant::now();
        assert_eq!(Raw::connect(server.addr).await.rest().await, b"");
        assert_eq!(start.elapsed().as_secs(), 5);
    })
    .await;
}

/// The log is a program's, so these five seconds are real ones.
#[tokio::test]
async fn h29_the_log_says_that_a_handshake_took_too_long() {
    survives_as_a_program("", demo!("2_websocket_echo"), async |demo| {
        let mut raw = Raw::connect(demo.addr).await;
        assert_eq!(raw.rest().await, b"");
        demo.says("handshake_timeout: the client sent nothing")
            .await;
        // It got no answer, so the line has no status.
        assert!(!demo.output().contains("status="), "{}", demo.output());
    })
    .await;
}

/// Also where the client resets the connection. A client that has sent nothing is no line.
#[tokio::test]
async fn h29_half_a_request_and_then_the_end_is_one_line_and_is_counted() {
    survives_as_a_program("", demo!("2_websocket_echo"), async |demo| {
        let line = "handshake.abandoned peer=127.0.0.1";
        let reason = "the client ended the connection before its request was complete";
        drop(Raw::connect(demo.addr).await);
        for (index, half) in ["G", "GET / HTTP/1.1\r\nHost: x\r\n", "PRI * HT"]
            .into_iter()
            .enumerate()
        {
            let mut raw = Raw::connect(demo.addr).await;
            raw.send(half.as_bytes()).await;
            match index {
                0 => raw.stream.set_zero_linger().unwrap(),
                _ => raw.hang_up().await,
            }
            drop(raw);
            let output = demo.says_times(reason, index + 1).await;
            assert_eq!(output.matches(line).count(), index + 1, "{output}");
        }
        let counted = async { while refusals(demo.addr, "left").await != 4 {} };
        soon("the counter", counted).await;
    })
    .await;
}

/// A client that began a request reads why it was dropped.
#[tokio::test(start_paused = true)]
async fn h29_half_a_request_gets_408_after_5_s() {
    survives(Config::default(), async |server| {
        let start = tokio::time::Instant::now();
        let response = refused(server.addr, "GET / HTTP/1.1\r\nHost: ", 408).await;
        assert!(response.body.contains("5 s"), "{response:?}");
        assert_eq!(start.elapsed().as_secs(), 5);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn h30_five_seconds_count_from_accept_and_not_from_the_last_byte() {
    survives(Config::default(), async |server| {
        let start = tokio::time::Instant::now();
        let mut raw = Raw::connect(server.addr).await;
        let request = handshake(server.addr, "/", "");
        let mut clock = tokio::time::interval(std::time::Duration::from_secs(1));
        let mut ticks = 0;
        let dropped = async {
            for byte in request.bytes() {
                clock.tick().await;
                ticks += 1;
                raw.send(&[byte]).await;
                let mut byte = [0];
                let answered = raw.stream.peek(&mut byte);
                if tokio::time::timeout(std::time::Duration::ZERO, answered)
                    .await
                    .is_ok()
                {
                    break;
                }
            }
            raw.response().await.status
        };
        assert_eq!(soon("the drop", dropped).await, 408);
        assert!((5..=7).contains(&ticks), "{ticks} bytes");
        assert!(start.elapsed().as_secs() <= 7, "{:?}", start.elapsed());
    })
    .await;
}

#[tokio::test]
async fn h31_a_frame_sent_before_the_101_is_not_lost() {
    survives(Config::default(), async |server| {
        for length in [1, 5, 100, 20_000, 60_000] {
            let text = vec![b'e'; length];
            let mut raw = Raw::connect(server.addr).await;
            let mut bytes = handshake(server.addr, "/", "").into_bytes();
            bytes.extend(frame(0x81, &text));
            bytes.extend(frame(0x81, b"second"));
            raw.send(&bytes).await;
            assert_eq!(raw.head().await.status, 101);
            assert_eq!(raw.next_frame().await, Some((0x81, text)));
            assert_eq!(raw.next_frame().await, Some((0x81, b"second".to_vec())));
        }
        // Half a frame before the 101, half after it.
        let early = frame(0x81, b"two halves");
        let mut raw = Raw::connect(server.addr).await;
        let mut bytes = handshake(server.addr, "/", "").into_bytes();
        bytes.extend(&early[..7]);
        raw.send(&bytes).await;
        assert_eq!(raw.head().await.status, 101);
        raw.send(&early[7..]).await;
        assert_eq!(raw.next_frame().await, Some((0x81, b"two halves".to_vec())));
        // A refused handshake takes its frames with it.
        let mut raw = Raw::connect(server.addr).await;
        let mut bytes = with(server, KEY, "").into_bytes();
        bytes.extend(&early);
        raw.send(&bytes).await;
        assert_eq!(raw.response().await.status, 400);
    })
    .await;
}

#[tokio::test]
async fn h32_tls_on_the_plain_port_is_named_in_the_log() {
    survives_as_a_program("", demo!("2_websocket_echo"), async |demo| {
        // The start of a ClientHello: record of type 22, TLS 1.0, 512 bytes, message 1.
        let mut hello = vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
        hello.resize(517, 0x42);
        let mut raw = Raw::connect(demo.addr).await;
        raw.send(&hello).await;
        assert_400_with_words(&raw.rest().await);
        demo.says("this looks like TLS").await;
        demo.says(&format!("use ws://{}/", demo.addr)).await;
    })
    .await;
}

#[tokio::test]
async fn h33_what_is_not_http_is_400_with_words_and_logged_once() {
    survives_as_a_program("", demo!("2_websocket_echo"), async |demo| {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        };
        let mut garbage = vec![
            b"SSH-2.0-OpenSSH_9.6\r\n".to_vec(),
            vec![0; 1 << 20],
            b"\x80\x80\x01\x03\x01".to_vec(),
            b"\x1b]0;pwn\x07\x1b[2J\r\n\r\n".to_vec(),
        ];
        garbage.extend((0..20).map(|_| (0..256).map(|_| random() | 0x80).collect()));
        for (index, bytes) in garbage.iter().enumerate() {
            let mut raw = Raw::connect(demo.addr).await;
            raw.send(bytes).await;
            assert_400_with_words(&raw.rest().await);
            // Refused after it, so logged after it.
            assert_eq!(get(demo.addr, "/after").await.status, 404);
            let output = demo
                .says_times("nothing is served under this path", index + 1)
                .await;
            assert_eq!(output.matches("handshake.rejected").count(), index + 1);
            assert_eq!(output.matches("request.refused").count(), index + 1);
            assert!(
                !output.contains('\x1b') && !output.contains("SSH-2.0"),
                "{output}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn h34_a_good_handshake_on_another_path_is_404() {
    survives(Config::default(), async |server| {
        for path in [
            "/chat",
            "/wss",
            "/w",
            "/ws/",
            "/index.html",
            "/ws/ws",
            "/why/",
        ] {
            refused(server.addr, handshake(server.addr, path, ""), 404).await;
        }
        for path in ["/", "/ws", "/?", "/ws?path=/chat"] {
            accepted(server.addr, handshake(server.addr, path, "")).await;
        }
        // What is not a WebSocket stays what it is: Upgrade may be ignored (RFC 9110 7.8).
        for (path, body) in [("/healthz", "ok\n"), ("/stats", "{\"clients\":")] {
            let response = ask(server.addr, handshake(server.addr, path, "")).await;
            assert_eq!(response.status, 200, "{path}");
            assert!(response.body.starts_with(body), "{response:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn h35_one_request_per_connection() {
    survives(Config::default(), async |server| {
        let one = get_request(server, "/healthz");
        let keep = one.replace("\r\n\r\n", "\r\nConnection: keep-alive\r\n\r\n");
        for requests in [
            keep.repeat(2),
            keep.repeat(100),
            keep + &handshake(server.addr, "/", ""),
        ] {
            let mut raw = Raw::connect(server.addr).await;
            raw.send(requests.as_bytes()).await;
            let response = raw.response().await;
            assert_eq!(response.status, 200);
            assert_eq!(response.header("connection"), Some("close"));
            // Nothing after the first answer.
            assert_eq!(response.body, "ok\n");
        }
    })
    .await;
}

#[tokio::test]
async fn h36_a_reset_in_the_middle_of_the_101_frees_the_place_in_silence() {
    let one_more = demo!("2_websocket_echo").env("WEBSOCKET_MAX_CONNECTIONS", "2");
    survives_as_a_program("", one_more, async |demo| {
        for _ in 0..50 {
            let mut raw = Raw::connect(demo.addr).await;
            raw.send(handshake(demo.addr, "/", "").as_bytes()).await;
            raw.stream.set_zero_linger().unwrap();
        }
        // The last place is the one that the resets gave back.
        let back = async {
            while let Err(error) = Client::try_connect(demo.url()).await {
                assert!(error.to_string().contains("503"), "{error}");
            }
        };
        soon("the place of the reset connections", back).await;
        let output = demo.output();
        assert!(
            !output.contains("WARN") && !output.contains("ERROR"),
            "{output}"
        );
    })
    .await;
}

/// RFC 9112 section 2.2: an empty line before a request is the rest of an old one.
#[tokio::test]
async fn empty_lines_before_a_request_are_skipped_but_not_for_ever() {
    survives(Config::default(), async |server| {
        let request = handshake(server.addr, "/", "");
        accepted(server.addr, format!("\r\n{request}")).await;
        accepted(server.addr, "\r\n".repeat(100) + &request).await;
        let response = ask(server.addr, "\r\n".repeat(100_000)).await;
        assert!(matches!(response.status, 400 | 431), "{response:?}");
    })
    .await;
}

/// `printf 'GET / …' | nc -N`: the end of what a client says is not the end of its
/// interest.
#[tokio::test]
async fn who_ends_its_side_behind_the_request_is_still_answered() {
    survives(Config::default(), async |server| {
        for (request, status) in [
            (get_request(server, "/healthz"), 200),
            (get_request(server, "/ws"), 426),
            (with(server, KEY, ""), 400),
            (handshake(server.addr, "/", ""), 101),
        ] {
            let mut raw = Raw::connect(server.addr).await;
            raw.send(request.as_bytes()).await;
            raw.stream.shutdown().await.unwrap();
            assert_eq!(raw.response().await.status, status, "{request}");
        }
        // Half a request is none, and its client has left.
        let mut raw = Raw::connect(server.addr).await;
        raw.send(b"GET / HTTP/1.1\r\nHost: ").await;
        raw.stream.shutdown().await.unwrap();
        assert_eq!(raw.rest().await, b"");
    })
    .await;
}

/// A request line with the attempt of a page, and the way to ask for its refusal.
const ATTEMPT: &str = "0123456789abcdef";

/// Browsers say only 1006 to a page, so the page asks `/why`.
async fn why(server: &Running) -> String {
    let response = get(server.addr, &format!("/why?attempt={ATTEMPT}")).await;
    assert_eq!(response.status, 200, "{response:?}");
    response.body
}

/// The number of refusals with this reason, as a monitor reads it.
async fn refusals(addr: std::net::SocketAddr, reason: &str) -> u32 {
    let text = get(addr, "/metrics").await.body;
    let name = format!("zcomm_refusals_total{{reason=\"{reason}\"}} ");
    let number = text
        .lines()
        .find_map(|line| line.strip_prefix(name.as_str()));
    number
        .unwrap_or_else(|| panic!("{name}: {text}"))
        .parse()
        .unwrap()
}

/// hyper alone answers these with a status and no words.
#[tokio::test]
async fn every_request_that_cannot_be_read_has_words_a_counter_and_an_answer_in_why() {
    survives(Config::default(), async |server| {
        let request = |more: &str| handshake(server.addr, &format!("/?attempt={ATTEMPT}"), more);
        let cookies = format!("Cookie: a={}\r\n", "c".repeat(17 * 1024));
        for (more, status, reason) in [
            (cookies.as_str(), 431, "head_too_large"),
            (&"X: y\r\n".repeat(60), 431, "head_too_large"),
            ("no colon\r\n", 400, "not_http"),
            (
                "Content-Length: 5\r\nContent-Length: 6\r\n",
                400,
                "not_http",
            ),
        ] {
            let before = refusals(server.addr, reason).await;
            let response = refused(server.addr, request(more), status).await;
            let why = why(server).await;
            assert!(why.contains(&format!("\"status\":{status}")), "{why}");
            // The same words in both places.
            let words = response.body.trim_end().split(": ").nth(1).unwrap();
            assert!(why.contains(words), "{why} {words}");
            assert_eq!(refusals(server.addr, reason).await, before + 1, "{more:?}");
        }
        let response = refused(server.addr, request(&cookies), 431).await;
        for limit in ["16 KiB", "64 headers", "cookies"] {
            assert!(response.body.contains(limit), "{response:?}");
        }
        // Two attempts in one request tell no page.
        let two = format!("/?attempt={ATTEMPT}&attempt={ATTEMPT}");
        refused(server.addr, handshake(server.addr, &two, &cookies), 431).await;
        why(server).await;
        let again = get(server.addr, &format!("/why?attempt={ATTEMPT}")).await;
        assert_eq!(again.status, 404, "{again:?}");
    })
    .await;
}

/// If the server chose a meaning, a proxy in front could have chosen another one.
#[tokio::test]
async fn h37_a_query_with_two_meanings_is_400_and_says_why() {
    survives(Config::default(), async |server| {
        let long = format!("/?name={}", "x".repeat(513));
        let many: String = (0..9).map(|n| format!("&n{n}=1")).collect();
        for (target, words) in [
            ("/?name=A&name=B", "a name occurs twice"),
            ("/ws?room=A&x=1&r%6Fom=A", "a name occurs twice"),
            ("/?session=&session=", "a name occurs twice"),
            (
                "/?attempt=0123456789abcdef&attempt=0123456789abcdef",
                "a name occurs twice",
            ),
            ("/?token=a&token=b", "the token was given twice"),
            ("/?name=%ff", "not UTF-8"),
            ("/?%C3%28=x", "not UTF-8"),
            (&format!("/?{many}"), "more than 8 names"),
            (&long, "more than 512 bytes"),
        ] {
            let request = handshake(server.addr, target, "");
            let response = refused(server.addr, request, 400).await;
            assert!(response.body.contains(words), "{target}: {response:?}");
        }
        for near_miss in [
            "/?name=A&Name=B",
            "/?name=%C3%A4&room=%EF%BF%BD",
            "/?name=50%&room=%zz",
            &format!("/?{}&token=a&attempt=b", &many[..many.len() - 5]),
            &long[..long.len() - 1],
        ] {
            Raw::open(server.addr, near_miss).await;
        }
    })
    .await;
}

/// Each is counted once, under its own name, and none of them as another.
#[tokio::test]
async fn what_is_not_a_request_is_counted_by_its_kind() {
    survives(Config::default(), async |server| {
        for (bytes, status, reason) in [
            (&b"\x16\x03\x01\x02\x00\x01"[..], 400, "tls_on_plain"),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "http2"),
            (b"SSH-2.0-OpenSSH_9.6\r\n", 400, "not_http"),
            (b"GET /\r\n\r\n", 400, "not_http"),
        ] {
            let before = refusals(server.addr, reason).await;
            refused(server.addr, bytes, status).await;
            assert_eq!(refusals(server.addr, reason).await, before + 1, "{reason}");
        }
        let stats = get(server.addr, "/stats").await.body;
        assert!(stats.contains("\"refused\":4"), "{stats}");
    })
    .await;
}

/// Not only handshakes: a scanner asks for documents, and an attacker guesses tokens at /metrics.
#[tokio::test]
async fn every_refused_request_is_counted_once_under_its_reason() {
    let config = Config {
        token: Some(Token::new("a-token-of-sixteen").unwrap()),
        ..Config::default()
    };
    survives(config, async |server| {
        let host = format!("Host: {}\r\n", server.addr);
        let line = |line: &str, more: &str| format!("{line} HTTP/1.1\r\n{host}{more}\r\n");
        let proxied = |more: &str| {
            let more = format!("X-Forwarded-For: 192.0.2.1\r\n{more}");
            line("GET /metrics", &more)
        };
        let foreign = "GET / HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n".to_owned();
        let long = line(&format!("GET /?{}", "x".repeat(5000)), "");
        for (request, status, reason) in [
            (line("GET /nothing", ""), 404, "not_found"),
            (line("HEAD /nothing", ""), 404, "not_found"),
            (line("POST /", ""), 405, "method"),
            (line("DELETE /metrics", ""), 405, "method"),
            (line("GET /ws", ""), 426, "upgrade"),
            (line("GET /xray", ""), 426, "upgrade"),
            (foreign, 403, "host"),
            (long, 414, "uri_too_long"),
            (line("GET /", "Content-Length: 3\r\n"), 400, "malformed"),
            (
                line("GET /why?attempt=0123456789abcdef", ""),
                404,
                "not_noted",
            ),
            (line("GET /why", ""), 404, "not_noted"),
            (line("GET /why?attempt=a&attempt=a", ""), 400, "malformed"),
            (proxied(""), 403, "private"),
            (proxied("Origin: http://evil.example\r\n"), 403, "origin"),
            (
                proxied("Authorization: Bearer guess\r\n"),
                401,
                "token_wrong",
            ),
        ] {
            let before = refusals(server.addr, reason).await;
            let stats = stats_refused(server.addr).await;
            assert_eq!(ask(server.addr, &request).await.status, status, "{request}");
            let now = refusals(server.addr, reason).await;
            assert_eq!(now, before + 1, "{request}");
            let all = stats_refused(server.addr).await;
            assert_eq!(all, stats + 1, "{request}");
        }
        // The answers to the questions that are not refused.
        let before = stats_refused(server.addr).await;
        for path in ["/healthz", "/stats", "/metrics", "/favicon.ico"] {
            get(server.addr, path).await;
        }
        assert_eq!(stats_refused(server.addr).await, before);
    })
    .await;
}

/// The number of refused requests, as a page reads it.
async fn stats_refused(addr: std::net::SocketAddr) -> u64 {
    let stats = get(addr, "/stats").await.body;
    let stats: serde_json::Value = serde_json::from_str(&stats).unwrap();
    stats["refused"].as_u64().unwrap()
}

/// The client gets no answer here, because the time for the handshake ends before the wait for the
/// answer to a wrong token.
#[tokio::test]
async fn a_refused_client_that_takes_no_answer_is_not_counted_again_as_a_timeout() {
    let config = Config {
        token: Some(Token::new("a-token-of-sixteen").unwrap()),
        require_auth: true,
        refuse: RefuseBy::Http,
        handshake_timeout: std::time::Duration::from_millis(300),
        ..Config::default()
    };
    survives_at("?token=a-token-of-sixteen", config, async |server| {
        let guess = handshake(server.addr, "/?token=guess", "");
        let mut answered = 0;
        while refusals(server.addr, "too_many_wrong_tokens").await == 0 {
            let mut raw = Raw::connect(server.addr).await;
            raw.send(guess.as_bytes()).await;
            raw.rest().await;
            answered += 1;
        }
        assert_eq!(refusals(server.addr, "token_wrong").await, answered - 1);
        assert_eq!(refusals(server.addr, "timeout").await, 0);
    })
    .await;
}

/// A proxy that drops the header `Upgrade` makes a plain request of a handshake. The page learns
/// only 1006, and asks `/why`.
#[tokio::test]
async fn why_also_knows_a_handshake_that_a_proxy_has_made_a_plain_request() {
    survives(Config::default(), async |server| {
        let request = format!(
            "GET /ws?attempt={ATTEMPT} HTTP/1.1\r\nHost: {}\r\n\r\n",
            server.addr
        );
        refused(server.addr, request, 426).await;
        assert!(why(server).await.contains("this path speaks WebSocket"));
    })
    .await;
}

/// A page that offers a subprotocol ends with 1006, because the server chooses none. So one line
/// says so. A name that may be a token is not shown.
#[tokio::test]
async fn h25_an_offered_subprotocol_is_a_line_in_the_log() {
    let mut demo = demo!("2_websocket_echo").start().await;
    for (more, shown) in [
        (
            "Sec-WebSocket-Protocol: chat, superchat\r\n",
            r#"subprotocols="chat, superchat""#,
        ),
        (
            "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n",
            r#"subprotocols="chat" extensions="permessage-deflate""#,
        ),
        (
            "Sec-WebSocket-Protocol: bearer, canary-token-7Qp2xV9d\r\n",
            r#"subprotocols="***, ***""#,
        ),
    ] {
        offers(&demo, more).await;
        demo.says(shown).await;
    }
    let lines = demo
        .output()
        .matches("speaks no subprotocol and no extension")
        .count();
    assert_eq!(lines, 3);
    // Every browser offers compression, and works without it.
    let deflate = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    offers(&demo, deflate).await;
    offers(&demo, "").await;
    demo.says_times("conn.opened", 5).await;
    assert_eq!(demo.output().matches("handshake.offers").count(), 3);
}

/// A handshake with these headers, which succeeds and chooses nothing.
async fn offers(demo: &Demo, more: &str) {
    let mut raw = Raw::connect(demo.addr).await;
    raw.send(handshake(demo.addr, "/", more).as_bytes()).await;
    let response = raw.head().await;
    assert_eq!(response.status, 101);
    assert!(
        !response
            .head
            .to_ascii_lowercase()
            .contains("sec-websocket-protocol")
    );
}
