//! The course, as every lesson serves it.

mod links;

use crate::demo;
use crate::harness::{Demo, ask, get};

/// The map, the first chapter, a picture, and what is not there.
async fn serves_the_course(demo: &Demo) {
    let map = demo.get("/course/").await;
    assert_eq!(map.status, 200);
    let policy = map.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'self'; "), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    let first = map.body.split("class=\"map\"").nth(1).unwrap();
    let first = first
        .split("href=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let chapter = demo.get(first).await;
    assert_eq!(chapter.status, 200);
    assert_eq!(chapter.header("content-security-policy"), Some(policy));
    assert!(chapter.body.contains("<h2 id=\"run-it\">"), "{first}");
    let picture = demo.get("/course/figures/handshake.svg").await;
    assert_eq!(picture.header("content-type"), Some("image/svg+xml"));
    assert_eq!(demo.get("/course/style.css").await.status, 404);
}

#[tokio::test]
async fn every_lesson_serves_the_course() {
    serves_the_course(&demo!("1_websocket_server").start().await).await;
    serves_the_course(&demo!("2_websocket_echo").start().await).await;
    serves_the_course(&demo!("3_websocket_secure").tls().start().await).await;
    serves_the_course(&demo!("open_broadcast").start().await).await;
    serves_the_course(&demo!("4_websocket_broadcast").start().await).await;
    serves_the_course(&demo!("chat_app").start().await).await;
}

#[tokio::test]
async fn the_course_without_its_slash_leads_to_the_map() {
    let demo = demo!("2_websocket_echo").start().await;
    let moved = demo.get("/course").await;
    assert_eq!(
        (moved.status, moved.header("location")),
        (308, Some("/course/"))
    );
    assert_eq!(demo.get("/cours").await.status, 404);
}

/// The rules are those of the lesson's own page: which host, which method, and no token.
#[tokio::test]
async fn the_course_follows_the_rules_of_the_page() {
    let demo = demo!("4_websocket_broadcast").start().await;
    for path in ["/", "/course/", "/course", "/course/search.json"] {
        let request =
            |method: &str, host: &str| format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let own = demo.addr.to_string();
        let page = get(demo.addr, path).await;
        assert!(matches!(page.status, 200 | 308), "{path}");
        assert_eq!(page.header("cache-control"), Some("no-store"), "{path}");
        let head = ask(demo.addr, request("HEAD", &own)).await;
        assert_eq!(
            (head.status, head.body.as_str()),
            (page.status, ""),
            "{path}"
        );
        assert_eq!(
            head.header("content-length"),
            page.header("content-length"),
            "{path}"
        );
        assert_eq!(
            ask(demo.addr, request("POST", &own)).await.status,
            405,
            "{path}"
        );
        let foreign = ask(demo.addr, request("GET", "evil.example")).await;
        assert_eq!(foreign.status, 403, "{path}");
    }
}

/// No path leads out of the course, and the answer says where the course begins.
#[tokio::test]
async fn a_page_that_does_not_exist_is_404_and_says_where_the_course_is() {
    let demo = demo!("1_websocket_server").start().await;
    for path in [
        "/course/no-such-chapter.html",
        "/course/../Cargo.toml",
        "/course/%2e%2e/%2e%2e/Cargo.toml",
        "/course/..%2f..%2fCargo.toml",
        "/course//etc/passwd",
        "/course/attacks/hijack.html",
    ] {
        let answer = demo.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.body.contains("/course/"), "{}", answer.body);
    }
}
