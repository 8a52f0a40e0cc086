//! Lesson 1: the life of a connection.

use crate::demo;
use crate::harness::Client;

#[tokio::test]
async fn says_its_address_and_serves_its_page() {
    let demo = demo!("1_websocket_server").start().await;
    let page = demo.get("/").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("<h1"));
    assert!(demo.output().contains("clients/1_client_server.html"));
    assert_eq!(demo.get("/style.css").await.status, 200);
    assert_eq!(demo.get("/page.js").await.status, 200);
    assert_eq!(demo.get("/nothing-here").await.status, 404);
}

#[tokio::test]
async fn counts_and_lists_its_clients_as_they_come_and_go() {
    let mut demo = demo!("1_websocket_server").start().await;
    let first = Client::connect(demo.url()).await;
    demo.says("client 1 joined; connected: 1 (client 1)").await;
    let _second = Client::connect(demo.url()).await;
    demo.says("client 2 joined; connected: 2 (client 1, client 2)")
        .await;
    assert!(demo.get("/stats").await.body.contains(r#""clients":2"#));
    first.leave().await;
    demo.says("client 1 left; connected: 1 (client 2)").await;
}
