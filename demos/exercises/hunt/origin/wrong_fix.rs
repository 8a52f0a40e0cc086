// ✗ 3  so is a page at an IP address

use std::{io, process::ExitCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader, copy, sink};
use tokio::net::{TcpListener, TcpStream};
use zcomm_core::{Config, Result, program, xray::accept_key};

#[tokio::main]
async fn main() -> ExitCode {
    program("", serve()).await
}

async fn serve() -> Result<()> {
    let config = Config::from_env()?;
    let listener = TcpListener::bind(("127.0.0.1", config.port)).await?;
    println!("listening on ws://{}/", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(handle(BufReader::new(stream)));
    }
}

/// Whether the pages of this origin may connect.
fn may_connect(origin: &str) -> bool {
    let host = origin.split_once("://").map_or("", |(_, rest)| rest);
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    // A developer may also open the page at an IP address, such as 127.0.0.1.
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok()
}

/// Runs once for each client. It tells the page which build is the newest one.
async fn handle(mut stream: BufReader<TcpStream>) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < 8192 {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head);
    let header = |wanted: &str| {
        let mut headers = head.lines().filter_map(|line| line.split_once(": "));
        let header = headers.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        header.map(|(_, value)| value)
    };
    // A program sends no Origin. A browser always sends the Origin of the page.
    if !header("Origin").is_none_or(may_connect) {
        let refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
        return stream.write_all(refusal).await;
    }
    let accept = accept_key(header("Sec-WebSocket-Key").unwrap_or_default());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.write_all(b"\x81\x0abuild 4f1c").await?;
    copy(&mut stream, &mut sink()).await?;
    Ok(())
}
