//! # Four ways to receive news: polling, long polling, server-sent events, WebSocket
//!
//! A server publishes 100 pieces of news, one every 50 ms. Five clients receive the news at the
//! same time. A relay for each client counts every byte. Two of the clients poll: one client
//! polls often, which costs bytes, and one client polls rarely, which costs time.
//!
//! This is the best case for HTTP: connections stay open, and the headers are as short as
//! possible. Browsers and servers usually add a few hundred bytes to each request and answer.
//!
//! - **Run** `cargo run --example four_ways`
//! - **Watch** the mean delay of polling: half of the pause. Compare the requests and the bytes.
//! - **Try** to set `EVERY` to 200 ms and keep `POLLS`: which client sends useless requests?

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

/// The number of pieces of news, and the time between two of them.
const NEWS: usize = 100;
const EVERY: Duration = Duration::from_millis(50);
/// The pause between two requests, for each of the two polling clients.
const POLLS: [Duration; 2] = [Duration::from_millis(25), Duration::from_millis(500)];

/// The time at which each piece of news was published. The watch channel wakes the tasks that
/// wait for the next piece.
type News = watch::Receiver<Vec<Instant>>;
type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The results of one client: its requests, its pieces of news, and the sum of the delays.
#[derive(Default)]
struct Received {
    requests: usize,
    pieces: usize,
    delay: Duration,
}

impl Received {
    fn piece(&mut self, news: &News) {
        self.delay += news.borrow()[self.pieces].elapsed();
        self.pieces += 1;
    }
}

/// A running relay. It returns the number of bytes from the client and to the client.
type Bytes = JoinHandle<io::Result<(u64, u64)>>;
/// A running client: its name, its results and its relay.
type Way = (String, JoinHandle<Result<Received>>, Bytes);

#[tokio::main]
async fn main() -> Result<()> {
    let (publish, news) = watch::channel(Vec::new());
    let ways = start(&news).await?;
    let mut clock = interval(EVERY);
    clock.tick().await; // The first tick returns at once, while the clients still connect.
    for _ in 0..NEWS {
        clock.tick().await;
        publish.send_modify(|times| times.push(Instant::now()));
    }
    print(ways).await
}

/// Starts the HTTP server, the WebSocket server and five clients, each with its own relay.
async fn start(news: &News) -> Result<Vec<Way>> {
    let http = serve_http(news.clone()).await?;
    let config = Config {
        port: 0,
        announce: false,
        ..Config::default()
    };
    let server = Server::bind(config).await?;
    let socket = server.local_addr();
    let log = news.clone();
    tokio::spawn(server.run(
        move |client| push(client, log.clone()),
        std::future::pending(),
    ));

    let mut ways = Vec::new();
    for pause in POLLS {
        let (relay, bytes) = count(http).await?;
        let name = format!("polling, every {} ms", pause.as_millis());
        let client = tokio::spawn(poll(relay, "/news", pause, news.clone()));
        ways.push((name, client, bytes));
    }
    let (relay, bytes) = count(http).await?;
    let client = tokio::spawn(poll(relay, "/wait", Duration::ZERO, news.clone()));
    ways.push(("long polling".to_owned(), client, bytes));
    let (relay, bytes) = count(http).await?;
    let client = tokio::spawn(listen(relay, news.clone()));
    ways.push(("server-sent events".to_owned(), client, bytes));
    let (relay, bytes) = count(socket).await?;
    let client = tokio::spawn(websocket(socket, relay, news.clone()));
    ways.push(("WebSocket".to_owned(), client, bytes));
    Ok(ways)
}

async fn print(ways: Vec<Way>) -> Result<()> {
    println!(
        "{:<22}{:>9}{:>11}{:>12}{:>13}",
        "way", "requests", "bytes up", "bytes down", "mean delay"
    );
    for (name, client, bytes) in ways {
        let (received, (up, down)) = (client.await??, bytes.await??);
        let delay = received.delay.as_secs_f64() * 1000.0 / NEWS as f64;
        let requests = received.requests;
        println!("{name:<22}{requests:>9}{up:>11}{down:>12}{delay:>10.1} ms");
    }
    Ok(())
}

/// Starts a relay to a server. The relay forwards one connection and counts the bytes.
async fn count(server: SocketAddr) -> Result<(SocketAddr, Bytes)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let counting = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await?;
        let mut server = TcpStream::connect(server).await?;
        server.set_nodelay(true)?;
        client.set_nodelay(true)?;
        copy_bidirectional(&mut client, &mut server).await
    });
    Ok((address, counting))
}

// ---- The servers.

fn line(number: usize) -> String {
    format!("news {number:03}\n")
}

/// Waits until there are more than `known` pieces of news. Returns the number of pieces.
async fn more_than(known: usize, news: &mut News) -> usize {
    match news.wait_for(|times| times.len() > known).await {
        Ok(times) => times.len(),
        // The publisher has ended, so it has published all pieces.
        Err(_) => NEWS,
    }
}

async fn serve_http(news: News) -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, news.clone()));
        }
    });
    Ok(address)
}

/// Answers the requests of one connection in order. A real server limits the size and the time
/// of a request. This server needs no limits: all clients are in this program.
async fn answer(stream: TcpStream, mut news: News) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    while let Some(request) = head(&mut stream).await?.first() {
        let path = request.split(' ').nth(1).unwrap_or_default();
        let (path, after) = path.split_once("?after=").unwrap_or((path, "0"));
        let after: usize = after.parse()?;
        if path == "/events" {
            return send_events(stream, news).await;
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

async fn send_events(mut stream: BufReader<TcpStream>, mut news: News) -> Result<()> {
    // An answer without `content-length` ends when the connection ends.
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    let mut sent = 0;
    while sent < NEWS {
        let count = more_than(sent, &mut news).await;
        let event = |number| format!("data: {}\n", line(number));
        let events: String = (sent..count).map(event).collect();
        stream.write_all(events.as_bytes()).await?;
        sent = count;
    }
    Ok(())
}

/// Reads the lines of a request or an answer up to the empty line. Returns an empty list when
/// the connection has ended.
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

/// Serves one WebSocket. Sends each piece of news at once, without a request.
async fn push(mut connection: Connection, mut news: News) -> zcomm_core::Result<()> {
    let mut sent = 0;
    loop {
        tokio::select! {
            message = connection.recv() => if message.is_none() { return Ok(()) },
            count = more_than(sent, &mut news), if sent < NEWS => {
                for number in sent..count {
                    connection.send(line(number)).await?;
                }
                sent = count;
            }
        }
    }
}

// ---- The clients.

/// Receives news by polling. For long polling, the pause is zero, because the server waits.
async fn poll(server: SocketAddr, path: &str, pause: Duration, news: News) -> Result<Received> {
    let mut stream = BufReader::new(TcpStream::connect(server).await?);
    let mut received = Received::default();
    while received.pieces < NEWS {
        received.requests += 1;
        let after = received.pieces;
        let request = format!("GET {path}?after={after} HTTP/1.1\r\nhost: {server}\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let answer = head(&mut stream).await?;
        let length = answer
            .iter()
            .find_map(|line| line.strip_prefix("content-length: "));
        let mut left: usize = length.ok_or("no length")?.trim().parse()?;
        while left > 0 {
            let mut line = String::new();
            left -= stream.read_line(&mut line).await?;
            received.piece(&news);
        }
        sleep(pause).await;
    }
    Ok(received)
}

/// Receives server-sent events: sends one request, then reads the lines that begin with `data:`.
async fn listen(server: SocketAddr, news: News) -> Result<Received> {
    let mut stream = BufReader::new(TcpStream::connect(server).await?);
    let mut received = Received {
        requests: 1,
        ..Received::default()
    };
    let request = format!("GET /events HTTP/1.1\r\nhost: {server}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    head(&mut stream).await?;
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        if line.starts_with("data:") {
            received.piece(&news);
        }
        line.clear();
    }
    Ok(received)
}

/// Receives news over a WebSocket. The URL names the server, but the TCP connection goes to the
/// relay.
async fn websocket(server: SocketAddr, relay: SocketAddr, news: News) -> Result<Received> {
    let mut options = ConnectOptions::new(format!("ws://{server}/"), &Trust::platform(&[])?);
    options.addresses = vec![relay];
    let mut socket = ClientSocket::connect_with(&options).await?;
    let mut received = Received {
        requests: 1,
        ..Received::default()
    };
    while received.pieces < NEWS {
        match socket.recv().await {
            Some(Message::Text(_)) => received.piece(&news),
            Some(Message::Binary(_)) => {}
            None => return Err("the server closed the connection".into()),
        }
    }
    socket.close(1000, "").await?;
    Ok(received)
}
