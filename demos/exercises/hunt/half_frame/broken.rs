// ✗ 2  a message while the header of another one is half read

use std::{io, process::ExitCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, tcp::OwnedReadHalf};
use tokio::sync::broadcast::{Sender, channel};
use zcomm_core::{Config, Result, program, xray::accept_key};

#[tokio::main]
async fn main() -> ExitCode {
    program("", serve()).await
}

async fn serve() -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", Config::from_env()?.port)).await?;
    let (news, _) = channel(64);
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(handle(stream, news.clone()));
    }
}

/// Runs once for each client. Every client gets every message.
async fn handle(mut stream: TcpStream, news: Sender<String>) -> io::Result<()> {
    let mut receiver = news.subscribe();
    answer_handshake(&mut stream).await?;
    let (mut reader, mut writer) = stream.into_split();
    loop {
        tokio::select! {
            text = read_text(&mut reader) => { news.send(text?).ok(); }
            Ok(text) = receiver.recv() => {
                writer.write_all(&[0x81, text.len() as u8]).await?;
                writer.write_all(text.as_bytes()).await?;
            }
        }
    }
}

/// Reads a frame. Every message of this exercise is a text of less than 126 bytes.
async fn read_text(reader: &mut OwnedReadHalf) -> io::Result<String> {
    let mut head = [0; 6];
    reader.read_exact(&mut head).await?;
    let mut payload = vec![0; usize::from(head[1] & 0x7f)];
    reader.read_exact(&mut payload).await?;
    Ok(unmasked(&head[2..], &payload))
}

/// Removes the mask. The key has four bytes.
fn unmasked(key: &[u8], payload: &[u8]) -> String {
    let byte = |at: usize| char::from(payload[at] ^ key[at % 4]);
    (0..payload.len()).map(byte).collect()
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
