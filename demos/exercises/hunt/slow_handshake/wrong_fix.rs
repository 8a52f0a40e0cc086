// ✗ 3  nor do six of them

use std::{io, process::ExitCode, time::Duration};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, sink};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use zcomm_core::{Config, Result, program, xray::accept_key};

#[tokio::main]
async fn main() -> ExitCode {
    program("", serve()).await
}

/// The time limit of a handshake.
const LIMIT: Duration = Duration::from_secs(2);

async fn serve() -> Result<()> {
    let config = Config::from_env()?;
    let listener = TcpListener::bind(("127.0.0.1", config.port)).await?;
    println!("listening on ws://{}/", listener.local_addr()?);
    loop {
        let (mut stream, _) = listener.accept().await?;
        if let Ok(Ok(())) = timeout(LIMIT, answer_handshake(&mut stream)).await {
            tokio::spawn(handle(stream));
        }
    }
}

/// Runs once for each client, after its handshake.
async fn handle(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(b"\x81\x07welcome").await?;
    copy(&mut stream, &mut sink()).await?;
    Ok(())
}

/// Reads the request up to its empty line, and answers with 101.
async fn answer_handshake(stream: &mut TcpStream) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < 8192 {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head);
    let key = head.split("Sec-WebSocket-Key: ").nth(1).unwrap_or_default();
    let accept = accept_key(key.lines().next().unwrap_or_default());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await
}
