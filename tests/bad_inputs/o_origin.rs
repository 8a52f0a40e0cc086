//! O: Origin and Host. Whole origins are compared, so every near miss is somebody else.

use std::net::SocketAddr;

use zcomm_core::{Authority, Config, Origin, Token};

use super::{accepted, refused, survives, survives_as_a_program, survives_at};
use crate::{
    demo,
    harness::{Client, Response, ask, echo, get, handshake, serve},
};

/// A handshake from a page of this origin.
fn from(addr: SocketAddr, origin: &str) -> String {
    handshake(addr, "/", &format!("Origin: {origin}\r\n"))
}

/// A handshake to a server under this name.
fn to(addr: SocketAddr, host: &str) -> String {
    handshake(addr, "/", "").replace(&format!("Host: {addr}"), &format!("Host: {host}"))
}

async fn refused_by_origin(addr: SocketAddr, request: impl AsRef<[u8]>) {
    let response = refused(addr, request, 403).await;
    assert!(
        response.body.contains("origin is not allowed"),
        "{response:?}"
    );
}

async fn refused_by_host(addr: SocketAddr, request: impl AsRef<[u8]>) -> Response {
    let response = refused(addr, request, 403).await;
    assert!(
        response.body.contains("the Host header is not a name"),
        "{response:?}"
    );
    response
}

/// A server whose list holds exactly these origins.
fn listing(origins: &[&str]) -> Config {
    let origins = origins.iter().map(|text| Origin::parse(text).unwrap());
    Config {
        allowed_origins: Some(origins.collect()),
        ..Config::default()
    }
}

#[tokio::test]
async fn o01_a_foreign_page_is_403_and_the_log_says_origin() {
    survives(Config::default(), async |server| {
        let port = server.addr.port();
        // The server's own pages, under each of its names.
        for own in ["127.0.0.1", "localhost", "[::1]"] {
            accepted(
                server.addr,
                from(server.addr, &format!("http://{own}:{port}")),
            )
            .await;
        }
        refused_by_origin(server.addr, from(server.addr, "https://evil.example")).await;
        refused_by_origin(
            server.addr,
            from(server.addr, &format!("http://evil.example:{port}")),
        )
        .await;
    })
    .await;
    survives_as_a_program("", demo!("2_websocket_echo"), async |demo| {
        refused_by_origin(demo.addr, from(demo.addr, "https://evil.example")).await;
        demo.says("this page's origin is not allowed").await;
        let output = demo.output();
        assert!(
            output.contains("handshake.rejected")
                && output.contains(r#"origin="https://evil.example""#),
            "{output}"
        );
    })
    .await;
}

#[tokio::test]
async fn o02_a_name_that_only_looks_like_loopback_is_403() {
    survives(Config::default(), async |server| {
        let port = server.addr.port();
        for host in [
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil-localhost.io",
            "localhosts",
            "evil.localhost",
            "127.0.0.11",
            "127.0.0.2",
            "[::1:0]",
            "[::ffff:127.0.0.1]",
            "0.0.0.0",
        ] {
            for origin in [format!("http://{host}"), format!("http://{host}:{port}")] {
                refused_by_origin(server.addr, from(server.addr, &origin)).await;
            }
        }
        // What looks like our port, too.
        for origin in [
            format!("http://{}.evil.example", server.addr),
            format!("http://{}@evil.example", server.addr),
            format!("http://{}:80", server.addr),
            format!("http://{}0", server.addr),
            format!("http://localhost:{port}evil"),
        ] {
            refused_by_origin(server.addr, from(server.addr, &origin)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn o03_a_longer_name_around_an_allowed_one_is_403() {
    survives(listing(&["https://app.example.com"]), async |server| {
        accepted(server.addr, from(server.addr, "https://app.example.com")).await;
        for origin in [
            "https://app.example.com.evil.io",
            "https://evilapp.example.com",
            "https://evil.app.example.com",
            "https://example.com",
            "https://app.example.co",
            "https://app-example.com",
            "https://app.example.com, https://app.example.com.evil",
        ] {
            let response = refused(
                server.addr,
                from(server.addr, origin),
                match origin {
                    two if two.contains(", ") => 400,
                    _ => 403,
                },
            );
            response.await;
        }
    })
    .await;
}

#[tokio::test]
async fn o04_another_scheme_or_port_is_another_origin() {
    survives(
        listing(&["https://app.example.com", "http://lab.example:3000"]),
        async |server| {
            accepted(server.addr, from(server.addr, "http://lab.example:3000")).await;
            for origin in [
                "http://app.example.com",
                "https://app.example.com:444",
                "https://app.example.com:80",
                "wss://app.example.com",
                "https:app.example.com",
                "//app.example.com",
                "app.example.com",
                "http://lab.example",
                "https://lab.example:3000",
                "http://lab.example:30000",
            ] {
                refused_by_origin(server.addr, from(server.addr, origin)).await;
            }
            // A list replaces what is allowed without one, but for the server's own pages.
            let (addr, port) = (server.addr, server.addr.port());
            accepted(addr, from(addr, &format!("http://{addr}"))).await;
            refused_by_origin(addr, from(addr, &format!("http://localhost:{port}"))).await;
            refused_by_origin(addr, from(addr, &format!("https://{addr}"))).await;
        },
    )
    .await;
}

#[tokio::test]
async fn o05_case_and_the_default_port_make_no_difference() {
    survives(
        listing(&["http://localhost", "HTTPS://A.Example:443"]),
        async |server| {
            for origin in [
                "http://localhost",
                "HTTP://LOCALHOST:80",
                "Http://LocalHost",
                "https://a.example",
                "https://A.EXAMPLE:443",
            ] {
                accepted(server.addr, from(server.addr, origin)).await;
            }
            for near_miss in [
                "HTTP://LOCALHOST:443",
                "https://a.example:80",
                "https://localhost",
            ] {
                refused_by_origin(server.addr, from(server.addr, near_miss)).await;
            }
        },
    )
    .await;
}

#[tokio::test]
async fn o06_a_trailing_dot_makes_another_name() {
    survives(
        listing(&["http://localhost", "https://app.example.com"]),
        async |server| {
            for origin in [
                "http://localhost.",
                "http://localhost.:80",
                "https://app.example.com.",
            ] {
                refused_by_origin(server.addr, from(server.addr, origin)).await;
            }
        },
    )
    .await;
    survives(Config::default(), async |server| {
        let origin = format!("http://localhost.:{}", server.addr.port());
        refused_by_origin(server.addr, from(server.addr, &origin)).await;
        refused_by_host(server.addr, to(server.addr, &origin["http://".len()..])).await;
    })
    .await;
}

/// Browsers write an address in one way only. Whoever writes it in another is none.
#[tokio::test]
async fn o07_another_spelling_of_an_address_is_403() {
    survives(Config::default(), async |server| {
        let port = server.addr.port();
        for host in [
            "127.1",
            "0x7f.1",
            "2130706433",
            "0177.0.0.1",
            "127.0.0.01",
            "127.000.000.001",
            "[0:0:0:0:0:0:0:1]",
            "[::0001]",
        ] {
            let authority = format!("{host}:{port}");
            refused_by_origin(
                server.addr,
                from(server.addr, &format!("http://{authority}")),
            )
            .await;
            refused_by_host(server.addr, to(server.addr, &authority)).await;
        }
        let padded = format!("127.0.0.1:0{port}");
        refused_by_origin(server.addr, from(server.addr, &format!("http://{padded}"))).await;
        refused(server.addr, to(server.addr, &padded), 400).await;
    })
    .await;
}

#[tokio::test]
async fn o08_an_origin_is_scheme_host_and_port_and_nothing_else() {
    survives(
        listing(&[
            "http://localhost",
            "https://localhost",
            "http://localhost:3000",
        ]),
        async |server| {
            accepted(server.addr, from(server.addr, "http://localhost:3000")).await;
            for origin in [
                "https://evil.example@localhost",
                "http://localhost@",
                "http://localhost:3000/",
                "http://localhost:3000/page.html",
                "http://localhost:3000?x",
                "http://localhost:3000#x",
                "http://localhost\\",
                "http://a b",
                "http://localhost:99999",
                "http://localhost:65536",
                "http://localhost:",
                "http://localhost: 80",
                "http://localhost:+80",
                "http://localhost:0080",
                "http://localhost:68616",
                "http://",
                "http://:80",
                "http:///localhost",
                "http:/localhost",
                "http://%6cocalhost",
                "http://[localhost]",
                "http://[::1",
                "file://",
                "file:///home/me/page.html",
                "chrome-extension://abcdefgh",
            ] {
                refused_by_origin(server.addr, from(server.addr, origin)).await;
            }
        },
    )
    .await;
}

/// The raw form of a look-alike is no legal header (h20), its `xn--` form is another name.
#[tokio::test]
async fn o09_a_look_alike_in_other_letters_is_refused() {
    survives(listing(&["http://localhost"]), async |server| {
        accepted(server.addr, from(server.addr, "http://localhost")).await;
        // Cyrillic о and с.
        refused(
            server.addr,
            from(server.addr, "http://l\u{43e}\u{441}alhost"),
            400,
        )
        .await;
        refused_by_origin(server.addr, from(server.addr, "http://xn--lalhost-tzh6d")).await;
        // A ligature and a full-width letter, which some parsers fold into plain ones.
        for folded in ["http://loca\u{2113}host", "http://\u{ff4c}ocalhost"] {
            refused(server.addr, from(server.addr, folded), 400).await;
        }
    })
    .await;
}

#[tokio::test]
async fn o10_null_is_allowed_on_loopback_until_there_is_a_list_without_it() {
    survives(Config::default(), async |server| {
        accepted(server.addr, from(server.addr, "null")).await;
        for near_miss in ["NULL", "Null", "null:80", "http://null", "nul", "undefined"] {
            refused_by_origin(server.addr, from(server.addr, near_miss)).await;
        }
    })
    .await;
    for list in [&[][..], &["https://app.example.com"]] {
        survives(listing(list), async |server| {
            refused_by_origin(server.addr, from(server.addr, "null")).await;
        })
        .await;
    }
    survives(listing(&["null"]), async |server| {
        accepted(server.addr, from(server.addr, "null")).await;
        refused_by_origin(server.addr, from(server.addr, "https://evil.example")).await;
    })
    .await;
}

#[tokio::test]
async fn o10_a_list_that_names_null_is_warned_about_at_the_start() {
    for list in ["null", "file://", "https://app.example.com, null"] {
        let start = demo!("2_websocket_echo").env("WEBSOCKET_ALLOWED_ORIGINS", list);
        survives_as_a_program("", start, async |demo| {
            accepted_by_echo(demo.addr, &from(demo.addr, "null")).await;
            demo.says("null is allowed: any web site can send it").await;
            assert!(demo.output().contains("WARN"));
        })
        .await;
    }
    let start =
        demo!("2_websocket_echo").env("WEBSOCKET_ALLOWED_ORIGINS", "https://app.example.com");
    survives_as_a_program("", start, async |demo| {
        refused_by_origin(demo.addr, from(demo.addr, "null")).await;
        assert!(!demo.output().contains("null is allowed"));
    })
    .await;
    // Without a list it is no warning, and it is said.
    survives_as_a_program("", demo!("2_websocket_echo"), async |demo| {
        demo.says("and null (a double-clicked file, or a sandboxed frame of any site)")
            .await;
    })
    .await;
}

/// The echo demo has an own way to say that it has let somebody in.
async fn accepted_by_echo(addr: SocketAddr, request: &str) {
    let mut raw = crate::harness::Raw::connect(addr).await;
    raw.send(request.as_bytes()).await;
    assert_eq!(raw.head().await.status, 101);
    raw.frame(0x81, b"in").await;
    assert_eq!(raw.next_frame().await, Some((0x81, b"Echo: in".to_vec())));
}

/// Others can reach it: `null` could then come from any site in any browser around.
#[cfg(unix)]
#[tokio::test]
async fn o10_null_is_refused_beyond_loopback() {
    let config = Config {
        host: "0.0.0.0".into(),
        ..Config::default()
    };
    let mut server = serve(config, echo).await;
    let addr = SocketAddr::from(([127, 0, 0, 1], server.addr.port()));
    let port = addr.port();
    refused_by_origin(addr, from(addr, "null")).await;
    refused_by_origin(addr, from(addr, &format!("http://localhost:{port}"))).await;
    refused_by_host(addr, to(addr, &format!("evil.example:{port}"))).await;
    accepted(addr, from(addr, &format!("http://{addr}"))).await;
    accepted(addr, handshake(addr, "/", "")).await;
    server.stop().await;
}

#[tokio::test]
async fn o11_two_origins_or_an_empty_one_are_400() {
    survives(
        listing(&["http://a.example", "http://b.example", "null"]),
        async |server| {
            accepted(server.addr, from(server.addr, "http://a.example")).await;
            for origins in [
                "Origin: http://a.example\r\nOrigin: http://b.example\r\n",
                "Origin: http://a.example\r\nOrigin: http://a.example\r\n",
                "Origin: http://evil.example\r\nOrigin: http://a.example\r\n",
                "Origin: null\r\nOrigin: null\r\n",
                "Origin: http://a.example http://b.example\r\n",
                "Origin: http://a.example, http://b.example\r\n",
                "Origin:\r\n",
                "Origin:   \r\n",
            ] {
                refused(server.addr, handshake(server.addr, "/", origins), 400).await;
            }
            for with_null in [
                "null null",
                "http://a.example null",
                "null, http://a.example",
            ] {
                refused_by_origin(server.addr, from(server.addr, with_null)).await;
            }
        },
    )
    .await;
}

const TOKEN: &str = "the-right-token-of-this-test";
const WITH_TOKEN: &str = "?token=the-right-token-of-this-test";

/// A server that asks for the token by HTTP, so that one status says which check refused.
fn guarded() -> Config {
    Config {
        require_auth: true,
        token: Some(Token::new(TOKEN).unwrap()),
        refuse: zcomm_core::RefuseBy::Http,
        ..Config::default()
    }
}

/// Only browsers send it, and only browsers are bound by it.
#[tokio::test]
async fn o12_without_an_origin_the_token_still_counts() {
    survives(Config::default(), async |server| {
        accepted(server.addr, handshake(server.addr, "/", "")).await;
    })
    .await;
    survives_at(WITH_TOKEN, guarded(), async |server| {
        let addr = server.addr;
        accepted(addr, handshake(addr, &format!("/{WITH_TOKEN}"), "")).await;
        refused(addr, handshake(addr, "/", ""), 401).await;
        refused(
            addr,
            handshake(addr, "/?token=the-right-token-of-this-tesT", ""),
            401,
        )
        .await;
    })
    .await;
}

/// DNS rebinding: a page has its own name point at this machine, so its browser thinks the
/// two are one site. Only the Host header tells.
#[tokio::test]
async fn o13_a_foreign_host_is_403_and_the_log_says_host() {
    survives(Config::default(), async |server| {
        let (addr, port) = (server.addr, server.addr.port());
        for host in ["evil.example".to_owned(), format!("evil.example:{port}")] {
            let response = refused_by_host(addr, to(addr, &host)).await;
            assert!(response.body.contains("WEBSOCKET_ALLOWED_HOSTS"));
            // Its origin is then the same, which must not help.
            let same = to(addr, &host)
                .replace("Upgrade: ", &format!("Origin: http://{host}\r\nUpgrade: "));
            refused_by_host(addr, same).await;
            // Neither pages nor numbers nor reasons are for such a page.
            for path in ["/", "/ws", "/stats", "/healthz", "/style.css"] {
                refused_by_host(addr, format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
            }
        }
    })
    .await;
    survives_as_a_program("", demo!("2_websocket_echo"), async |demo| {
        refused_by_host(demo.addr, to(demo.addr, "evil.example")).await;
        demo.says("the Host header is not a name or address of this server")
            .await;
        demo.says(r#"host="evil.example""#).await;
    })
    .await;
}

#[tokio::test]
async fn o14_loopback_has_three_names_and_one_port() {
    survives(Config::default(), async |server| {
        let (addr, port) = (server.addr, server.addr.port());
        for name in ["127.0.0.1", "[::1]", "localhost", "LOCALHOST", "LocalHost"] {
            accepted(addr, to(addr, &format!("{name}:{port}"))).await;
            let other = if port == 9999 { 9998 } else { 9999 };
            refused_by_host(addr, to(addr, &format!("{name}:{other}"))).await;
            // No port means 80, and so does an empty one.
            refused_by_host(addr, to(addr, name)).await;
            refused_by_host(addr, to(addr, &format!("{name}:"))).await;
        }
        for name in [
            "localhost.",
            "127.0.0.2",
            "0.0.0.0",
            "[::]",
            "a.localhost",
            "localhost_",
        ] {
            refused_by_host(addr, to(addr, &format!("{name}:{port}"))).await;
        }
        for malformed in [
            format!("me@127.0.0.1:{port}"),
            format!("evil.example@localhost:{port}"),
            format!("http://localhost:{port}"),
            format!("localhost:{port}/"),
            format!("localhost:{port}:{port}"),
            format!("localhost:{port}, localhost:{port}"),
            format!("local host:{port}"),
            format!(":{port}"),
            format!("[::1:{port}"),
            format!("[::1]{port}"),
            format!("::1:{port}"),
            "localhost:99999".to_owned(),
            String::new(),
        ] {
            refused(addr, to(addr, &malformed), 400).await;
        }
    })
    .await;
}

#[tokio::test]
async fn o14_other_names_are_answered_for_once_they_are_listed() {
    let config = Config {
        allowed_hosts: ["board.local", "proxy.example:443"]
            .map(|name| Authority::parse(name, 0).unwrap())
            .to_vec(),
        ..Config::default()
    };
    survives(config, async |server| {
        let (addr, port) = (server.addr, server.addr.port());
        accepted(addr, to(addr, &format!("board.local:{port}"))).await;
        accepted(addr, to(addr, "proxy.example:443")).await;
        accepted(addr, to(addr, &format!("localhost:{port}"))).await;
        // The page under a listed name is the server's own page.
        let own = to(addr, &format!("board.local:{port}")).replace(
            "Upgrade: ",
            &format!("Origin: http://board.local:{port}\r\nUpgrade: "),
        );
        accepted(addr, own).await;
        for host in [
            "board.local:9".to_owned(),
            "board.local".to_owned(),
            format!("board.local.:{port}"),
            format!("board.local.evil.example:{port}"),
            format!("evil-board.local:{port}"),
            format!("proxy.example:{port}"),
            "proxy.example".to_owned(),
        ] {
            refused_by_host(addr, to(addr, &host)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn o14_a_name_without_a_port_means_the_port_of_the_server_and_the_refusal_says_so() {
    for (listed, host, accepted) in [
        ("zolo.media", "zolo.media", false),
        ("zolo.media", "zolo.media:PORT", true),
        ("zolo.media:80", "zolo.media", true),
        ("zolo.media:80", "zolo.media:PORT", false),
        ("zolo.media:443", "zolo.media", false),
    ] {
        let start = demo!("2_websocket_echo").env("WEBSOCKET_ALLOWED_HOSTS", listed);
        let demo = start.start().await;
        let host = host.replace("PORT", &demo.addr.port().to_string());
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let answer = ask(demo.addr, request).await;
        let status = if accepted { 200 } else { 403 };
        assert_eq!(answer.status, status, "{listed}, {host}");
        let says = answer
            .body
            .contains("with :80 (with TLS :443) if the address has no port");
        assert_eq!(says, !accepted, "{answer:?}");
    }
}

#[tokio::test]
async fn o15_origin_and_token_are_two_checks() {
    survives_at(WITH_TOKEN, guarded(), async |server| {
        let addr = server.addr;
        let own = format!("Origin: http://{addr}\r\n");
        let evil = "Origin: https://evil.example\r\n";
        let right = format!("/{WITH_TOKEN}");
        accepted(addr, handshake(addr, &right, &own)).await;
        refused(addr, handshake(addr, "/?token=wrong", &own), 401).await;
        refused(addr, handshake(addr, "/", &own), 401).await;
        refused_by_origin(addr, handshake(addr, &right, evil)).await;
        refused_by_origin(addr, handshake(addr, "/?token=wrong", evil)).await;
    })
    .await;
}

#[tokio::test]
async fn o16_without_authentication_origin_and_host_are_still_checked() {
    let config = Config {
        require_auth: false,
        token: Some(Token::new(TOKEN).unwrap()),
        ..Config::default()
    };
    survives(config, async |server| {
        let addr = server.addr;
        refused_by_origin(addr, from(addr, "https://evil.example")).await;
        refused_by_host(addr, to(addr, "evil.example")).await;
        // Showing the token buys nothing.
        let evil = "Origin: https://evil.example\r\n";
        refused_by_origin(addr, handshake(addr, &format!("/{WITH_TOKEN}"), evil)).await;
        accepted(addr, handshake(addr, "/", "")).await;
    })
    .await;
    // The first lesson is no exception.
    let demo = demo!("1_websocket_server").start().await;
    refused_by_origin(demo.addr, from(demo.addr, "https://evil.example")).await;
    refused_by_host(demo.addr, to(demo.addr, "evil.example")).await;
    Client::connect(demo.url()).await.leave().await;
}

#[tokio::test]
async fn o17_an_address_is_not_believed_from_a_header() {
    let config = Config {
        max_connections_per_ip: Some(2),
        ..Config::default()
    };
    survives(config, async |server| {
        let second = Client::connect(server.url()).await;
        for header in [
            "X-Forwarded-For: 127.0.0.1\r\n",
            "X-Forwarded-For: 203.0.113.7\r\n",
            "Forwarded: for=203.0.113.7\r\n",
            "X-Real-IP: 203.0.113.7\r\n",
            "CF-Connecting-IP: 203.0.113.7\r\n",
        ] {
            let response = refused(server.addr, handshake(server.addr, "/", header), 429).await;
            assert!(response.header("retry-after").is_some());
        }
        second.leave().await;
    })
    .await;
    // Nor is a host or an origin.
    survives(Config::default(), async |server| {
        let forwarded = format!(
            "X-Forwarded-Host: {0}\r\nX-Original-Host: {0}\r\n",
            server.addr
        );
        let evil = to(server.addr, "evil.example");
        refused_by_host(
            server.addr,
            evil.replace("Upgrade: ", &format!("{forwarded}Upgrade: ")),
        )
        .await;
    })
    .await;
}

/// The first refusal wins: well-formed, host, limit, origin, token.
#[tokio::test]
async fn the_checks_come_in_a_fixed_order() {
    let config = Config {
        max_connections_per_ip: Some(2),
        ..guarded()
    };
    survives_at(WITH_TOKEN, config, async |server| {
        let addr = server.addr;
        let evil = "Origin: https://evil.example\r\n";
        let all_wrong = handshake(addr, "/", evil);
        refused_by_origin(addr, &all_wrong).await;
        let second = Client::connect(server.url() + WITH_TOKEN).await;
        refused(addr, &all_wrong, 429).await;
        let foreign = all_wrong.replace(&format!("Host: {addr}"), "Host: evil.example");
        refused_by_host(addr, &foreign).await;
        refused_by_host(addr, foreign.replace("HTTP/1.1", "HTTP/1.0")).await;
        refused(addr, all_wrong.replace("HTTP/1.1", "HTTP/1.0"), 505).await;
        refused(addr, foreign.replace("Host: ", "Host: a b"), 400).await;
        refused(addr, all_wrong.replace("Version: 13", "Version: 8"), 426).await;
        refused(addr, all_wrong.replace("Key: d", "Key: "), 400).await;
        second.leave().await;
    })
    .await;
}

const ATTEMPT: &str = "0123456789abcdef0123456789abcdef";

/// A page is told why, once, and only if it knows the attempt.
#[tokio::test]
async fn why_answers_one_time_to_whoever_knows_the_attempt() {
    survives(Config::default(), async |server| {
        let addr = server.addr;
        let evil = "Origin: https://evil.example\r\n";
        let attempt = |id: &str| handshake(addr, &format!("/?attempt={id}"), evil);
        refused_by_origin(addr, attempt(ATTEMPT)).await;
        for near_miss in [
            "/why".to_owned(),
            "/why?attempt=".to_owned(),
            format!("/why?attempt={}", &ATTEMPT[..31]),
            format!("/why?attempt={ATTEMPT}0"),
            format!("/why?attempt={}", ATTEMPT.to_uppercase()),
            format!("/why?ATTEMPT={ATTEMPT}"),
            format!("/why/?attempt={ATTEMPT}"),
        ] {
            assert_eq!(get(addr, &near_miss).await.status, 404, "{near_miss}");
        }
        for twice in ["fedcba9876543210", ATTEMPT] {
            let twice = format!("/why?attempt={twice}&attempt={ATTEMPT}");
            let answer = get(addr, &twice).await;
            assert_eq!(answer.status, 400, "{twice}");
            assert!(answer.body.contains("a name occurs twice"), "{answer:?}");
        }
        // No other method learns it, or uses it up.
        let target = format!("/why?attempt={ATTEMPT}");
        for method in ["POST", "PUT", "OPTIONS"] {
            let request = format!("{method} {target} HTTP/1.1\r\nHost: {addr}\r\n\r\n");
            refused(addr, request, 405).await;
        }
        let head = ask(
            addr,
            format!("HEAD {target} HTTP/1.1\r\nHost: {addr}\r\n\r\n"),
        )
        .await;
        assert_ne!(head.status, 200);

        let told = get(addr, &target).await;
        assert_eq!(told.status, 200);
        assert_eq!(told.header("cache-control"), Some("no-store"));
        assert!(
            told.body.contains("\"status\":403") && told.body.contains("WEBSOCKET_ALLOWED_ORIGINS")
        );
        assert!(
            !told.body.contains("evil") && !told.body.contains(ATTEMPT),
            "{told:?}"
        );
        assert_eq!(get(addr, &target).await.status, 404);
    })
    .await;
}

/// The check that refused the handshake must not refuse the question about it: whoever
/// knows the attempt has made it.
#[tokio::test]
async fn why_answers_also_under_a_host_that_is_refused() {
    survives(Config::default(), async |server| {
        let attempt = "/?attempt=0123456789abcdef0123456789abcdef";
        let good = handshake(server.addr, attempt, "");
        let named = format!("Host: {}", server.addr);
        assert_eq!(ask(server.addr, good.replace(&named, "Host: evil.example")).await.status, 403);
        let question = "GET /why?attempt=0123456789abcdef0123456789abcdef HTTP/1.1\r\nHost: evil.example\r\n\r\n";
        let answer = ask(server.addr, question).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some("*")));
        assert!(answer.body.contains("WEBSOCKET_ALLOWED_HOSTS"), "{}", answer.body);
        assert_eq!(ask(server.addr, question).await.status, 404, "told once");
    })
    .await;
}

#[tokio::test]
async fn why_keeps_nothing_of_an_attempt_with_two_ids() {
    survives(Config::default(), async |server| {
        let addr = server.addr;
        let other = "fedcba9876543210fedcba9876543210";
        for ids in [
            format!("attempt={ATTEMPT}&attempt={ATTEMPT}"),
            format!("attempt={ATTEMPT}&attempt={other}"),
            "attempt=short".to_owned(),
            "attempt=0123456789abcdef%0d%0aX:y".to_owned(),
            format!("attempt={}", "a".repeat(65)),
        ] {
            let evil = "Origin: https://evil.example\r\n";
            refused_by_origin(addr, handshake(addr, &format!("/?{ids}"), evil)).await;
            let status = if ids.contains('&') { 400 } else { 404 };
            let answer = get(addr, &format!("/why?{ids}")).await;
            assert_eq!(answer.status, status, "{ids}");
            for id in [ATTEMPT, other] {
                assert_eq!(
                    get(addr, &format!("/why?attempt={id}")).await.status,
                    404,
                    "{ids}"
                );
            }
        }
    })
    .await;
}

/// A browser lets a page read an answer of another site only if the answer says so.
#[tokio::test]
async fn stats_are_readable_for_the_pages_that_may_connect() {
    survives(Config::default(), async |server| {
        let addr = server.addr;
        let stats = async |origin: &str| {
            let request =
                format!("GET /stats HTTP/1.1\r\nHost: {addr}\r\nOrigin: {origin}\r\n\r\n");
            let response = ask(addr, request).await;
            assert_eq!(response.status, 200);
            response
                .header("access-control-allow-origin")
                .map(str::to_owned)
        };
        let own = format!("http://{addr}");
        assert_eq!(stats(&own).await, Some(own.clone()));
        assert_eq!(stats("null").await, Some("null".into()));
        assert_eq!(stats("https://evil.example").await, None);
        assert_eq!(stats(&format!("{own}.evil.example")).await, None);
        assert_eq!(stats(&format!("{own} https://evil.example")).await, None);
    })
    .await;
}

/// HEAD is GET without the body (RFC 9110 section 9.3.2); it opens no WebSocket.
#[tokio::test]
async fn a_head_of_the_page_has_the_length_and_not_the_body() {
    let demo = demo!("2_websocket_echo").start().await;
    let page = get(demo.addr, "/").await;
    let request = format!("HEAD / HTTP/1.1\r\nHost: {}\r\n\r\n", demo.addr);
    let head = ask(demo.addr, &request).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(
        head.header("content-length"),
        Some(page.body.len().to_string().as_str())
    );
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"] {
        for path in ["/", "/stats", "/healthz", "/style.css", "/nothing"] {
            let request = request.replace("HEAD /", &format!("{method} {path}"));
            let response = refused(demo.addr, request, 405).await;
            assert_eq!(response.header("allow"), Some("GET"));
        }
    }
}
