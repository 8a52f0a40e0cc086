//! # DANGEROUS: a server that trusts a cookie from any page
//!
//! Chapter 4 of the course attacks this server. Do not use its code for anything else.
//!
//! This server checks which *user* connects, but not which *page* opens the connection. A
//! browser sends the cookie with every handshake to this host, even if a page of another site
//! starts the handshake. The program also serves the other site: `docs/attacks/hijack.html`.
//!
//! - **Run** `cargo run --example believes_cookies`
//! - **Open** <http://127.0.0.1:8765/>, then <http://127.0.0.1:8767/>, in the same browser.
//! - **Watch** the terminal: the page of the other site sends an order as the user Ada.

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{accept_async, tungstenite::Message};

/// A real cookie is random. A random cookie would not help here, because the browser sends the
/// cookie for any page.
const COOKIE: &str = "session=ada-is-logged-in";
const ATTACK: &str = include_str!("../../docs/attacks/hijack.html");

#[tokio::main]
async fn main() -> std::io::Result<()> {
    // Tests pass two other port numbers.
    let ports = std::env::args().skip(1);
    let mut ports = ports.filter_map(|port| port.parse().ok());
    let bank = TcpListener::bind(("127.0.0.1", ports.next().unwrap_or(8765))).await?;
    let stranger = TcpListener::bind(("127.0.0.1", ports.next().unwrap_or(8767))).await?;
    let (here, there) = (bank.local_addr()?, stranger.local_addr()?);
    println!("DANGEROUS, for chapter 4 only; the stranger's page: http://{there}/");
    println!("listening on ws://{here}/ - open http://{here}/");
    loop {
        tokio::select! {
            Ok((stream, _)) = bank.accept() => tokio::spawn(serve(stream)),
            Ok((stream, _)) = stranger.accept() => {
                tokio::spawn(page(stream, "200 OK", "Content-Type: text/html", ATTACK))
            }
        };
    }
}

async fn serve(stream: TcpStream) {
    // Reads the request but leaves it in the stream, because the code below reads it again.
    let mut request = [0; 4096];
    let length = stream.peek(&mut request).await.unwrap_or(0);
    let request = String::from_utf8_lossy(&request[..length]).to_lowercase();
    if !request.contains("upgrade: websocket") {
        // To stay short, this server logs in every visitor as Ada.
        let cookie = format!("Set-Cookie: {COOKIE}; HttpOnly; SameSite=Strict");
        return page(stream, "200 OK", &cookie, "You are logged in as Ada.\n").await;
    }
    // The security hole: this server checks neither Origin nor Host.
    if !request.contains(COOKIE) {
        println!("refused: no cookie");
        return page(
            stream,
            "401 Unauthorized",
            "Content-Type: text/plain",
            "log in first\n",
        )
        .await;
    }
    let Ok(mut socket) = accept_async(stream).await else {
        return;
    };
    let mut answer = "Ada, your balance is 1000".to_owned();
    while socket.send(Message::from(answer)).await.is_ok() {
        let Some(Ok(Message::Text(order))) = socket.next().await else {
            break;
        };
        println!("Ada orders: {:?}", order.as_str());
        answer = format!("Ada, your order is done: {order}");
    }
    // Ignores an error: the client has already left.
    socket.close(None).await.ok();
}

/// Reads one request and answers with this status, header and text.
async fn page(mut stream: TcpStream, status: &str, header: &str, text: &str) {
    let length = text.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{header}\r\n\r\n{text}"
    );
    if stream.read(&mut [0; 4096]).await.is_ok() {
        // Ignores an error: the client has already left.
        stream.write_all(answer.as_bytes()).await.ok();
    }
}
