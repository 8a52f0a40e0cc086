//! Lesson 4: who may connect.

use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use zcomm_core::DEMO_TOKEN;

use crate::demo;
use crate::harness::{CANARY, Client, Demo};

async fn with_a_token() -> Demo {
    demo!("4_websocket_broadcast")
        .env("WEBSOCKET_TOKEN", CANARY)
        .start()
        .await
}

#[tokio::test]
async fn says_its_address_and_serves_its_page() {
    let demo = with_a_token().await;
    assert!(demo.get("/").await.body.contains("<h1"));
    assert!(demo.output().contains("clients/4_client_broadcast.html"));
}

#[tokio::test]
async fn a_client_with_the_token_receives_messages() {
    let mut demo = with_a_token().await;
    let mut first = Client::connect(format!("{}?token={CANARY}", demo.url())).await;
    let mut request = demo.url().into_client_request().unwrap();
    let bearer = format!("Bearer {CANARY}").parse().unwrap();
    request.headers_mut().insert("authorization", bearer);
    let mut second = Client::connect(request).await;
    first.say("hello").await;
    assert_eq!(second.hear_text().await, "client 1 says: hello");
    demo.says("reached=1").await;
}

#[tokio::test]
async fn a_missing_or_wrong_token_is_refused_with_its_reason() {
    let demo = with_a_token().await;
    let mut none = Client::connect(demo.url()).await;
    assert_eq!(
        none.closed().await,
        (1008, "Authentication required".into())
    );
    let mut wrong = Client::connect(format!("{}?token={CANARY}4", demo.url())).await;
    assert_eq!(wrong.closed().await, (1008, "Invalid token".into()));
}

/// `reached` counts only clients that were let in.
#[tokio::test]
async fn a_refused_client_is_not_counted_and_not_reached() {
    let mut demo = with_a_token().await;
    let url = format!("{}?token={CANARY}", demo.url());
    let mut first = Client::connect(url.as_str()).await;
    let mut stranger = Client::connect(demo.url()).await;
    first.say("secret").await;
    demo.says("reached=0").await;
    assert_eq!(stranger.closed().await.0, 1008);
}

#[tokio::test]
async fn without_settings_it_makes_a_token_and_prints_a_link_that_works() {
    let demo = demo!("4_websocket_broadcast").start().await;
    let output = demo.output();
    let link = format!("open {}#token=", demo.page());
    let token = output
        .split(&link)
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next());
    let token = token
        .unwrap_or_else(|| panic!("no link in {output:?}"))
        .to_owned();
    assert!(token.len() >= 16);
    let mut client = Client::connect(format!("{}?token={token}", demo.url())).await;
    client.say("in").await;
    client.leave().await;
    let mut stranger = Client::connect(format!("{}?token={CANARY}", demo.url())).await;
    assert_eq!(stranger.closed().await, (1008, "Invalid token".into()));
}

/// `cp .zEnv.example .zEnv`, as the course says.
#[tokio::test]
async fn with_the_example_settings_it_takes_the_course_token() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("with_example");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy("../.zEnv.example", folder.join(".zEnv")).unwrap();
    let mut demo = demo!("4_websocket_broadcast").folder(folder).start().await;
    demo.says("settings: .zEnv").await;
    let url = format!("{}?token={DEMO_TOKEN}", demo.url());
    Client::connect(url.as_str()).await.leave().await;
}

#[tokio::test]
async fn authentication_cannot_be_switched_off_here() {
    let demo = demo!("4_websocket_broadcast")
        .env("WEBSOCKET_TOKEN", CANARY)
        .env("WEBSOCKET_REQUIRE_AUTH", "off")
        .start()
        .await;
    let mut client = Client::connect(demo.url()).await;
    assert_eq!(client.closed().await.0, 1008);
}

/// For a class on one network: the server prints a link for each address.
#[tokio::test]
async fn on_all_networks_it_prints_where_others_can_join() {
    let mut demo = demo!("4_websocket_broadcast")
        .env("WEBSOCKET_HOST", "0.0.0.0")
        .start()
        .await;
    demo.says("reachable from your network").await;
    let output = demo.output();
    let page = demo.page();
    assert!(output.contains(&format!("open {page}#token=")));
    let scheme = page.split("://").next().unwrap();
    let other = format!("on your network: {scheme}://");
    let others = output.lines().filter(|line| line.contains(&other)).count();
    let networks = if_addrs::get_if_addrs().unwrap();
    let networks = networks
        .iter()
        .filter(|network| !network.is_loopback() && network.ip().is_ipv4());
    assert_eq!(others, networks.count());
}
