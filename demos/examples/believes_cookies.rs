//! # DANGEROUS: a server that believes a cookie, whichever page brings it along
//!
//! Part 6 of the course attacks it; that is all it is for. Do not build on it.
//!
//! It asks who the *user* is and never which *page* is asking. A browser sends the cookie with
//! every handshake to this host, also with one that a stranger's page has started. The server
//! beside it is that stranger's: it hands out `docs/attacks/hijack.html`.
//!
//! - **Run** `cargo run -p demos --example believes_cookies`
//! - **Open** <http://127.0.0.1:8765/>, then <http://127.0.0.1:8767/>, in one browser.

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::{io::AsyncWriteExt, select};
use tokio_tungstenite::{accept_hdr_async, tungstenite};
use tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tungstenite::{Message, http::StatusCode};

/// A real one is random, and still no help here: the browser shows it for whoever asks.
const COOKIE: &str = "session=ada-is-logged-in";

#[tokio::main]
async fn main() -> std::io::Result<()> {
    // Other ports, for tests: two numbers.
    let mut ports = std::env::args()
        .skip(1)
        .filter_map(|port| port.parse().ok());
    let bank = TcpListener::bind(("127.0.0.1", ports.next().unwrap_or(8765))).await?;
    let stranger = TcpListener::bind(("127.0.0.1", ports.next().unwrap_or(8767))).await?;
    let (here, there) = (bank.local_addr()?, stranger.local_addr()?);
    println!("DANGEROUS, for part 6 only; the stranger's page: http://{there}/");
    println!("listening on ws://{here}/ - open http://{here}/");
    loop {
        select! {
            Ok((stream, _)) = bank.accept() => tokio::spawn(serve(stream)),
            Ok((stream, _)) = stranger.accept() => {
                tokio::spawn(page(stream, "", include_str!("../../docs/attacks/hijack.html")))
            }
        };
    }
}

async fn serve(stream: TcpStream) {
    let mut head = [0; 4096];
    let length = stream.peek(&mut head).await.unwrap_or(0);
    let head = String::from_utf8_lossy(&head[..length]).to_lowercase();
    if !head.contains("\r\nupgrade: websocket") {
        // Whoever opens the page is logged in, to keep this short.
        let cookie = format!("Set-Cookie: {COOKIE}; HttpOnly\r\n");
        return page(stream, &cookie, "You are logged in as Ada.\n").await;
    }
    let who_is_it = |request: &Request, response: Response| {
        let cookie = request
            .headers()
            .get("cookie")
            .map(|value| value.as_bytes());
        if cookie == Some(COOKIE.as_bytes()) {
            return Ok(response); // The hole: nobody has looked at Origin, or at Host.
        }
        let mut refusal = ErrorResponse::new(None);
        *refusal.status_mut() = StatusCode::UNAUTHORIZED;
        Err(refusal)
    };
    let Ok(mut socket) = accept_hdr_async(stream, who_is_it).await else {
        return println!("refused: no cookie");
    };
    println!("Ada is here");
    let mut answer = "Ada, your balance is 1000".to_owned();
    while socket.send(Message::from(answer)).await.is_ok() {
        let Some(Ok(Message::Text(order))) = socket.next().await else {
            break;
        };
        println!("Ada orders: {:?}", order.as_str());
        answer = format!("Ada, your order is done: {order}");
    }
    // Whoever has gone does not need this.
    socket.close(None).await.ok();
}

/// A page, and one more line for its head.
async fn page(mut stream: TcpStream, header: &str, text: &str) {
    let kind = if text.starts_with('<') {
        "html"
    } else {
        "plain"
    };
    let length = text.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/{kind}\r\nContent-Length: {length}\r\n\
         {header}Connection: close\r\n\r\n"
    );
    // Whoever has gone does not need it.
    stream.write_all((head + text).as_bytes()).await.ok();
}
