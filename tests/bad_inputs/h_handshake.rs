//! H: the opening handshake.

use zcomm_core::Config;

use super::survives;
use crate::harness::{Raw, ask, get, handshake};

#[tokio::test]
async fn h01_a_plain_get_is_answered_with_words_and_426_where_only_websockets_live() {
    survives(Config::default(), async |server| {
        let response = get(server.addr, "/ws").await;
        assert_eq!(response.status, 426);
        assert_eq!(response.header("upgrade"), Some("websocket"));
        assert_eq!(response.header("sec-websocket-version"), Some("13"));
        assert!(response.body.contains("WebSocket"));
    })
    .await;
}

#[tokio::test]
async fn h05_any_version_but_13_is_426() {
    survives(Config::default(), async |server| {
        for version in ["8", "0", "14", "abc", "13, 8"] {
            let request = handshake(server.addr, "/", "")
                .replace("Version: 13", &format!("Version: {version}"));
            let response = ask(server.addr, &request).await;
            assert_eq!(response.status, 426, "{version}");
            assert_eq!(response.header("sec-websocket-version"), Some("13"));
        }
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
