//! S: TLS. How the server answers a faulty client, and how the client answers a faulty server.
//! (s12 and s14 are also tested beside the code that decides them.)

use std::{path::PathBuf, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::rustls::{
    crypto::CryptoProvider,
    pki_types::{CertificateDer, pem::PemObject},
};
use zcomm_core::{
    ClientSocket, Config, ConnectError, DevelopmentCa, Distrust, Error, Identity, LOOPBACK_NAMES,
    PemPair, Trust,
};

use super::{survives, survives_with};
use crate::children;
use crate::demo;
use crate::harness::{
    Client, Raw, Running, Start, ask, certificates, echo, folder, frame, handshake, identity,
    serve, soon, speak_tls, write_secret,
};

fn tls() -> Config {
    Config {
        tls: Some(identity()),
        ..Config::default()
    }
}

/// The client's error for this server; it trusts the tests' authority only.
async fn refusal(url: &str) -> ConnectError {
    let trust = Trust::only(&certificates().ca).unwrap();
    match soon("a refusal", ClientSocket::connect(url, &trust)).await {
        Ok(_) => panic!("{url} was trusted"),
        Err(Error::Connect(error)) => error,
        Err(error) => panic!("another error: {error}"),
    }
}

/// The client's error for a server with this certificate.
async fn refusal_of(pair: &PemPair) -> ConnectError {
    let config = Config {
        tls: Some(Identity::from_pem(pair).unwrap()),
        ..Config::default()
    };
    refusal(&serve(config, echo).await.url()).await
}

/// A TLS alert would be an empty page in a browser. RFC 2817 section 4.2 has a status for it.
#[tokio::test]
async fn s01_plain_http_on_the_tls_port_is_426_and_a_line_in_the_log() {
    let mut demo = demo!("2_websocket_echo").tls().start().await;
    let attempt = "0123456789abcdef";
    let plain = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", demo.addr);
    for request in [
        handshake(demo.addr, &format!("/?attempt={attempt}"), ""),
        plain("/"),
        plain("/healthz"),
        plain("/").replace("HTTP/1.1", "HTTP/1.0"),
    ] {
        let response = super::refused(demo.addr, request, 426).await;
        assert_eq!(response.header("upgrade"), Some("TLS/1.2"));
        assert!(response.body.contains("https://"), "{response:?}");
    }
    // A page that was opened by http:// asks there for the reason.
    let why = ask(demo.addr, plain(&format!("/why?attempt={attempt}"))).await;
    assert_eq!(why.status, 200, "{why:?}");
    assert!(why.body.contains("wss://"), "{why:?}");
    let metrics = demo.get("/metrics").await.body;
    let counted = "zcomm_refusals_total{reason=\"plain_on_tls\"} 4\n";
    assert!(metrics.contains(counted), "{metrics}");
    demo.says("this is plain HTTP, and this port speaks TLS")
        .await;
    demo.says(&format!("use wss://{}/", demo.addr)).await;
    let error = refusal(&demo.url().replace("wss", "ws")).await;
    assert!(matches!(error, ConnectError::SpeaksTls { .. }), "{error}");
    assert!(error.help().contains("wss://"), "{}", error.help());
}

/// Other servers with TLS answer plain HTTP with an alert; our client understands it, too.
#[tokio::test]
async fn s01_an_alert_tells_our_client_that_the_server_speaks_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_u8().await.unwrap();
        stream.write_all(&[21, 3, 3, 0, 2, 2, 50]).await.unwrap();
        stream
    };
    let (error, _stream) = tokio::join!(refusal(&url), server);
    assert!(matches!(error, ConnectError::SpeaksTls { .. }), "{error}");
}

#[tokio::test]
async fn s01_what_is_neither_tls_nor_http_gets_an_alert_and_is_counted() {
    let mut demo = demo!("2_websocket_echo").tls().start().await;
    let mut raw = Raw::connect(demo.addr).await;
    raw.send(&[0x7f; 64]).await;
    // An alert (21) of TLS 1.2 (3.3), two bytes: fatal (2), decode error (50).
    assert_eq!(raw.rest().await, [21, 3, 3, 0, 2, 2, 50]);
    demo.says("this is not TLS, and this port speaks TLS").await;
    let metrics = demo.get("/metrics").await.body;
    let counted = "zcomm_refusals_total{reason=\"tls_failed\"} 1\n";
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn s02_h32_tls_on_the_plain_port_gets_a_line_in_the_log_and_a_sentence_in_the_client() {
    let mut demo = demo!("2_websocket_echo").start().await;
    let error = refusal(&demo.url().replace("ws", "wss")).await;
    assert!(matches!(error, ConnectError::NotTls { .. }), "{error}");
    assert!(error.to_string().contains("does not speak TLS"), "{error}");
    assert!(error.help().contains("use ws://"), "{}", error.help());
    demo.says("this looks like TLS, and this port speaks plain WebSocket")
        .await;
    demo.says(&format!("use ws://{}/", demo.addr)).await;
}

#[tokio::test]
async fn s03_an_expired_certificate_is_refused_with_its_date() {
    let expired = certificates()
        .ca
        .issue_ending_in(&LOOPBACK_NAMES, -2)
        .unwrap();
    let error = refusal_of(&expired).await;
    let ConnectError::Certificate {
        why: Distrust::Expired { not_after },
        chain,
        ..
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!(*not_after, chain[0].not_after());
    assert_ne!(*not_after, chain[0].not_before());
    assert!(
        error
            .to_string()
            .ends_with(&format!("it expired on {not_after}")),
        "{error}"
    );
}

#[tokio::test]
async fn s03_one_that_is_not_valid_yet_is_refused_with_its_date() {
    let to_come = certificates()
        .ca
        .issue_ending_in(&LOOPBACK_NAMES, 40)
        .unwrap();
    let error = refusal_of(&to_come).await;
    let ConnectError::Certificate {
        why: Distrust::NotYetValid { not_before },
        chain,
        ..
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!(*not_before, chain[0].not_before());
    assert_ne!(*not_before, chain[0].not_after());
    let end = format!("it is not valid before {not_before}");
    assert!(error.to_string().ends_with(&end), "{error}");
}

#[tokio::test]
async fn s04_a_certificate_for_another_name_is_refused_and_the_names_are_listed() {
    let other = certificates()
        .ca
        .issue(&["127.0.0.2", "localhost"])
        .unwrap();
    let error = refusal_of(&other).await.to_string();
    assert!(
        error.contains("it is for 127.0.0.2, localhost, not for 127.0.0.1"),
        "{error}"
    );
}

/// The authority is correct, but this client does not know it. No option skips the check.
#[tokio::test]
async fn s05_an_unknown_issuer_is_refused_and_named() {
    let stranger = DevelopmentCa::new(&[]).unwrap();
    let error = refusal_of(&stranger.issue(&LOOPBACK_NAMES).unwrap()).await;
    let name = stranger.certificate().subject();
    assert!(
        error.to_string().contains(&format!("signed by \"{name}\"")),
        "{error}"
    );
    assert!(
        error.help().contains("--ca certs/ca.pem"),
        "{}",
        error.help()
    );
}

/// Many recipes make such a certificate. It is refused even where it is trusted.
#[tokio::test]
async fn s06_an_authority_as_a_server_is_refused() {
    let error = refusal_of(&certificates().ca.pem()).await;
    assert!(
        error.to_string().contains("it is a certificate authority"),
        "{error}"
    );
    assert!(error.help().contains("zcomm -- certs"), "{}", error.help());
}

/// The development authority is harmless: a client refuses what it signs for other machines.
#[tokio::test]
async fn s06_an_authority_cannot_sign_beyond_its_constraints() {
    let bank = certificates()
        .ca
        .issue(&["127.0.0.1", "bank.example"])
        .unwrap();
    let error = refusal_of(&bank).await.to_string();
    assert!(
        error.contains("may not sign for all of its names"),
        "{error}"
    );
}

/// A ClientHello without a list of newer versions: 1 stands for TLS 1.0, 2 for 1.1, 3 for 1.2.
fn hello(version: u8) -> Vec<u8> {
    let mut body = vec![3, version];
    body.extend([7; 32]); // its random bytes
    body.push(0); // no session
    body.extend([0, 2, 0xc0, 0x2b]); // TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
    body.extend([1, 0]); // no compression
    body.extend([0, 22]); // extensions:
    body.extend([0, 10, 0, 4, 0, 2, 0, 0x1d]); // groups: x25519
    body.extend([0, 13, 0, 4, 0, 2, 4, 3]); // signatures: ecdsa_secp256r1_sha256
    body.extend([0, 11, 0, 2, 1, 0]); // points: uncompressed
    let mut hello = vec![1, 0, 0, u8::try_from(body.len()).unwrap()];
    hello.extend(body);
    let mut record = vec![22, 3, 1, 0, u8::try_from(hello.len()).unwrap()];
    record.extend(hello);
    record
}

#[tokio::test]
async fn s07_tls_1_0_and_1_1_are_refused() {
    survives(tls(), async |server| {
        for version in [1, 2] {
            let mut raw = Raw::connect(server.addr).await;
            raw.send(&hello(version)).await;
            // An alert, fatal, of kind protocol_version (RFC 5246 section 7.2).
            assert_eq!(raw.rest().await, [21, 3, 3, 0, 2, 2, 70]);
        }
        // Near miss: the same for 1.2 is answered by a handshake record, a ServerHello.
        let mut raw = Raw::connect(server.addr).await;
        raw.send(&hello(3)).await;
        let mut answer = [0; 6];
        raw.stream.read_exact(&mut answer).await.unwrap();
        assert_eq!((answer[0], answer[5]), (22, 2));
    })
    .await;
}

#[tokio::test]
async fn s08_a_hello_of_ssl_2_is_refused() {
    survives(tls(), async |server| {
        let mut raw = Raw::connect(server.addr).await;
        raw.send(&[0x80, 0x1c, 1, 0, 2, 0, 3, 0, 0, 0, 16, 1, 0, 0x80])
            .await;
        raw.send(&[9; 16]).await;
        assert_eq!(raw.rest().await[..2], [21, 3]);
    })
    .await;
}

#[tokio::test]
async fn s09_half_a_hello_and_then_the_end_is_one_line_and_is_counted() {
    let mut demo = demo!("2_websocket_echo").tls().start().await;
    for (times, reset) in [(1, false), (2, true)] {
        let mut raw = Raw::connect(demo.addr).await;
        raw.send(&hello(3)[..20]).await;
        match reset {
            false => {
                raw.hang_up().await;
                assert_eq!(raw.rest().await, b"");
            }
            true => {
                raw.stream.set_zero_linger().unwrap();
                drop(raw);
            }
        }
        demo.says_times(
            "reason=\"the client ended the connection before the TLS handshake was complete\"",
            times,
        )
        .await;
    }
    assert!(!demo.output().contains("handshake.rejected"));
    let metrics = demo.get("/metrics").await.body;
    let counted = "zcomm_refusals_total{reason=\"left\"} 2\n";
    assert!(metrics.contains(counted), "{metrics}");
}

/// A port check of a monitor, or a browser that opens a connection in advance.
#[tokio::test]
async fn s09_a_client_that_leaves_and_has_sent_nothing_is_counted_without_a_line() {
    let mut demo = demo!("2_websocket_echo").tls().start().await;
    drop(Raw::connect(demo.addr).await);
    let counted = async {
        while !demo
            .get("/metrics")
            .await
            .body
            .contains("{reason=\"left\"} 1\n")
        {}
    };
    soon("the counter", counted).await;
    assert!(!demo.output().contains("handshake"), "{}", demo.output());
    let mut raw = Raw::connect(demo.addr).await;
    raw.send(b"?").await;
    raw.hang_up().await;
    demo.says("handshake").await;
}

/// An SSH client, a method in lower case and half a request are no plain HTTP. The user of each
/// must first know that this port speaks TLS.
#[tokio::test]
async fn s01_letters_that_are_no_request_are_told_that_the_port_speaks_tls() {
    let mut demo = demo!("2_websocket_echo").tls().start().await;
    let cookies = format!(
        "GET / HTTP/1.1\r\nCookie: {}\r\n\r\n",
        "c".repeat(17 * 1024)
    );
    let all = [
        "SSH-2.0-x\r\n",
        "get / http/1.1\r\n\r\n",
        &cookies,
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ];
    for (index, text) in all.into_iter().enumerate() {
        let response = super::refused(demo.addr, text, 400).await;
        let words = "this is not TLS, and this port speaks TLS: use wss:// and https://";
        assert!(response.body.contains(words), "{response:?}");
        let line = demo
            .says_times("this is not TLS, and this port speaks TLS", index + 1)
            .await;
        let help = format!("help=\"use wss://{0}/ and https://{0}/\"", demo.addr);
        assert_eq!(line.matches(&help).count(), index + 1, "{line}");
    }
    let metrics = demo.get("/metrics").await.body;
    let counted = format!("zcomm_refusals_total{{reason=\"not_tls\"}} {}\n", all.len());
    assert!(metrics.contains(&counted), "{metrics}");
}

/// The log is a program's, so these five seconds are real ones.
#[tokio::test]
async fn s09_the_log_says_what_was_not_complete_and_names_no_status() {
    let mut demo = demo!("2_websocket_echo").tls().start().await;
    let mut half = Raw::connect(demo.addr).await;
    half.send(&hello(3)[..20]).await;
    let mut silent = Raw::connect(demo.addr).await;
    assert_eq!((half.rest().await, silent.rest().await), (vec![], vec![]));
    demo.says("handshake_timeout: the TLS handshake was not complete in time")
        .await;
    demo.says("handshake_timeout: the client sent nothing")
        .await;
    assert!(!demo.output().contains("status="), "{}", demo.output());
}

/// The text of rustls contains the address of its documentation.
#[tokio::test]
async fn s09_an_end_of_tcp_without_the_end_of_tls_is_said_in_our_words() {
    let words = "the other side ended TCP without the close_notify of TLS";
    let mut demo = demo!("2_websocket_echo").tls().start().await;
    let tcp = TcpStream::connect(demo.addr).await.unwrap();
    let mut stream = speak_tls(tcp, demo.addr).await.unwrap();
    stream
        .write_all(handshake(demo.addr, "/", "").as_bytes())
        .await
        .unwrap();
    demo.says("conn.opened").await;
    let (mut tcp, _) = stream.into_inner();
    tcp.shutdown().await.unwrap();
    demo.says(words).await;
    assert!(!demo.output().contains("docs.rs"), "{}", demo.output());
}

/// After a close_notify, TCP may stay open: here the client keeps its side.
#[tokio::test]
async fn s09_an_end_of_tls_alone_is_not_called_the_end_of_tcp() {
    for xray in ["off", "on"] {
        let demo = demo!("2_websocket_echo").env("WEBSOCKET_XRAY", xray);
        let mut demo = demo.tls().start().await;
        let tcp = TcpStream::connect(demo.addr).await.unwrap();
        let mut stream = speak_tls(tcp, demo.addr).await.unwrap();
        let request = handshake(demo.addr, "/", "");
        stream.write_all(request.as_bytes()).await.unwrap();
        demo.says("conn.opened").await;
        stream.get_mut().1.send_close_notify();
        stream.flush().await.unwrap();
        demo.says("reason=\"the other side ended TLS with a close_notify\"")
            .await;
        assert!(!demo.output().contains("TCP"), "{}", demo.output());
    }
}

#[tokio::test(start_paused = true)]
async fn s09_half_a_hello_and_then_silence_is_dropped_after_five_seconds() {
    survives(tls(), async |server| {
        let start = tokio::time::Instant::now();
        let mut raw = Raw::connect(server.addr).await;
        raw.send(&hello(3)[..20]).await;
        assert_eq!(raw.rest().await, b"");
        assert!(
            (5..=6).contains(&start.elapsed().as_secs()),
            "{:?}",
            start.elapsed()
        );
    })
    .await;
}

/// A folder of its own with a good certificate and its key.
pub(super) fn pair(name: &str) -> (PathBuf, PathBuf) {
    let folder = folder(name);
    let leaf = certificates().ca.issue(&LOOPBACK_NAMES).unwrap();
    let (cert, key) = (folder.join("a.pem"), folder.join("a.key"));
    std::fs::write(&cert, leaf.certificate).unwrap();
    write_secret(&key, &leaf.key);
    (cert, key)
}

pub(super) fn with_files(cert: &std::path::Path, key: &std::path::Path) -> Start {
    demo!("2_websocket_echo")
        .env("WEBSOCKET_SSL_ENABLED", "true")
        .env("WEBSOCKET_SSL_CERT", cert.display().to_string())
        .env("WEBSOCKET_SSL_KEY", key.display().to_string())
}

#[tokio::test]
async fn s10_files_that_cannot_be_used_stop_the_program_with_file_and_reason() {
    let (cert, key) = pair("s10");
    let odd = |name: &str, text: &str| {
        let file = cert.with_file_name(name);
        std::fs::write(&file, text).unwrap();
        file
    };
    let (empty, junk) = (odd("empty", ""), odd("junk", "not PEM at all\n"));
    let broken = odd("broken", "-----BEGIN CERTIFICATE-----\nAAAA\n");
    let missing = cert.with_file_name("missing");
    let directory = cert.parent().unwrap().to_owned();
    for (cert, key, named, reason) in [
        (&missing, &key, &missing, "os error 2"),
        (&directory, &key, &directory, "directory"),
        (&empty, &key, &empty, "no certificate"),
        (&junk, &key, &junk, "no certificate"),
        (&broken, &key, &broken, "incomplete"),
        (&key, &key, &key, "a private key and no certificate"),
        (&cert, &missing, &missing, "os error 2"),
        (&cert, &directory, &directory, "directory"),
        (&cert, &empty, &empty, "no private key"),
        (&cert, &junk, &junk, "no private key"),
        (&cert, &cert, &cert, "no private key"),
    ] {
        let (code, output) = with_files(cert, key).fails().await;
        assert_eq!(code, Some(78), "{output}");
        let error = format!("error: {}: ", named.display());
        assert!(
            output.contains(&error) && output.contains(reason),
            "{reason}: {output}"
        );
        assert!(output.contains("help: "), "{output}");
        assert!(!output.contains("listening"), "{output}");
    }
}

#[tokio::test]
async fn s11_a_key_of_another_certificate_stops_the_program() {
    let ((cert, _), (_, key)) = (pair("s11_one"), pair("s11_other"));
    let (code, output) = with_files(&cert, &key).fails().await;
    assert_eq!(code, Some(78), "{output}");
    let error = format!(
        "error: {}: this private key belongs to another",
        key.display()
    );
    assert!(output.contains(&error), "{output}");
}

#[tokio::test]
async fn s12_half_of_the_settings_never_end_in_plain_text() {
    let (on, cert, key) = (
        "WEBSOCKET_SSL_ENABLED",
        "WEBSOCKET_SSL_CERT",
        "WEBSOCKET_SSL_KEY",
    );
    for (settings, words) in [
        (&[(on, "true")][..], "WEBSOCKET_SSL_CERT"),
        (&[(on, "true"), (cert, "a.pem")], "WEBSOCKET_SSL_KEY"),
        (&[(cert, "a.pem"), (key, "a.key")], "WEBSOCKET_SSL_ENABLED"),
        (
            &[("WEBSOCKET_SSL_ENABLE", "true")],
            "WEBSOCKET_SSL_ENABLE: unknown setting",
        ),
        (
            &[("websocket_ssl_enabled", "true")],
            "websocket_ssl_enabled: unknown setting",
        ),
    ] {
        let start = settings
            .iter()
            .fold(demo!("2_websocket_echo"), |start, (name, value)| {
                start.env(name, *value)
            });
        let (code, output) = start.fails().await;
        assert_eq!(code, Some(78), "{output}");
        assert!(output.contains(words), "{output}");
        assert!(!output.contains("listening"), "{output}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn s13_a_key_that_others_can_read_gets_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let (cert, key) = pair("s13");
    let warning = format!(
        "WARN {} is a private key that other users can read",
        key.display()
    );
    let demo = with_files(&cert, &key).start().await;
    assert!(!demo.output().contains("can read"), "{}", demo.output());
    for mode in [0o644, 0o640, 0o604] {
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
        let demo = with_files(&cert, &key).start().await;
        assert!(
            demo.output().contains(&warning),
            "{mode:o}: {}",
            demo.output()
        );
    }
}

#[tokio::test]
async fn s14_the_last_week_of_a_certificate_gets_a_warning() {
    for (days, words) in [
        (9, None),
        (6, Some("it will expire soon, on 20")),
        (-1, Some("clients will refuse")),
    ] {
        let (cert, key) = pair("s14");
        let ca = &certificates().ca;
        let leaf = ca.issue_ending_in(&LOOPBACK_NAMES, days).unwrap();
        std::fs::write(&cert, leaf.certificate).unwrap();
        write_secret(&key, &leaf.key);
        let demo = with_files(&cert, &key).start().await;
        let output = demo.output();
        let warned = output.contains("WARN");
        assert_eq!(warned, words.is_some(), "{days} days: {output}");
        assert!(words.is_none_or(|words| output.contains(words)), "{output}");
    }
}

/// rustls panics if no provider is chosen and it cannot choose one. Here it never chooses.
#[tokio::test]
async fn s15_the_provider_of_cryptography_is_passed_explicitly() {
    survives(tls(), async |server| {
        let trust = Trust::only(&certificates().ca).unwrap();
        let mut socket = ClientSocket::connect(&server.url(), &trust).await.unwrap();
        socket.send("hello").await.unwrap();
        assert_eq!(socket.recv().await, Some("hello".into()));
        assert!(CryptoProvider::get_default().is_none());
    })
    .await;
}

#[tokio::test]
async fn s16_an_address_works_as_well_as_the_name() {
    let server = serve(tls(), echo).await;
    let trust = Trust::only(&certificates().ca).unwrap();
    for host in ["localhost", "127.0.0.1"] {
        let url = format!("wss://{host}:{}/", server.addr.port());
        let mut socket = ClientSocket::connect(&url, &trust).await.unwrap();
        socket.send(host).await.unwrap();
        assert_eq!(socket.recv().await, Some(host.into()));
    }
}

/// Many clients end TCP without the closing alert of TLS. After a Close frame no data is lost.
#[tokio::test]
async fn s17_a_missing_tls_close_after_a_clean_close_is_not_an_error() {
    let mut demo = demo!("2_websocket_echo").tls().start().await;
    let stream = Raw::connect(demo.addr).await.stream;
    let mut raw = Raw {
        stream: speak_tls(stream, demo.addr).await.unwrap(),
    };
    raw.send(handshake(demo.addr, "/", "").as_bytes()).await;
    assert_eq!(raw.head().await.status, 101);
    raw.send(&frame(0x88, &[3, 232])).await;
    assert_eq!(raw.next_frame().await, Some((0x88, vec![3, 232])));
    let (mut tcp, _) = raw.stream.into_inner();
    tcp.shutdown().await.unwrap();
    demo.says("conn.closed by the client").await;
    let output = demo.output();
    assert!(
        !output.contains("without a Close frame") && !output.contains("WARN"),
        "{output}"
    );
}

/// A batch that is in TLS and not yet in the network must not be forgotten, and a slow reader
/// over TLS is still a slow reader.
#[tokio::test]
async fn over_tls_a_flood_arrives_whole_and_a_client_that_does_not_read_is_too_slow() {
    let handler = async |mut connection: zcomm_core::Connection| {
        while let Some(message) = connection.recv().await {
            let count = match &message {
                zcomm_core::Message::Text(text) => text.parse::<u32>().ok(),
                zcomm_core::Message::Binary(_) => None,
            };
            match count {
                None => connection.send(message).await?,
                Some(count) => {
                    for _ in 0..count {
                        connection.send("x".repeat(60_000)).await?;
                    }
                }
            }
        }
        Ok(())
    };
    let config = Config {
        flush_timeout: Duration::from_millis(500),
        ..tls()
    };
    survives_with(config, handler, async |server: &Running| {
        let mut reader = Client::connect(server.url()).await;
        reader.say("500").await;
        for _ in 0..500 {
            assert_eq!(reader.hear().await.len(), 60_000);
        }
        let mut slow = Client::connect(server.url()).await;
        slow.say("5000").await;
        let gone = async {
            while server.clients.count() > 2 {
                tokio::task::yield_now().await;
            }
        };
        soon("the slow one to be cut off", gone).await;
    })
    .await;
}

/// The last bytes to a client that reads nothing wait for two seconds and the Close frame for
/// one, with and without TLS. Then its place is free.
#[tokio::test]
async fn a_client_that_closes_and_reads_nothing_gives_its_place_back() {
    let config = Config {
        max_connections: 2,
        rate_limit: None,
        ..tls()
    };
    survives(config, async |server| {
        for messages in 1..12 {
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.set_recv_buffer_size(4096).unwrap();
            let stream = socket.connect(server.addr).await.unwrap();
            let mut raw = Raw {
                stream: speak_tls(stream, server.addr).await.unwrap(),
            };
            raw.send(handshake(server.addr, "/", "").as_bytes()).await;
            for _ in 0..messages {
                raw.send(&frame(0x82, &[7; 60_000])).await;
            }
            raw.send(&frame(0x88, &[3, 232])).await;
            let free = async {
                // The answer is 503 while the server is full.
                while Client::try_connect(server.url()).await.is_err() {
                    tokio::task::yield_now().await;
                }
            };
            soon("its place", free).await;
        }
    })
    .await;
}

/// Padding and empty records never become text, but they are work.
#[tokio::test]
async fn the_bytes_that_tls_adds_count_too() {
    let config = Config {
        max_message_bytes: 4096,
        ..tls()
    };
    survives(config, async |server| {
        let stream = Raw::connect(server.addr).await.stream;
        let mut raw = Raw {
            stream: speak_tls(stream, server.addr).await.unwrap(),
        };
        raw.send(handshake(server.addr, "/", "").as_bytes()).await;
        assert_eq!(raw.head().await.status, 101);
        // A frame of 2,000 bytes, each in a record of its own, which adds 22 bytes. That is
        // 46 KiB; the limit is 16 KiB at once.
        for byte in frame(0x82, &[7; 2000]) {
            raw.send(&[byte]).await;
            raw.stream.flush().await.ok();
        }
        assert_eq!(raw.closed().await, (1008, "Rate limit exceeded".into()));
    })
    .await;
}

/// A PEM parser's own message can repeat the key.
#[tokio::test]
async fn an_error_never_shows_a_damaged_key() {
    let (cert, key) = pair("s10_damaged");
    let good = std::fs::read_to_string(&key).unwrap();
    let secret = good.lines().nth(1).unwrap().to_owned();
    let digits = format!("{:?}", secret.as_bytes());
    let digits = digits
        .trim_matches(['[', ']'])
        .split(", ")
        .take(8)
        .collect::<Vec<_>>()
        .join(", ");
    for damaged in [
        good.replace('\n', ""),
        good.replace('\n', " "),
        good.replace('\n', "\\n"),
    ] {
        write_secret(&key, &damaged);
        for start in [with_files(&cert, &key), with_files(&key, &key)] {
            let (code, output) = start.fails().await;
            assert_eq!(code, Some(78), "{output}");
            assert!(
                !output.contains(&secret) && !output.contains(&digits),
                "{output}"
            );
        }
    }
    write_secret(&key, &good);
    for start in [
        with_files(&cert, std::path::Path::new(&good)),
        with_files(std::path::Path::new(&good), &key),
    ] {
        let (code, output) = start.fails().await;
        assert_eq!(code, Some(78), "{output}");
        assert!(!output.contains(&secret), "{output}");
        assert!(
            output.contains("the path of a file, not its contents"),
            "{output}"
        );
    }
}

/// A fifo and a device have no end.
#[cfg(unix)]
#[tokio::test]
async fn s10_only_a_regular_file_is_read() {
    let (cert, key) = pair("s10_special");
    let fifo = key.with_file_name("fifo");
    std::fs::remove_file(&fifo).ok(); // of an earlier run
    let made = children::command("mkfifo").arg(&fifo).status();
    let mut files = vec![PathBuf::from("/dev/zero")];
    files.extend(made.is_ok().then_some(fifo));
    for file in files {
        for start in [with_files(&file, &key), with_files(&cert, &file)] {
            let (code, output) = start.fails().await;
            assert_eq!(code, Some(78), "{output}");
            assert!(
                output.contains("is not a regular file, but a pipe or a device"),
                "{output}"
            );
        }
    }
}

/// A peer's certificate may have any number of names, and any characters in them.
#[tokio::test]
async fn an_error_lists_only_some_of_a_thousand_names() {
    let names: Vec<_> = (0..1000).map(|n| format!("n{n}.localhost")).collect();
    let error = refusal_of(&certificates().ca.issue(&names).unwrap()).await;
    let error = error.to_string();
    assert!(
        error.contains("n19.localhost and 980 more, not for 127.0.0.1"),
        "{error}"
    );
}

/// Two clients of other projects.
#[tokio::test]
async fn openssl_and_python_accept_the_certificate_given_the_authority() {
    let demo = demo!("2_websocket_echo").tls().start().await;
    let (addr, ca) = (demo.addr.to_string(), Start::file("ca.pem"));
    let openssl = [
        "s_client",
        "-connect",
        &addr,
        "-CAfile",
        &ca,
        "-verify_return_error",
    ];
    let openssl = [&openssl[..], &["-verify_ip", "127.0.0.1", "-brief"]].concat();
    let said = run("openssl", &openssl);
    assert!(said.is_none_or(|said| said.contains("Verification: OK")));
    let script = "import socket, ssl, sys\n\
        context = ssl.create_default_context(cafile=sys.argv[1])\n\
        for name in ['127.0.0.1', 'localhost']:\n    \
            tcp = socket.create_connection(('127.0.0.1', int(sys.argv[2])))\n    \
            tls = context.wrap_socket(tcp, server_hostname=name)\n    \
            print(tls.version(), tls.getpeercert()['subjectAltName'][0])";
    let port = demo.addr.port().to_string();
    let said = run("python3", &["-c", script, &ca, &port]);
    assert!(said.is_none_or(|said| said.matches("TLSv1.3 ('DNS', 'localhost')").count() == 2));
}

/// s08: rustls knows no renegotiation; openssl asks for one on the line `R`.
#[tokio::test]
async fn s08_renegotiation_is_refused() {
    let mut demo = demo!("2_websocket_echo").tls().start().await;
    let (addr, ca) = (demo.addr.to_string(), Start::file("ca.pem"));
    let command =
        format!("printf 'R\\n' | openssl s_client -tls1_2 -connect {addr} -CAfile {ca} 2>&1");
    if let Some(said) = run("sh", &["-c", &command]).filter(|_| installed("openssl")) {
        assert!(
            said.contains("RENEGOTIATING") && said.contains("no renegotiation"),
            "{said}"
        );
    }
    let mut client = Client::connect(demo.url()).await;
    client.say("still there?").await;
    assert_eq!(client.hear_text().await, "Echo: still there?");
    demo.says("conn.opened").await;
}

pub(super) fn installed(program: &str) -> bool {
    let found = children::command(program).arg("version").output().is_ok();
    #[allow(clippy::disallowed_methods, reason = "CI is no setting of ours")]
    let ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    assert!(found || !ci, "{program} is missing, and CI=true");
    found
}

/// What a program of the system says; `None` when it is not installed.
fn run(program: &str, arguments: &[&str]) -> Option<String> {
    if !installed(program) {
        eprintln!("{program} is not installed: this part was not tried");
        return None;
    }
    let output = children::command(program)
        .args(arguments)
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    Some(said.into_owned())
}

/// A server whose certificate comes from two files, as a program's does.
fn from_files(folder: &std::path::Path, pair: &PemPair) -> Config {
    let (certificate, key) = (folder.join("server.pem"), folder.join("server.key"));
    std::fs::write(&certificate, &pair.certificate).unwrap();
    write_secret(&key, &pair.key);
    Config {
        tls: Some(Identity::from_files(&certificate, &key).unwrap()),
        ..Config::default()
    }
}

/// The certificate that a new connection gets, as PEM.
async fn served(server: &Running) -> Vec<u8> {
    let stream = TcpStream::connect(server.addr).await.unwrap();
    let stream = speak_tls(stream, server.addr).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

fn der(pair: &PemPair) -> Vec<u8> {
    CertificateDer::from_pem_slice(pair.certificate.as_bytes())
        .unwrap()
        .to_vec()
}

/// A timer writes the certificate and then its key, perhaps minutes later. Connections that are
/// open are not disturbed: the witness of this row stays.
#[tokio::test(start_paused = true)]
async fn a_renewed_certificate_is_served_within_a_minute() {
    let folder = folder("renewed");
    let [old, new] = [(); 2].map(|()| certificates().ca.issue(&LOOPBACK_NAMES).unwrap());
    survives(from_files(&folder, &old), async |server| {
        assert_eq!(served(server).await, der(&old));
        std::fs::write(folder.join("server.pem"), &new.certificate).unwrap();
        tokio::time::sleep(Duration::from_secs(180)).await;
        assert_eq!(served(server).await, der(&old), "its key is not there yet");
        write_secret(&folder.join("server.key"), &new.key);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(served(server).await, der(&new));
    })
    .await;
}

/// Otherwise a mistake of the timer would end the service at once, and not in some weeks.
#[tokio::test(start_paused = true)]
async fn a_renewed_certificate_that_cannot_be_used_is_not_served() {
    let folder = folder("renewed-badly");
    let ca = &certificates().ca;
    let [old, new] = [(); 2].map(|()| ca.issue(&LOOPBACK_NAMES).unwrap());
    survives(from_files(&folder, &old), async |server| {
        let expired = ca.issue_ending_in(&LOOPBACK_NAMES, -2).unwrap();
        for (certificate, key) in [
            (new.certificate.as_str(), expired.key.as_str()),
            (&expired.certificate, &expired.key),
            ("", ""),
            (&new.certificate[..200], &new.key),
        ] {
            std::fs::write(folder.join("server.pem"), certificate).unwrap();
            write_secret(&folder.join("server.key"), key);
            tokio::time::sleep(Duration::from_secs(60)).await;
            assert_eq!(served(server).await, der(&old));
        }
        std::fs::write(folder.join("server.pem"), &new.certificate).unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(served(server).await, der(&new));
    })
    .await;
}
