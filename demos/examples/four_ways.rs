//! Four ways to hear news: polling, long polling, server-sent events, WebSocket.
//!
//! A server has something new every 50 ms, a hundred times. Clients hear of it in four ways,
//! all at the same time, and every byte is counted on its way. Polling runs twice, because
//! its period is a choice between bytes and delay.
//!
//! HTTP is at its best here: connections stay open, and heads are as short as they may be.
//! A browser adds some hundred bytes to each request, and a server as many to its answer.
//!
//! - **Run** `cargo run --example four_ways`
//! - **Watch** the delay of polling: half its period. And what each way asks and is told.
//! - **Try** `EVERY` at 200 ms and `POLLS` as it is: who pays for asking in vain?

use std::{
    error::Error,
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
    time::{Instant, interval, sleep},
};
use zcomm_core::{ClientSocket, Config, ConnectOptions, Connection, Message, Server, Trust};

/// So many pieces of news, and one of them so often.
const NEWS: usize = 100;
const EVERY: Duration = Duration::from_millis(50);
/// How long the two that poll wait before they ask again.
const POLLS: [Duration; 2] = [Duration::from_millis(25), Duration::from_millis(500)];

/// All news so far: when each piece came up. A watch wakes whoever waits for more.
type News = watch::Receiver<Vec<Instant>>;
type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// What one client has asked and heard.
#[derive(Default)]
struct Heard {
    requests: usize,
    pieces: usize,
    delay: Duration,
}

impl Heard {
    fn piece(&mut self, news: &News) {
        self.delay += news.borrow()[self.pieces].elapsed();
        self.pieces += 1;
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let (publish, news) = watch::channel(Vec::new());
    let plain = serve_http(news.clone()).await?;
    let config = Config {
        port: 0,
        announce: false,
        ..Config::default()
    };
    let server = Server::bind(config).await?;
    let socket = server.local_addr();
    let log = news.clone();
    tokio::spawn(server.run(move |to| tell(to, log.clone()), std::future::pending()));

    let mut ways = Vec::new();
    for pause in POLLS {
        let (door, bytes) = count(plain).await?;
        let name = format!("polling, every {} ms", pause.as_millis());
        let heard = tokio::spawn(ask(door, "/news", pause, news.clone()));
        ways.push((name, heard, bytes));
    }
    let (door, bytes) = count(plain).await?;
    let heard = tokio::spawn(ask(door, "/wait", Duration::ZERO, news.clone()));
    ways.push(("long polling".to_owned(), heard, bytes));
    let (door, bytes) = count(plain).await?;
    let heard = tokio::spawn(listen(door, news.clone()));
    ways.push(("server-sent events".to_owned(), heard, bytes));
    let (door, bytes) = count(socket).await?;
    let heard = tokio::spawn(converse(socket, door, news.clone()));
    ways.push(("WebSocket".to_owned(), heard, bytes));

    let mut clock = interval(EVERY);
    clock.tick().await; // the first tick is now, and everybody is still connecting
    for _ in 0..NEWS {
        clock.tick().await;
        publish.send_modify(|times| times.push(Instant::now()));
    }

    println!(
        "{:<22}{:>9}{:>11}{:>12}{:>13}",
        "way", "requests", "bytes up", "bytes down", "mean delay"
    );
    for (name, heard, bytes) in ways {
        let (heard, (up, down)) = (heard.await??, bytes.await??);
        let delay = heard.delay.as_secs_f64() * 1000.0 / NEWS as f64;
        println!(
            "{name:<22}{:>9}{up:>11}{down:>12}{delay:>10.1} ms",
            heard.requests
        );
    }
    Ok(())
}

/// Stands between a client and a server, and counts what passes: up and down.
async fn count(server: SocketAddr) -> Result<(SocketAddr, JoinHandle<io::Result<(u64, u64)>>)> {
    let door = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = door.local_addr()?;
    let counting = tokio::spawn(async move {
        let (mut client, _) = door.accept().await?;
        let mut server = TcpStream::connect(server).await?;
        server.set_nodelay(true)?;
        client.set_nodelay(true)?;
        copy_bidirectional(&mut client, &mut server).await
    });
    Ok((address, counting))
}

// ---- The server.

fn line(number: usize) -> String {
    format!("news {number:03}\n")
}

/// Waits until there are more than this many.
async fn more_than(known: usize, news: &mut News) -> usize {
    // It fails when nothing new will ever come; then what there is has to do.
    match news.wait_for(|times| times.len() > known).await {
        Ok(times) => times.len(),
        Err(_) => NEWS,
    }
}

async fn serve_http(news: News) -> Result<SocketAddr> {
    let door = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = door.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = door.accept().await {
            tokio::spawn(answer(stream, news.clone()));
        }
    });
    Ok(address)
}

/// One connection over which requests come, one after the other. A real server bounds what
/// it reads, and how long it waits for it; this one talks to its own client.
async fn answer(stream: TcpStream, mut news: News) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    while let Some(request) = head(&mut stream).await?.first() {
        let path = request.split(' ').nth(1).unwrap_or_default();
        let (path, after) = path.split_once("?after=").unwrap_or((path, "0"));
        let after: usize = after.parse()?;
        if path == "/events" {
            // No length: this answer ends when the connection does.
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
            stream.write_all(head.as_bytes()).await?;
            let mut told = 0;
            while told < NEWS {
                let count = more_than(told, &mut news).await;
                let events: String = (told..count)
                    .map(|n| format!("data: {}\n", line(n)))
                    .collect();
                stream.write_all(events.as_bytes()).await?;
                told = count;
            }
            return Ok(());
        }
        let count = match path {
            "/wait" => more_than(after, &mut news).await,
            _ => news.borrow().len(),
        };
        let body: String = (after..count).map(line).collect();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all((head + &body).as_bytes()).await?;
    }
    Ok(())
}

/// The lines of a request or an answer up to the empty one; none at the end.
async fn head(stream: &mut BufReader<TcpStream>) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 || line == "\r\n" {
            return Ok(lines);
        }
        lines.push(line);
    }
}

/// The WebSocket: two things to wait for, and no request in sight.
async fn tell(mut connection: Connection, mut news: News) -> zcomm_core::Result<()> {
    let mut told = 0;
    loop {
        tokio::select! {
            said = connection.recv() => if said.is_none() { return Ok(()) },
            count = more_than(told, &mut news), if told < NEWS => {
                for number in told..count {
                    connection.send(line(number)).await?;
                }
                told = count;
            }
        }
    }
}

// ---- The clients.

/// Polling; and long polling, where the pause is the server's.
async fn ask(door: SocketAddr, path: &str, pause: Duration, news: News) -> Result<Heard> {
    let mut stream = BufReader::new(TcpStream::connect(door).await?);
    let mut heard = Heard::default();
    while heard.pieces < NEWS {
        heard.requests += 1;
        let request = format!(
            "GET {path}?after={} HTTP/1.1\r\nhost: {door}\r\n\r\n",
            heard.pieces
        );
        stream.write_all(request.as_bytes()).await?;
        let answer = head(&mut stream).await?;
        let length = answer
            .iter()
            .find_map(|line| line.strip_prefix("content-length: "));
        let mut left: usize = length.ok_or("no length")?.trim().parse()?;
        while left > 0 {
            let mut line = String::new();
            left -= stream.read_line(&mut line).await?;
            heard.piece(&news);
        }
        sleep(pause).await;
    }
    Ok(heard)
}

/// Server-sent events: one request, and then lines that begin with `data:`.
async fn listen(door: SocketAddr, news: News) -> Result<Heard> {
    let mut stream = BufReader::new(TcpStream::connect(door).await?);
    let mut heard = Heard {
        requests: 1,
        ..Heard::default()
    };
    let request = format!("GET /events HTTP/1.1\r\nhost: {door}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    head(&mut stream).await?;
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        if line.starts_with("data:") {
            heard.piece(&news);
        }
        line.clear();
    }
    Ok(heard)
}

async fn converse(server: SocketAddr, door: SocketAddr, news: News) -> Result<Heard> {
    let mut options = ConnectOptions::new(format!("ws://{server}/"), &Trust::platform(&[])?);
    options.addresses = vec![door];
    let mut socket = ClientSocket::connect_with(&options).await?;
    let mut heard = Heard {
        requests: 1,
        ..Heard::default()
    };
    while heard.pieces < NEWS {
        match socket.recv().await {
            Some(Message::Text(_)) => heard.piece(&news),
            Some(Message::Binary(_)) => {}
            None => return Err("the server left".into()),
        }
    }
    socket.close(1000, "").await?;
    Ok(heard)
}
