//! What a server prints at its start, and what it says to a client without the right token.

use serde_json::Value;

use crate::demo;
use crate::harness::{CANARY, Client, Raw, Start, get, handshake};

const LESSONS: [&str; 5] = [
    "1_websocket_server",
    "2_websocket_echo",
    "4_websocket_broadcast",
    "open_broadcast",
    "chat_app",
];

fn lesson(name: &str) -> Start {
    match name {
        "1_websocket_server" => demo!("1_websocket_server"),
        "2_websocket_echo" => demo!("2_websocket_echo"),
        "4_websocket_broadcast" => demo!("4_websocket_broadcast"),
        "open_broadcast" => demo!("open_broadcast"),
        _ => demo!("chat_app"),
    }
    .env("WEBSOCKET_REQUIRE_AUTH", "true")
}

/// Most programs take a link up to the next blank, with everything in it. So a comma after the
/// link would be a part of the token.
#[tokio::test]
async fn the_printed_link_up_to_the_next_blank_has_a_token_that_is_accepted() {
    for name in LESSONS {
        let demo = lesson(name).start().await;
        let output = demo.output();
        let link = output.split(" - open ").nth(1).unwrap();
        let link = link.split_whitespace().next().unwrap();
        let token = link
            .strip_prefix(&format!("{}#token=", demo.page()))
            .unwrap();
        assert_eq!(token.len(), 24, "{link}");
        let mut client = Client::connect(format!("{}?token={token}", demo.url())).await;
        client.say("{}").await;
        client.leave().await;
        let page = demo.get("/").await.body;
        assert!(page.contains("id=\"token\""), "{name} has no Token field");
    }
}

/// A server with a token in its settings prints no link with a token, so no help mentions one.
#[tokio::test]
async fn each_help_names_where_this_run_has_its_token() {
    let alice = format!("Alice:{CANARY}-of-alice");
    let printed = "this server printed";
    for (settings, start, help) in [
        (
            vec![],
            "this server made the token in this link for this run",
            printed,
        ),
        (
            vec![("WEBSOCKET_TOKEN", CANARY)],
            "clients must show the token in WEBSOCKET_TOKEN: type",
            "WEBSOCKET_TOKEN in the settings of this server",
        ),
        (
            vec![("WEBSOCKET_TOKENS", alice.as_str())],
            "clients must show their own token from WEBSOCKET_TOKENS: type",
            "WEBSOCKET_TOKENS in the settings of this server",
        ),
        (
            vec![("WEBSOCKET_TOKEN", CANARY), ("WEBSOCKET_TOKENS", &alice)],
            "the token in WEBSOCKET_TOKEN, or their own from WEBSOCKET_TOKENS",
            "WEBSOCKET_TOKEN in the settings of this server",
        ),
    ] {
        let mut demo = lesson("2_websocket_echo");
        for (name, value) in settings {
            demo = demo.env(name, value);
        }
        let mut demo = demo.start().await;
        demo.says(start).await;
        assert_eq!(demo.output().contains("#token="), help == printed);
        for (query, reason) in [
            ("attempt=0123456789abcdef", "Authentication required"),
            (
                "attempt=0123456789abcdef&token=not-the-right-one",
                "Invalid token",
            ),
        ] {
            let mut client = Client::connect(format!("{}?{query}", demo.url())).await;
            assert_eq!(client.closed().await, (1008, reason.to_owned()));
            // After a Close frame, too, a page can ask for the help.
            let why = get(demo.addr, "/why?attempt=0123456789abcdef").await;
            let why: Value = serde_json::from_str(&why.body).unwrap();
            assert_eq!(why["reason"], reason);
            let told = why["help"].as_str().unwrap();
            assert!(told.contains(help), "{told}");
            assert_eq!(told.contains(printed), help == printed, "{told}");
        }
    }
}

/// A page can see that another server answers: only a server of this course has this body.
#[tokio::test]
async fn why_answers_in_json_also_when_it_knows_nothing() {
    let demo = demo!("2_websocket_echo").start().await;
    let why = get(demo.addr, "/why?attempt=0123456789abcdef").await;
    assert_eq!(why.status, 404);
    let why: Value = serde_json::from_str(&why.body).unwrap();
    assert_eq!(why["reason"], "no refusal is stored for this attempt");
}

/// The page of an editor's web server has a foreign origin. The log names the setting.
#[tokio::test]
async fn the_log_names_the_setting_that_would_allow_an_origin() {
    let mut demo = demo!("2_websocket_echo").start().await;
    let origin = "http://127.0.0.1:5500";
    let status = async |addr| {
        let mut page = Raw::connect(addr).await;
        let request = handshake(addr, "/", &format!("Origin: {origin}\r\n"));
        page.send(request.as_bytes()).await;
        page.head().await.status
    };
    assert_eq!(status(demo.addr).await, 403);
    demo.says("origin=\"http://127.0.0.1:5500\" setting=\"WEBSOCKET_ALLOWED_ORIGINS\"")
        .await;
    let demo = demo!("2_websocket_echo").env("WEBSOCKET_ALLOWED_ORIGINS", origin);
    let demo = demo.start().await;
    assert_eq!(status(demo.addr).await, 101);
}
