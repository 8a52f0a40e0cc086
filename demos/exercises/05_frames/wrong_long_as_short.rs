// ✗ 4  a length of 126 or more has two bytes more

use std::{io, process::ExitCode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
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

/// Runs once for each client. An error means that the client is gone.
async fn handle(mut stream: BufReader<TcpStream>) -> io::Result<()> {
    answer_handshake(&mut stream).await?;
    loop {
        let (opcode, payload) = read_frame(&mut stream).await?;
        let answer = if opcode == 9 { 10 } else { opcode };
        write_frame(&mut stream, answer, &payload).await?;
        if opcode == 8 {
            return Ok(());
        }
    }
}

/// Reads a frame. Returns its opcode and its payload, unmasked.
async fn read_frame(stream: &mut BufReader<TcpStream>) -> io::Result<(u8, Vec<u8>)> {
    let opcode = stream.read_u8().await? & 0x0f;
    let length = match stream.read_u8().await? & 0x7f {
        126 => stream.read_u16().await?.into(),
        127 => stream.read_u64().await?,
        length => length.into(),
    };
    let mut key = [0; 4];
    stream.read_exact(&mut key).await?;
    // A real server has a limit here: a client may claim 2^63 bytes.
    let mut payload = vec![0; length as usize];
    stream.read_exact(&mut payload).await?;
    for (at, byte) in payload.iter_mut().enumerate() {
        *byte ^= key[at % 4];
    }
    Ok((opcode, payload))
}

/// Writes a frame without a mask.
async fn write_frame(
    stream: &mut BufReader<TcpStream>,
    opcode: u8,
    payload: &[u8],
) -> io::Result<()> {
    let mut frame = vec![0x80 | opcode];
    match payload.len() {
        length @ ..256 => frame.push(length as u8),
        length @ ..65_536 => {
            frame.push(126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(payload);
    stream.write_all(&frame).await
}

/// Reads the request up to its empty line, and answers with 101.
async fn answer_handshake(stream: &mut BufReader<TcpStream>) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < 8192 {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut headers = head.lines().filter_map(|line| line.split_once(": "));
    let key = headers.find(|(name, _)| name.eq_ignore_ascii_case("Sec-WebSocket-Key"));
    let accept = accept_key(key.unwrap_or_default().1);
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await
}
