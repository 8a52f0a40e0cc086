//! Lesson 3: TLS. The lesson is a client. These tests start it from a learner's terminal and
//! check what it prints for each way to fail.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::demo;
use crate::harness::{CANARY, Client, Start, echo, serve};
use zcomm_core::Config;

/// Starts the lesson with this address. It also trusts the authority of the tests.
fn visit(url: &str) -> Start {
    demo!("3_websocket_secure").arguments([url, "--ca", &Start::file("ca.pem")])
}

#[tokio::test]
async fn visits_its_own_server_and_shows_what_it_learned() {
    let (code, output) = demo!("3_websocket_secure")
        .arguments(["--once"])
        .fails()
        .await;
    assert_eq!(code, Some(0), "{output}");
    for words in [
        "listening on wss://127.0.0.1:",
        "protocol     TLS 1.3",
        "cipher       TLS_",
        "names        localhost, 127.0.0.1, ::1",
        "signed by    zComm development CA",
        "valid until  20",
        "HTTP/1.1 101 Switching Protocols",
        "received answer=\"Hello over TLS\"",
        "closed code=1000 reason=\"Goodbye\"",
    ] {
        assert!(output.contains(words), "no {words:?} in {output}");
    }
}

/// The lesson's own client needs a token, too. It has one that no other client knows, so it works
/// with each way to set the tokens.
#[tokio::test]
async fn visits_its_own_server_also_when_clients_need_a_token() {
    for (name, value) in [
        ("WEBSOCKET_REFUSE", "close"),
        ("WEBSOCKET_TOKEN", CANARY),
        ("WEBSOCKET_TOKENS", "Alice:a-token-of-alice-alone"),
    ] {
        let lesson = demo!("3_websocket_secure").arguments(["--once"]);
        let lesson = lesson
            .env("WEBSOCKET_REQUIRE_AUTH", "true")
            .env(name, value);
        let (code, output) = lesson.fails().await;
        assert_eq!(code, Some(0), "{output}");
        assert!(output.contains("closed code=1000"), "{output}");
        let is_made = name == "WEBSOCKET_REFUSE";
        assert_eq!(output.contains("#token="), is_made, "{output}");
    }
}

/// A client that trusts every certificate would pass a lesson that shows only what works.
#[tokio::test]
async fn shows_seven_servers_that_must_be_refused_and_why_each_is() {
    let (_, output) = demo!("3_websocket_secure")
        .arguments(["--once"])
        .fails()
        .await;
    for reason in [
        "which is not trusted here",
        "it expired on 20",
        "it is for 127.0.0.2, not for 127.0.0.1",
        "it is a certificate authority: it may sign a server's certificate, but a server cannot use it",
        "may not sign for all of its names (name constraints)",
        "the server speaks TLS at 127.0.0.1",
        "the server does not speak TLS at 127.0.0.1",
    ] {
        assert_eq!(output.matches(reason).count(), 1, "{reason:?} in {output}");
    }
    assert_eq!(
        output.matches("of 7, the client must refuse: ").count(),
        7,
        "{output}"
    );
    assert_eq!(output.matches("INFO refused: ").count(), 7, "{output}");
}

#[tokio::test]
async fn without_once_it_keeps_serving_its_page() {
    let mut demo = demo!("3_websocket_secure").tls().start().await;
    assert!(demo.get("/").await.body.contains("Lesson 3"));
    let mut client = Client::connect(demo.url()).await;
    client.say("hello").await;
    assert_eq!(client.hear_text().await, "hello");
    // The lesson does not trust this certificate: nothing names its authority.
    demo.says("which is not trusted here; if that authority is your own, name its file: --ca")
        .await;
    #[cfg(unix)]
    {
        demo.signal(rustix::process::Signal::TERM);
        assert_eq!(client.closed().await, (1001, "Server shutting down".into()));
        assert_eq!(demo.ended().await.code(), Some(0));
    }
}

#[tokio::test]
async fn visits_any_address_and_trusts_one_authority_more() {
    let demo = demo!("2_websocket_echo").tls().start().await;
    let (code, output) = visit(&demo.url()).fails().await;
    assert_eq!(code, Some(0), "{output}");
    assert!(
        output.contains("received answer=\"Echo: Hello over TLS\""),
        "{output}"
    );
    assert!(output.contains("certificate 1 of 1"), "{output}");
    let url = demo.url();
    let (code, output) = demo!("3_websocket_secure")
        .arguments([url.as_str()])
        .fails()
        .await;
    assert_eq!(code, Some(1), "{output}");
    assert!(
        output.contains("error: the certificate of 127.0.0.1"),
        "{output}"
    );
    assert!(
        output.contains("help: if that authority is your own, name its file: --ca certs/ca.pem")
    );
}

#[tokio::test]
async fn a_plain_address_works_and_shows_no_tls() {
    let server = serve(Config::default(), echo).await;
    // An empty path is `/`, also before a query.
    let without_path = format!("ws://{}?name=Ada", server.addr);
    for url in [server.url(), without_path] {
        let (code, output) = visit(&url).fails().await;
        assert_eq!(code, Some(0), "{output}");
        assert!(
            output.contains("received") && !output.contains("cipher"),
            "{output}"
        );
    }
}

/// Each failure: the program's error and its help.
#[tokio::test]
async fn every_way_to_fail_has_its_sentence_and_its_next_step() {
    let vacant = crate::vacant::Vacant::new();
    let hangs_up = answers_with(b"").await;
    let other = answers_with(b"SSH-2.0-OpenSSH_9.2\r\n").await;
    for (url, error, help) in [
        (
            "http://localhost/".to_owned(),
            "use ws:// instead of http://",
            "e.g. ws://127.0.0.1:8765/",
        ),
        (
            vacant.url(),
            "no program listens at 127.0.0.1:",
            "is the server running?",
        ),
        (
            "wss://no-such-host.invalid/".into(),
            "the name no-such-host.invalid is not found",
            "spelling",
        ),
        (
            format!("wss://{hangs_up}/"),
            "the server closed it, as a server without TLS does",
            "log of the server",
        ),
        (
            format!("ws://{hangs_up}/"),
            "but not with a WebSocket handshake",
            "another program",
        ),
        (
            format!("wss://{other}/"),
            "the server does not speak TLS at",
            "use ws://",
        ),
        (
            format!("ws://{other}/"),
            "but not with a WebSocket handshake",
            "another program",
        ),
    ] {
        let (code, output) = visit(&url).fails().await;
        // A wrong address is a mistake in the command line.
        let expected = if url.starts_with("http") { 2 } else { 1 };
        assert_eq!(code, Some(expected), "{url}: {output}");
        assert!(
            output.contains("error: ") && output.contains(error),
            "{url}: {output}"
        );
        assert!(
            output.contains("help: ") && output.contains(help),
            "{url}: {output}"
        );
    }
}

#[tokio::test]
async fn explains_each_answer_that_is_not_101() {
    for (answer, error, help) in [
        (
            "200 OK\r\nContent-Length: 6\r\n\r\n<html>",
            "HTTP 200 instead of 101: <html>",
            "ordinary web page",
        ),
        (
            "301 Moved\r\nLocation: wss://b.example/\r\n\r\n",
            "HTTP 301 instead of 101: go to wss://b.example/",
            "use the address that it names",
        ),
        (
            "401 Unauthorized\r\n\r\n401 Invalid token: show it",
            "HTTP 401 instead of 101: Invalid token",
            "?token=",
        ),
        (
            "403 Forbidden\r\n\r\n",
            "HTTP 403 instead of 101",
            "does not allow this origin or host",
        ),
        ("404 Not Found\r\n\r\n", "HTTP 404", "the path is wrong"),
        (
            "426 Upgrade Required\r\n\r\n",
            "HTTP 426",
            "another protocol",
        ),
        (
            "503 Service Unavailable\r\n\r\n\x1b[2Jfull",
            "HTTP 503 instead of 101: ?[2Jfull",
            "try again later",
        ),
    ] {
        let addr = answers_with(format!("HTTP/1.1 {answer}").as_bytes()).await;
        let (code, output) = visit(&format!("ws://{addr}/")).fails().await;
        assert_eq!(code, Some(1), "{output}");
        assert!(
            output.contains(error) && output.contains(help),
            "{answer:?}: {output}"
        );
        assert!(!output.contains('\x1b'), "{output:?}");
    }
}

/// A refusal by our own server reaches the client with the server's reason.
#[tokio::test]
async fn shows_the_reason_of_a_refusal_by_our_server() {
    let demo = demo!("4_websocket_broadcast")
        .tls()
        .env("WEBSOCKET_REFUSE", "http")
        .start()
        .await;
    let (code, output) = visit(&demo.url()).fails().await;
    assert_eq!(code, Some(1), "{output}");
    assert!(
        output.contains("HTTP 401 instead of 101: Authentication required"),
        "{output}"
    );
}

/// k03: a server that breaks the rules or refuses the client is a failure.
#[tokio::test]
async fn a_conversation_that_ends_badly_is_an_error() {
    let demo = demo!("4_websocket_broadcast").start().await;
    let (code, output) = visit(&demo.url()).fails().await;
    assert_eq!(code, Some(1), "{output}");
    assert!(
        output.contains("the server closed the connection"),
        "{output}"
    );
    let error = "error: the other side closed with 1008 (Authentication required)";
    assert!(output.contains(error), "{output}");
}

/// Our servers print links with `#token=`; users type addresses with a password.
#[tokio::test]
async fn never_prints_a_secret_from_the_address() {
    for url in [
        format!("ws://127.0.0.1:1/#token={CANARY}"),
        format!("ws://me:{CANARY}@127.0.0.1:1/"),
        format!("http://127.0.0.1:1/?token={CANARY}"),
        format!("ws://127.0.0.1:1/?token={CANARY}"),
    ] {
        let (code, output) = visit(&url).fails().await;
        assert!(matches!(code, Some(1 | 2)), "{output}");
        assert!(!output.contains(CANARY), "{output}");
    }
    // A redirect may repeat the address with its secret.
    let answer = format!("HTTP/1.1 302 Found\r\nLocation: /login?token={CANARY}\r\n\r\n");
    let addr = answers_with(answer.as_bytes()).await;
    let (_, output) = visit(&format!("ws://{addr}/?token={CANARY}")).fails().await;
    assert!(
        output.contains("go to /login?…") && !output.contains(CANARY),
        "{output}"
    );
}

#[tokio::test]
async fn names_a_ca_file_that_is_not_an_authority() {
    for file in ["localhost.key", "localhost.pem", "missing.pem"] {
        let file = Start::file(file);
        let start = demo!("3_websocket_secure").arguments(["wss://localhost/", "--ca", &file]);
        let (code, output) = start.fails().await;
        assert_eq!(code, Some(78), "{output}");
        assert!(output.contains(&format!("error: {file}: ")), "{output}");
    }
}

/// A server on a free port: it reads once, sends these bytes and closes the connection.
async fn answers_with(bytes: &[u8]) -> SocketAddr {
    let (listener, bytes) = (
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
        bytes.to_vec(),
    );
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // A handshake arrives in one read.
            if stream.read(&mut [0; 4096]).await.is_ok() {
                stream.write_all(&bytes).await.ok();
            }
        }
    });
    addr
}
