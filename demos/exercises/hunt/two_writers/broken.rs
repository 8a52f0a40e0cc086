// ✗ 1  the answers of two tasks are two whole frames

use std::{io, process::ExitCode, sync::Arc};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, tcp::OwnedWriteHalf};
use tokio::{sync::Mutex, task::yield_now};
use zcomm_core::{Config, Result, program, xray::accept_key};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    program("", serve()).await
}

async fn serve() -> Result<()> {
    let config = Config::from_env()?;
    let listener = TcpListener::bind(("127.0.0.1", config.port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(handle(stream));
    }
}

/// Runs once for each client. Two tasks answer each message.
async fn handle(mut stream: TcpStream) -> io::Result<()> {
    answer_handshake(&mut stream).await?;
    let (mut reader, out) = stream.into_split();
    let out = Arc::new(Mutex::new(out));
    // Every message of this exercise is a text of less than 126 bytes.
    while reader.read_u8().await? == 0x81 {
        let length = reader.read_u8().await? & 0x7f;
        let mut bytes = vec![0; 4 + usize::from(length)];
        reader.read_exact(&mut bytes).await?;
        let text: String = (4..bytes.len())
            .map(|at| char::from(bytes[at] ^ bytes[at % 4]))
            .collect();
        for task in ["first", "second"] {
            let (out, text) = (out.clone(), format!("{task} {text}"));
            tokio::spawn(async move { send(&out, &text).await });
        }
    }
    Ok(())
}

/// Writes a text frame: its head, and then its payload.
async fn send(out: &Mutex<OwnedWriteHalf>, text: &str) -> io::Result<()> {
    let head = [0x81, text.len() as u8];
    out.lock().await.write_all(&head).await?;
    // A slow network makes a task wait between two writes. This line shows it on a fast one.
    yield_now().await;
    out.lock().await.write_all(text.as_bytes()).await
}

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
