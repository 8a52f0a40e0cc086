//! What the chat's page does when a server closes. Each server here has one behaviour.

use std::sync::{
    Arc,
    atomic::{AtomicU16, Ordering::Relaxed},
};

use futures_util::{SinkExt, StreamExt};
use reqwest::Url;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    accept_async,
    tungstenite::{Error, Message, protocol::CloseFrame},
};

use crate::harness::{Page, Scene, root};

/// Starts a server that welcomes each client and closes with this code. 0 means: stays open.
async fn server(code: &Arc<AtomicU16>, reason: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, code) = (listener.local_addr().unwrap(), Arc::clone(code));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // This fails for a request that is not a handshake.
            tokio::spawn(close_with(stream, code.load(Relaxed), reason));
        }
    });
    format!("ws://{address}/")
}

async fn close_with(stream: TcpStream, code: u16, reason: &str) -> Result<(), Error> {
    let welcome = json!({
        "type": "welcome", "client_id": "1", "name": "Ada", "session": "the session", "epoch": "e",
        "resumed": false, "direct": "0", "broadcast": "0", "heartbeat_seconds": 20,
    });
    let mut socket = accept_async(stream).await?;
    socket.send(Message::text(welcome.to_string())).await?;
    socket.next().await; // the page asks to join the lobby
    if code > 0 {
        let (code, reason) = (code.into(), reason.into());
        socket.close(Some(CloseFrame { code, reason })).await?;
    }
    while socket.next().await.is_some() {}
    Ok(())
}

/// Opens the chat's page, by double click, with this server.
async fn open(scene: &Scene, server: &str) -> Page {
    let file = Url::from_file_path(root().join("clients/chat_app.html")).unwrap();
    let page = scene.open_url(file.as_str()).await;
    page.write("server", server).await;
    page.write("name", "Ada").await;
    page
}

/// The page, `zcomm chat` and the document about close codes have one table.
pub async fn the_page_comes_back_only_after_the_codes_of_the_table(scene: Scene) {
    let code = Arc::new(AtomicU16::new(0));
    let page = open(&scene, &server(&code, "").await).await;
    page.value("(Math.random = () => 1)").await;
    for over in [
        1000, 1002, 1003, 1007, 1008, 1009, 1010, 3000, 3003, 4001, 4003, 4400,
    ] {
        code.store(over, Relaxed);
        page.click("connect").await;
        let ended = if over == 1000 { "closed" } else { "refused" };
        page.until(&format!("state === '{ended}'")).await;
        page.shows("closed", &format!("Closed: {over} — ")).await;
        assert_eq!(page.value("waiting === null").await, true, "{over}");
    }
    for retry in [1001, 1011, 1012, 1013, 1014, 3001, 3008] {
        code.store(retry, Relaxed);
        page.click("connect").await;
        page.until("state === 'waiting'").await;
        page.shows("closed", &format!("Closed: {retry} — ")).await;
        page.value("(stop('closed', ''), failures = 0)").await;
    }
    let words = "CLOSE_CODES.get(1010).meaning";
    let words = page.value(words).await;
    assert_eq!(words, "an extension that the client needs is missing");
}

/// A slow network may get faster, so one reason of 1008 is different.
pub async fn the_page_comes_back_after_too_slow(scene: Scene) {
    let code = Arc::new(AtomicU16::new(1008));
    let page = open(&scene, &server(&code, "Too slow").await).await;
    page.click("connect").await;
    page.until("state === 'waiting'").await;
    let page = open(&scene, &server(&code, "Message too slow").await).await;
    page.click("connect").await;
    page.until("state === 'refused'").await;
}

/// The back-off starts again only after a connection that lasts. The clock of the page is 20
/// times as fast.
pub async fn the_waits_grow_although_each_connection_is_welcomed(scene: Scene) {
    let code = Arc::new(AtomicU16::new(1011));
    let page = open(&scene, &server(&code, "Internal error").await).await;
    let fast = "(() => {
        const later = window.setTimeout;
        window.setTimeout = (act, ms) => later(act, ms / 20);
        Math.random = () => 0.999;
        window.waits = [];
        const show = on.state;
        on.state = (state, sentence) => {
            if (state === 'waiting') waits.push(Math.round((waiting.until - performance.now()) / 500) / 2);
            show(state, sentence);
        };
    })()";
    page.value(fast).await;
    page.click("connect").await;
    page.until("waits.length >= 7").await;
    let waits = page.value("waits.slice(0, 7)").await;
    assert_eq!(waits, json!([0.5, 1, 2, 4, 8, 16, 30]));
    code.store(0, Relaxed);
    page.until("state === 'connected' && failures === 0").await;
}
