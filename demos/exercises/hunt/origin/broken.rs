// ✗ 2  a page of another site is refused

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
