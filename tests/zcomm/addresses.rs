//! The address that a user types: without a path, with letters of many scripts, with a dot at
//! the end of the host.

use zcomm_core::{Config, Token};

use crate::{
    chat::{TOKEN, chat},
    connect::{connect, serve},
    folder, pipe, zcomm, zcomm_command,
};

fn protected() -> Config {
    Config {
        require_auth: true,
        rate_limit: None,
        token: Some(Token::new(TOKEN).unwrap()),
        ..Config::default()
    }
}

/// `ws://127.0.0.1:8765?token=…`: an empty path is `/` (RFC 6455 section 3).
#[test]
fn an_address_needs_no_path_before_its_query() {
    let folder = folder("no_path");
    let server = serve(protected());
    let url = format!("ws://{}?token={TOKEN}", server.addr);
    let done = connect(&url, b"hi\n", &["-v"]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), "hi\n"));
    assert!(done.stderr.contains("> GET /?(27 bytes) HTTP/1.1"));
    let load = ["stress", &url, "-c", "1", "-d", "0.2", "--warm-up", "0"];
    let done = zcomm(&folder, &load);
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);

    let server = chat(Config::default());
    let url = format!("ws://{}?token={TOKEN}", server.addr);
    let done = pipe(zcomm_command(&folder, &["chat", &url]), "hello\n");
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    let done = zcomm(&folder, &["demo", &url, "--no-pause"]);
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);

    // Near miss: without the token, the same address is refused, and not with 400.
    let done = connect(&format!("ws://{}?x=1", server.addr), b"", &[]);
    assert!(done.stderr.contains("1008"), "{}", done.stderr);
}

/// The path and the query are percent-encoded once.
#[test]
fn an_address_may_have_letters_of_every_script() {
    let server = serve(Config::default());
    for (path, sent) in [
        ("?name=Ada Löwe", "/?(20 bytes)"),
        ("?name=Ada%20L%C3%B6we", "/?(20 bytes)"),
        ("ws?x", "/ws?(1 bytes)"),
    ] {
        let done = connect(&format!("ws://{}/{path}", server.addr), b"hi", &["-v"]);
        assert_eq!((done.code, done.stdout.as_str()), (Some(0), "hi\n"));
        let line = format!("> GET {sent} HTTP/1.1");
        assert!(done.stderr.contains(&line), "{line}: {}", done.stderr);
    }
    let done = connect(&format!("ws://{}/pfad/ü", server.addr), b"", &[]);
    assert!(done.stderr.contains("HTTP 404"), "{}", done.stderr);
    let done = connect("ws://bücher.invalid/", b"", &[]);
    let error = "the name bücher.invalid (xn--bcher-kva.invalid) is not found";
    assert!(done.stderr.contains(error), "{}", done.stderr);
}

/// A dot at the end of a host stays in the question to the name service only.
#[test]
fn a_host_may_end_with_a_dot() {
    let server = serve(Config::default());
    let url = format!("ws://localhost.:{}/", server.addr.port());
    let done = connect(&url, b"hi", &["-v"]);
    assert_eq!(
        (done.code, done.stdout.as_str()),
        (Some(0), "hi\n"),
        "{}",
        done.stderr
    );
    let host = format!("> host: localhost:{}\n", server.addr.port());
    assert!(done.stderr.contains(&host), "{}", done.stderr);
    let done = connect("ws://localhost..:1/", b"", &[]);
    assert!(done.stderr.contains("not a valid name"), "{}", done.stderr);
}
