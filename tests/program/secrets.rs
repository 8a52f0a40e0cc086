//! No secret in any output.
//!
//! The harness checks every demo that any test starts: neither the course's token nor
//! [`CANARY`] may stand in what it printed. Here everything is done that could make a
//! server talk about a token, with the most talkative log there is.

use serde_json::json;

use crate::chat::client::{Guest, chat_app};
use crate::demo;
use crate::harness::{CANARY, Client, Raw, ask, get, handshake};

/// A session is worth as much as a token: who shows it is the person.
#[tokio::test]
async fn a_session_is_in_no_log_and_nobody_else_hears_it() {
    let chat = chat_app().env("RUST_LOG", "trace").start().await;
    let mut ada = Guest::join(&chat, "Ada").await;
    let session = ada.welcome["session"].as_str().unwrap().to_owned();
    let secret = session.rsplit('.').next().unwrap();
    let mut bob = Guest::join(&chat, "Bob").await;
    bob.says("direct", json!({"to": "Ada", "text": "hello"}))
        .await;
    let mut back = ada.back(&chat, "direct=0").await;
    back.says("broadcast", json!({"text": "back", "id": "1"}))
        .await;
    back.hears("ack").await;
    ada.client.closed().await;
    let heard = bob.hears("broadcast").await.to_string();
    let stats = get(chat.addr, "/stats").await.body;
    for text in [chat.output(), heard, stats] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test]
async fn t18_t19_the_token_is_in_no_log_and_no_answer_even_at_trace() {
    for refuse in ["close", "http"] {
        let mut demo = demo!("4_websocket_broadcast")
            .env("WEBSOCKET_TOKEN", CANARY)
            .env("WEBSOCKET_REFUSE", refuse)
            .env("RUST_LOG", "trace")
            .env("RUST_BACKTRACE", "1")
            .start()
            .await;
        let addr = demo.addr;
        let good = format!("/?attempt=0123456789abcdef&token={CANARY}");
        let mut client = Client::connect(format!("ws://{addr}{good}")).await;
        client.say("hello").await;
        let mut answers = Vec::new();
        for request in [
            handshake(addr, &good, "Origin: https://evil.example\r\n"),
            handshake(addr, &good, &format!("Authorization: Bearer {CANARY}x\r\n")),
            handshake(addr, &good, &format!("Authorization: Bearer {CANARY}\r\n"))
                .replace("Version: 13", "Version: 8"),
            handshake(addr, &format!("/nowhere?token={CANARY}"), ""),
            handshake(addr, &format!("/?token={CANARY}x"), "").replace("GET", "POST"),
            format!("GET {good} HTTP/1.1\r\nHost: a b\r\n\r\n"),
            format!("GET {good}"),
        ] {
            let mut raw = Raw::connect(addr).await;
            raw.send(request.as_bytes()).await;
            raw.hang_up().await;
            answers.push(String::from_utf8_lossy(&raw.rest().await).into_owned());
        }
        for page in [&good, "/stats", "/healthz", "/why?attempt=0123456789abcdef"] {
            answers.push(get(addr, page).await.body);
        }
        answers.push(
            ask(
                addr,
                &format!("BREW {good} HTTP/1.1\r\nHost: {addr}\r\n\r\n"),
            )
            .await
            .head,
        );
        for answer in &answers {
            assert!(!answer.contains(CANARY), "{answer}");
        }
        client.leave().await;
        demo.says("conn.closed").await;
        // Dropping the demo looks through its output.
    }
}

/// A client sends the token where it does not belong. The harness looks through the output, and also
/// finds the token in upper or lower case here.
#[tokio::test]
async fn t18_a_token_in_the_wrong_place_is_in_no_log_line() {
    let page = format!("http://{CANARY}.example");
    let mut demo = demo!("2_websocket_echo")
        .env("WEBSOCKET_TOKEN", CANARY)
        .env("WEBSOCKET_TOKENS", format!("ada:\"{CANARY}\" of Ada"))
        .env("WEBSOCKET_ALLOWED_ORIGINS", &page)
        .env("RUST_LOG", "debug")
        .start()
        .await;
    demo.says("this server's own, http://***.example").await;
    let mut client = Client::connect(demo.url()).await;
    let long = format!("{}{CANARY}", "x".repeat(50));
    for (said, shown) in [
        (CANARY, "\"***\""),
        (&format!("it is {CANARY}!"), "\"it is ***!\""),
        (&format!("\"{CANARY}\" of Ada"), "\"***\""),
        (&long, &format!("\"{}***\"", "x".repeat(50))),
    ] {
        client.say(said).await;
        demo.says(&format!("said={shown}")).await;
    }
    let mut raw = Raw::open(demo.addr, "/").await;
    let reason = [&4000_u16.to_be_bytes(), page.as_bytes()].concat();
    raw.frame(0x88, &reason).await;
    demo.says("code=4000 reason=\"http://***.example\"").await;
    let evil = format!("Origin: https://{CANARY}.example\r\nSec-WebSocket-Protocol: {CANARY}\r\n");
    let refused = handshake(demo.addr, &format!("/{CANARY}"), &evil);
    assert_eq!(ask(demo.addr, refused).await.status, 404);
    assert_eq!(
        ask(demo.addr, handshake(demo.addr, "/", &evil))
            .await
            .status,
        403
    );
    demo.says("origin=\"https://***.example\"").await;
    let output = demo.output().to_lowercase();
    assert!(!output.contains(&CANARY.to_lowercase()), "{output}");
}

/// Near miss: another text of this length is shown.
#[tokio::test]
async fn t18_a_text_that_is_almost_the_token_is_shown() {
    let demo = demo!("2_websocket_echo").env("WEBSOCKET_TOKEN", format!("{CANARY}-and-more"));
    let mut demo = demo.start().await;
    let mut client = Client::connect(demo.url()).await;
    client.say("canary-token-7Qp2xV9D-and-mores").await;
    demo.says("said=\"***s\"").await;
    client.say("canary-token-7Qp2xV9e-and-more").await;
    demo.says("said=\"canary-token-7Qp2xV9e-and-more\"").await;
}

#[tokio::test]
async fn t18_a_token_of_this_run_is_in_the_first_line_only() {
    let mut demo = demo!("4_websocket_broadcast").start().await;
    demo.says("pages that may connect").await;
    let output = demo.output();
    let token = output.split("#token=").nth(1).unwrap();
    let token = token.split(' ').next().unwrap().to_owned();
    let mut client = Client::connect(format!("{}?token={token}", demo.url())).await;
    client.say(token.as_str()).await;
    demo.says("said=\"***\"").await;
    assert_eq!(demo.output().matches(&token).count(), 1);
}

/// The X-ray shows every message, but no token of this server.
#[tokio::test]
async fn t18_a_token_in_a_message_is_not_in_the_text_of_the_xray() {
    for form in ["--xray", "--xray=json"] {
        let demo = demo!("2_websocket_echo").arguments([form]);
        let mut demo = demo.env("WEBSOCKET_TOKEN", CANARY).start().await;
        let mut client = Client::connect(demo.url()).await;
        client.say(format!("before {CANARY} after")).await;
        demo.says("before *** after").await;
    }
}

/// The text form shows the start of a long line only. The header with the key is shown as it is, even
/// where it looks like a secret.
#[tokio::test]
async fn t18_no_cut_of_the_xray_leaves_a_part_of_a_token() {
    for form in ["--xray", "--xray=json"] {
        let demo = demo!("2_websocket_echo").arguments([form]);
        let demo = demo.env("WEBSOCKET_TOKEN", CANARY);
        let mut demo = demo.env("WEBSOCKET_RATE_LIMIT", "off").start().await;
        let mut client = Client::connect(demo.url()).await;
        for before in 20..70 {
            let long = "x".repeat(before) + CANARY;
            let head = handshake(demo.addr, "/", &format!("X-Long: {long}\r\n"));
            let key = head.replace("dGhlIHNhbXBsZSBub25jZQ==", &long);
            assert_eq!(ask(demo.addr, key).await.status, 400);
            let offer = format!("Sec-WebSocket-Extensions: {long}\r\n");
            let mut raw = Raw::connect(demo.addr).await;
            raw.send(handshake(demo.addr, "/", &offer).as_bytes()).await;
            assert_eq!(raw.head().await.status, 101);
            let reason = [&4000_u16.to_be_bytes(), long.as_bytes()].concat();
            raw.frame(0x88, &reason).await;
            raw.closed().await;
            client.say(long).await;
            client.hear().await;
        }
        client.say("the last one").await;
        demo.says("the last one").await;
        let output = demo.output();
        // The bytes of a payload are shown as they are, in the rows of 16 bytes.
        let is_row = |line: &&str| {
            line.get(5..7)
                .is_some_and(|byte| u8::from_str_radix(byte, 16).is_ok())
        };
        for line in output.lines().filter(|line| !is_row(line)) {
            assert!(!line.contains(&CANARY[..3]), "{line}");
        }
    }
}

/// A page reads the same X-ray.
#[tokio::test]
async fn t18_a_token_is_not_in_the_xray_of_a_page() {
    let attempt = "0123456789abcdef";
    let demo = demo!("2_websocket_echo").arguments(["--xray"]);
    let demo = demo.env("WEBSOCKET_TOKEN", CANARY).start().await;
    let head = handshake(demo.addr, &format!("/?attempt={attempt}"), "");
    let key = head.replace("dGhlIHNhbXBsZSBub25jZQ==", CANARY);
    assert_eq!(ask(demo.addr, key).await.status, 400);
    let mut viewer = Client::connect(format!("{}xray?watch={attempt}", demo.url())).await;
    viewer.hear_text().await;
    let request = viewer.hear_text().await;
    let hidden = r#"{"name":"Sec-WebSocket-Key","value":"***","#;
    assert!(request.contains(hidden), "{request}");
}

/// A learner pastes the printed link, or the token, where it does not belong.
#[tokio::test]
async fn no_error_about_a_setting_repeats_a_secret() {
    let link = format!("http://192.168.1.5:8765/#token={CANARY}");
    let query = format!("ws://h/?token={CANARY}");
    let user = format!("https://me:{CANARY}@h/");
    let two = format!("9000 WEBSOCKET_TOKEN={CANARY}");
    let body = format!("MIGHAgEAMBMGByqGSM49AgEG{CANARY}");
    let values = [CANARY, &link, &query, &user, &two, &body];
    for known in zcomm_core::SETTINGS {
        for value in values {
            // The harness needs an address of its own, and the echo's prefix may be any text.
            if matches!(known.name, "ECHO_PREFIX" | "NO_COLOR") || known.name.contains("TOKEN") {
                continue;
            }
            let mut start = demo!("2_websocket_echo").env(known.name, value);
            for (name, value) in [
                ("WEBSOCKET_SSL_ENABLED", "on"),
                ("WEBSOCKET_SSL_CERT", "missing.pem"),
                ("WEBSOCKET_SSL_KEY", "missing.key"),
            ] {
                if name != known.name {
                    start = start.env(name, value);
                }
            }
            let (code, output) = start.fails().await;
            assert_eq!(code, Some(78), "{}={value}: {output}", known.name);
            assert!(!output.contains(CANARY), "{}: {output}", known.name);
            assert!(!output.contains("7Qp2"), "{}: {output}", known.name);
        }
    }
}

/// An error may hide the path, so the help names the setting.
#[tokio::test]
async fn an_error_about_a_file_of_tls_names_its_setting() {
    let hidden = "a-name-of-a-file-without-a-dot";
    let folder = crate::harness::folder("named_by_its_setting");
    let leaf = crate::harness::certificates()
        .ca
        .issue(&["localhost"])
        .unwrap();
    std::fs::write(folder.join("a.pem"), leaf.certificate).unwrap();
    let key = |names| format!("this is the file of {names}; ");
    for (cert, key, shown, help) in [
        (hidden, "b.key", "***", key("WEBSOCKET_SSL_CERT")),
        ("a.pem", hidden, "***", key("WEBSOCKET_SSL_KEY")),
        ("a.pem", "b.key", "b.key", key("WEBSOCKET_SSL_KEY")),
        (
            "a.pem",
            "a.pem",
            "a.pem",
            key("WEBSOCKET_SSL_CERT and WEBSOCKET_SSL_KEY"),
        ),
    ] {
        let start = demo!("2_websocket_echo").folder(&folder);
        let start = start.env("WEBSOCKET_SSL_ENABLED", "on");
        let start = start
            .env("WEBSOCKET_SSL_CERT", cert)
            .env("WEBSOCKET_SSL_KEY", key);
        let (code, output) = start.fails().await;
        assert_eq!(code, Some(78), "{output}");
        assert!(output.contains(&format!("error: {shown}: ")), "{output}");
        assert!(output.contains(&format!("help: {help}")), "{output}");
    }
}

/// Near miss: a short value that cannot be a token is shown, because it helps.
#[tokio::test]
async fn a_value_is_hidden_if_it_is_the_token_and_shown_if_it_is_plain() {
    let start = || demo!("2_websocket_echo").env("WEBSOCKET_PORT", "hunter2");
    let (_, output) = start().fails().await;
    assert!(output.contains("WEBSOCKET_PORT=\"hunter2\""), "{output}");
    for (name, value) in [
        ("WEBSOCKET_TOKEN", "hunter2"),
        ("WEBSOCKET_TOKENS", "ada:hunter2"),
    ] {
        let (_, output) = start().env(name, value).fails().await;
        assert!(output.contains("WEBSOCKET_PORT=\"***\""), "{output}");
        assert!(!output.contains("hunter2"), "{output}");
    }
    let path = format!("/run/{CANARY}.pem");
    let tls = demo!("2_websocket_echo").tls();
    let tls = tls.env("WEBSOCKET_TOKEN", CANARY);
    let (_, output) = tls.env("WEBSOCKET_SSL_CERT", &path).fails().await;
    assert!(output.contains("WEBSOCKET_SSL_CERT=\"***\""), "{output}");
    assert!(!output.contains(CANARY), "{output}");
}

#[tokio::test]
async fn no_error_about_a_line_of_the_file_repeats_a_secret() {
    for line in [
        format!("WEBSOCKET_PORT=9000 WEBSOCKET_TOKEN={CANARY}"),
        format!("WEBSOCKET_HOST=127.0.0.1 {CANARY}"),
        format!("{CANARY}="),
        format!("{CANARY} ="),
        format!("the token is {CANARY}"),
        format!("http://me:{CANARY}@h/"),
        format!("ECHO_PREFIX=a b {CANARY}"),
        format!("WEBSOCKET_TOKN=\"{CANARY}"),
        format!("WEBSOCKET_ALLOWED_ORIGINS=http://h/#token={CANARY} x"),
        format!("ECHO_PREFIX={CANARY},WEBSOCKET_PORT=1"),
        format!("# a\u{2028}{CANARY}"),
    ] {
        let folder = crate::harness::folder("secret_line");
        std::fs::write(folder.join(".zEnv"), &line).unwrap();
        let (code, output) = demo!("2_websocket_echo").folder(folder).fails().await;
        assert_eq!(code, Some(78), "{line}: {output}");
        assert!(output.contains(".zEnv, line 1"), "{output}");
        assert!(!output.contains(CANARY), "{output}");
    }
}
