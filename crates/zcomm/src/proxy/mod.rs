//! A proxy on this machine, between clients and one server: what passes can be looked at, or
//! disturbed, and neither side is changed for it.
//!
//! ```text
//! browser ──ws://127.0.0.1:8770──▶ proxy ──ws:// or wss://──▶ server
//! ```
//!
//! It reads the [`head`] of a request, so that a server that checks `Host` and `Origin` knows
//! its own names; then it only passes bytes on ([`relay`]), pages and refusals as well. A
//! client that is not let through is told why in HTTP, and the terminal, too.
//!
//! It takes TLS off on the way to the server; the way to itself is plain, so it listens on
//! this machine alone unless it is told otherwise.
//!
//! Production has such a place, too, and calls it an ingress: with TLS on both sides, and
//! with more than one server behind it.

mod head;
mod relay;

use std::{
    future::Future,
    io::{self, ErrorKind, Write},
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use zcomm_core::{
    Authority, ByteStream, ConnectError, ConnectOptions, OTHER_DESCRIPTORS, Upstream,
    raise_descriptor_limit,
};

use crate::{
    failure::Failure,
    output::visible,
    paint::{BAD, FAINT},
};
use head::{Head, Names, NoRequest};
pub(crate) use relay::{Between, end_without_close_notify, pass_both};

/// Connections at a time.
const CONNECTIONS: usize = 1_000;
/// After an error of `accept`, which would else come back at once.
const PAUSE: Duration = Duration::from_millis(100);
/// The same sentence is told once in this time.
const AGAIN: Duration = Duration::from_secs(1);
/// For the server's page to come, when it is asked for at the start.
const PAGE: Duration = Duration::from_secs(2);
/// The time limit for the other side to read the last bytes and close.
const DRAIN: Duration = Duration::from_secs(1);

/// A proxy that listens.
pub(crate) struct Proxy {
    listener: TcpListener,
    addr: SocketAddr,
    upstream: Arc<Upstream>,
}

/// Carries one connection from here to its end. Whatever stands [`Between`] two sides can be
/// carried by the [`relay`]; what has to hold them both goes its own way.
pub(crate) trait Carry: Send {
    /// Passes bytes on until both sides have ended; `first` goes to the server before all
    /// others. An error means that the server's side is broken off, and what there is to
    /// tell the client is a [`ConnectError`] in it: then nothing was answered yet.
    fn carry(
        self,
        client: &mut TcpStream,
        server: ByteStream,
        first: &[u8],
    ) -> impl Future<Output = io::Result<()>> + Send;
}

impl<B: Between> Carry for B {
    async fn carry(
        self,
        client: &mut TcpStream,
        server: ByteStream,
        first: &[u8],
    ) -> io::Result<()> {
        relay::relay(client, server, first, self).await
    }
}

/// One connection that passes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passing {
    /// Who connected to us.
    pub(crate) client: SocketAddr,
    /// Whether the way to the server is encrypted.
    pub(crate) tls: bool,
}

impl Proxy {
    /// Listens there, for the server at the address in `options`.
    pub(crate) async fn bind(
        listen: SocketAddr,
        options: ConnectOptions,
    ) -> Result<Proxy, Failure> {
        let upstream = Arc::new(Upstream::new(options).map_err(zcomm_core::Error::from)?);
        let listener = TcpListener::bind(listen).await.map_err(|error| {
            let what = match error.kind() {
                ErrorKind::AddrInUse => format!("another program listens at {listen}"),
                _ => format!("cannot listen at {listen}: {error}"),
            };
            Failure::new(what, "--listen 127.0.0.1:0 takes a port that is free")
        })?;
        let addr = listener.local_addr()?;
        // Each connection needs two. With fewer, `accept` says so when it comes to that.
        let _lent = raise_descriptor_limit(2 * CONNECTIONS + OTHER_DESCRIPTORS);
        Ok(Proxy {
            listener,
            addr,
            upstream,
        })
    }

    /// What to connect to instead of the server.
    pub(crate) fn address(&self) -> String {
        format!("ws://{}{}", self.addr, self.upstream.path())
    }

    /// What to open in a browser, if the server has a page; and what is wrong with the server
    /// if it cannot be asked.
    pub(crate) async fn page(&self) -> Result<Option<String>, ConnectError> {
        let mut server = self.upstream.connect().await?;
        let host = self.upstream.authority();
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let mut answer = Vec::new();
        let asked = async {
            server.write_all(request.as_bytes()).await?;
            server.flush().await?;
            server.take(4096).read_to_end(&mut answer).await
        };
        // What has come so far is enough to tell.
        drop(timeout(PAGE, asked).await);
        let answer = String::from_utf8_lossy(&answer).to_ascii_lowercase();
        let head = answer.split("\r\n\r\n").next().unwrap_or_default();
        let is_page = head.starts_with("http/1.1 200") && head.contains("content-type: text/html");
        Ok(is_page.then(|| format!("http://{}/", self.addr)))
    }

    /// Lets clients through, each carried by one of these, until `shutdown`.
    pub(crate) async fn run<C: Carry + 'static>(
        self,
        carry: impl Fn(Passing) -> C + Send + Sync + 'static,
        shutdown: impl Future<Output = ()>,
    ) {
        let door = Arc::new(Door {
            names: self.names(),
            upstream: self.upstream,
            carry,
            told: Mutex::default(),
        });
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let mut clients = JoinSet::new();
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                accepted = self.listener.accept() => match accepted {
                    Ok((client, addr)) => {
                        let (door, place) = (Arc::clone(&door), Arc::clone(&places).try_acquire_owned());
                        clients.spawn(async move {
                            match place {
                                Ok(_place) => door.enter(client, addr).await,
                                Err(_) => door.full(client).await,
                            }
                        });
                    }
                    Err(error) => {
                        door.tell(&format!("a client could not be let in: {error}"));
                        sleep(PAUSE).await;
                    }
                },
                Some(_) = clients.join_next() => {}
            }
        }
        clients.shutdown().await;
    }

    fn names(&self) -> Names {
        let (ip, port) = (self.addr.ip(), self.addr.port());
        let hosts = ["localhost", "127.0.0.1", "[::1]"].map(|host| format!("{host}:{port}"));
        let hosts = hosts
            .into_iter()
            .chain([SocketAddr::new(ip, port).to_string()]);
        Names {
            own: hosts
                .filter_map(|host| Authority::parse(&host, port))
                .collect(),
            host: self.upstream.authority().to_owned(),
            origin: self.upstream.origin().map(|origin| origin.to_string()),
        }
    }
}

/// What every client's task needs.
struct Door<F> {
    upstream: Arc<Upstream>,
    names: Names,
    carry: F,
    /// What was told last, and when.
    told: Mutex<Option<(String, Instant)>>,
}

impl<F, C> Door<F>
where
    F: Fn(Passing) -> C + Send + Sync,
    C: Carry + 'static,
{
    /// One client from its first byte to its last.
    async fn enter(&self, mut client: TcpStream, addr: SocketAddr) {
        // Small messages leave at once (no Nagle). What fails here, fails below, too.
        client.set_nodelay(true).ok();
        let head = match head::read(&mut client).await {
            Ok(head) => head,
            Err(why) => return self.no_request(client, &why).await,
        };
        if let Err(error) = self.pass(&mut client, addr, &head).await {
            let status = match error {
                ConnectError::Timeout { .. } => "504 Gateway Timeout",
                _ => "502 Bad Gateway",
            };
            let sentence = format!("{error}; {}", error.help());
            self.tell(&sentence);
            refuse(client, status, &sentence).await;
        }
    }

    /// Connects and passes everything on; an error is for the client, who has heard nothing.
    async fn pass(
        &self,
        client: &mut TcpStream,
        addr: SocketAddr,
        head: &Head,
    ) -> Result<(), ConnectError> {
        let server = self.upstream.connect().await?;
        let carry = (self.carry)(Passing {
            client: addr,
            tls: self.upstream.tls(),
        });
        let first = head.rewritten(&self.names);
        let Err(error) = carry.carry(client, server, &first).await else {
            return Ok(());
        };
        match error.downcast() {
            Ok(for_the_client) => Err(for_the_client),
            Err(_) => {
                // Broken on one side is broken on the other. It may be already.
                client.set_zero_linger().ok();
                Ok(())
            }
        }
    }

    async fn no_request(&self, client: TcpStream, why: &NoRequest) {
        let (status, sentence) = match why {
            NoRequest::Gone => return,
            NoRequest::Late => ("408 Request Timeout", "the request took too long"),
            NoRequest::TooLong => (
                "431 Request Header Fields Too Large",
                "the head of the request is longer than 16 KiB",
            ),
            NoRequest::NotHttp => (
                "400 Bad Request",
                "this is no HTTP; if it is TLS: this proxy takes ws:// and http:// only, whatever \
                 the server speaks",
            ),
        };
        self.turn_away(client, status, sentence).await;
    }

    async fn full(&self, client: TcpStream) {
        let sentence = format!("{CONNECTIONS} connections are all that this proxy takes");
        self.turn_away(client, "503 Service Unavailable", &sentence)
            .await;
    }

    async fn turn_away(&self, client: TcpStream, status: &str, sentence: &str) {
        self.tell(&format!("a client was not let in: {sentence}"));
        refuse(client, status, sentence).await;
    }

    /// A line on stderr, where what passes is not.
    fn tell(&self, sentence: &str) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let lately = |(last, when): &(String, Instant)| last == sentence && when.elapsed() < AGAIN;
        if told.as_ref().is_some_and(lately) {
            return;
        }
        *told = Some((sentence.to_owned(), Instant::now()));
        say(&format!("{BAD}!{BAD:#} {}", visible(sentence)));
    }
}

/// An answer of our own, and the end.
async fn refuse(mut client: TcpStream, status: &str, sentence: &str) {
    let body = format!("{sentence}\n");
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    // A client that does not read its answer in time loses it.
    if let Ok(Ok(())) = timeout(DRAIN, client.write_all(answer.as_bytes())).await {
        close_and_drain(&mut client).await;
    }
}

/// Ends a stream, and reads its rest: if a socket is closed with unread input, TCP discards what
/// was written to it. The other side has [`DRAIN`] to close as well.
pub(crate) async fn close_and_drain(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    let drained = async {
        stream.shutdown().await?;
        tokio::io::copy(stream, &mut tokio::io::sink()).await
    };
    // An error means that the other side has left.
    drop(timeout(DRAIN, drained).await);
}

/// Says where the proxy is, on stderr: what is seen of the connections goes elsewhere.
pub(crate) async fn announce(proxy: &Proxy, what: &str) {
    let (place, address) = (proxy.upstream.place(), proxy.address());
    say(&format!(
        "{what} {place}; connect to this instead:\n  {address}"
    ));
    match proxy.page().await {
        Ok(Some(page)) => say(&format!("or open the server's page:\n  {page}")),
        Ok(None) => {}
        Err(error) => {
            let (what, help) = (visible(&error.to_string()), error.help());
            say(&format!("{BAD}!{BAD:#} {what}\n  {help}"));
        }
    }
    say(&format!("{FAINT}Ctrl-C ends it.{FAINT:#}"));
}

/// When stderr is gone there is nobody to tell.
fn say(line: &str) {
    writeln!(anstream::stderr(), "{line}").ok();
}
