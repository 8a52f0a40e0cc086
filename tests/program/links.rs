//! The address and the link that a program prints: always there, and they work.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream, lookup_host};

use crate::demo;
use crate::harness::{Client, Demo, Raw, Start, certificates, folder, reach, soon, write_secret};

/// The link after `open `, up to the next blank.
fn link(output: &str) -> String {
    let link = output.split(" open ").nth(1).unwrap_or_default();
    let link = link.split([' ', ',', '\n']).next().unwrap_or_default();
    assert!(link.starts_with("http"), "no link in {output}");
    link.to_owned()
}

/// The status of the page at this link, as a browser on this machine gets it. Of the addresses
/// of a name, it tries only those to which it can connect.
async fn status_of(link: &str) -> u16 {
    let (scheme, rest) = link.split_once("://").unwrap();
    let host = rest.split('/').next().unwrap();
    let mut reached = None;
    for addr in lookup_host(host).await.unwrap() {
        if TcpStream::connect(addr).await.is_ok() {
            reached = Some(addr);
        }
    }
    let addr: SocketAddr = reached.unwrap_or_else(|| panic!("{link} is a dead link"));
    let stream = reach(addr, scheme == "https").await.unwrap();
    let mut raw = Raw { stream };
    raw.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes())
        .await;
    raw.response().await.status
}

/// Whether this machine has an address, e.g. `::1`.
async fn has(host: &str) -> bool {
    TcpListener::bind((host, 0)).await.is_ok()
}

#[tokio::test]
async fn what_a_user_needs_to_connect_is_printed_at_every_log_level() {
    for level in ["off", "error", "warn", "other=debug", "hyper=trace,off"] {
        for (start, own_token) in [
            (demo!("1_websocket_server"), false),
            (demo!("2_websocket_echo"), false),
            (demo!("3_websocket_secure"), false),
            (demo!("open_broadcast"), false),
            (demo!("4_websocket_broadcast"), true),
            (demo!("chat_app"), true),
        ] {
            // The harness waits for the address.
            let demo = start.env("RUST_LOG", level).start().await;
            let link = link(&demo.output());
            let token = link.split_once("#token=").map(|(_, token)| token);
            assert_eq!(token.is_some(), own_token, "{link}");
            if let Some(token) = token {
                let client = Client::connect(format!("{}?token={token}", demo.url())).await;
                client.leave().await;
            }
            assert!(!demo.output().contains("settings:"), "{}", demo.output());
        }
    }
}

/// Otherwise a user could believe that the server asks for the token in the settings.
#[tokio::test]
async fn a_server_without_protection_says_so_at_every_log_level() {
    let open = "no token is needed: every program that reaches this address may connect; \
                WEBSOCKET_REQUIRE_AUTH=true asks for";
    let unused = format!("WEBSOCKET_TOKEN is set, but {open} it");
    let start = || demo!("2_websocket_echo").env("RUST_LOG", "off");
    let with_token = || start().env("WEBSOCKET_TOKEN", crate::harness::CANARY);
    for (start, line) in [
        (start(), Some(format!("INFO {open} one"))),
        (with_token(), Some(format!("INFO {unused}"))),
        (with_token().env("WEBSOCKET_REQUIRE_AUTH", "on"), None),
        (start().env("WEBSOCKET_REQUIRE_AUTH", "on"), None),
    ] {
        let mut demo = start.start().await;
        let mut client = Client::connect(demo.url()).await;
        match line {
            Some(line) => {
                client.say("hello").await;
                assert_eq!(client.hear_text().await, "Echo: hello");
                demo.says(&line).await;
            }
            None => {
                assert_eq!(client.closed().await.0, 1008);
                let output = demo.output();
                assert!(!output.contains("no token is needed"), "{output}");
            }
        }
    }
}

#[tokio::test]
async fn the_links_for_other_machines_are_printed_at_every_log_level() {
    let start = || demo!("4_websocket_broadcast").env("WEBSOCKET_HOST", "0.0.0.0");
    let lines = |demo: &Demo| demo.output().matches("on your network: http").count();
    let mut loud = start().start().await;
    loud.says("pages that may connect").await;
    let mut quiet = start().env("RUST_LOG", "off").start().await;
    for _ in 0..lines(&loud) {
        quiet.says("on your network: http").await;
    }
}

#[tokio::test]
async fn the_printed_link_works_at_every_address_with_and_without_tls() {
    for host in ["127.0.0.1", "::1", "[::1]", "localhost", "0.0.0.0", "::"] {
        if !has(host.trim_matches(['[', ']'])).await {
            eprintln!("this machine has no {host}: not tried");
            continue;
        }
        for start in [demo!("2_websocket_echo"), demo!("2_websocket_echo").tls()] {
            let demo = start.env("WEBSOCKET_HOST", host).start().await;
            let link = link(&demo.output());
            assert_eq!(soon(&link, status_of(&link)).await, 200, "{host}: {link}");
        }
    }
}

/// `localhost` is 127.0.0.1 and not 127.0.0.2, and the certificate is for neither.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_link_that_the_certificate_does_not_fit_gets_a_warning() {
    let folder = folder("other_address");
    let leaf = certificates().ca.issue(&["localhost"]).unwrap();
    std::fs::write(folder.join("a.pem"), leaf.certificate).unwrap();
    write_secret(&folder.join("a.key"), &leaf.key);
    let start = |host| -> Start {
        let start = demo!("2_websocket_echo").folder(&folder);
        start
            .env("WEBSOCKET_SSL_ENABLED", "on")
            .env("WEBSOCKET_SSL_CERT", "a.pem")
            .env("WEBSOCKET_SSL_KEY", "a.key")
            .env("WEBSOCKET_HOST", host)
    };
    let mut other = start("127.0.0.2").start().await;
    let dead = link(&other.output());
    assert!(dead.starts_with("https://127.0.0.2:"), "{dead}");
    other.says("the certificate is not for 127.0.0.2").await;
    let mut usual = start("127.0.0.1").start().await;
    usual.says("pages that may connect").await;
    assert!(link(&usual.output()).starts_with("https://localhost:"));
    assert!(!usual.output().contains("is not for"), "{}", usual.output());
}
