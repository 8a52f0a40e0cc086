//! A proxy between clients and one server. The proxy shows the data that passes (`zcomm
//! xray`), or disturbs this data (`zcomm chaos`).
//!
//! ```text
//! browser ──ws://127.0.0.1:8770──▶ proxy ──ws:// or wss://──▶ server
//! ```
//!
//! The proxy reads the [`head`] of each request and changes its `Host` and `Origin`, because a
//! server may check them. After that, a [`Carry`] passes on all bytes of the connection.
//!
//! If the proxy rejects a client, the client gets the reason as an HTTP response. The terminal
//! shows the reason, too.
//!
//! The connection to the server may use TLS, but the connection to the client never does. So the
//! proxy accepts only clients on this machine, unless `--listen` names another address.

mod head;
mod itself;
mod relay;

use std::{
    future::Future,
    io::{self, ErrorKind, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
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

use crate::shared::{
    failure::Failure,
    text::{BAD, FAINT, visible},
};
pub(crate) use head::asks_to_upgrade;
use head::{Head, Names};
use itself::reaches;
pub(crate) use relay::{end_without_close_notify, pass_both, relay};

/// The proxy serves at most this number of clients at the same time.
const MAX_CONNECTIONS: usize = 1_000;
/// The pause after an error of `accept`. The same error could return at once, and a loop
/// without this pause could print this error without end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// A repeated sentence is printed at most once in this time.
const REPEAT_PAUSE: Duration = Duration::from_secs(1);
/// At the start, the proxy asks the server for its page. This is the time limit for the answer.
const PAGE: Duration = Duration::from_secs(2);
/// The time limit for the other side to read the last bytes and close.
const DRAIN: Duration = Duration::from_secs(1);

pub(crate) struct Proxy {
    listener: TcpListener,
    addr: SocketAddr,
    upstream: Upstream,
}

/// Passes on the bytes of a connection. The function [`relay()`] passes them on without changes.
pub(crate) trait Carry: Send + Sync + 'static {
    /// Passes bytes on until both sides have ended. The server gets the bytes in `first` before
    /// all other bytes. `addr` is the address of the client.
    ///
    /// # Errors
    ///
    /// Fails if a connection breaks. If the error contains a [`ConnectError`], the client has
    /// received nothing yet. The proxy then sends this error to the client.
    fn carry(
        &self,
        client: &mut TcpStream,
        addr: SocketAddr,
        server: ByteStream,
        first: &[u8],
    ) -> impl Future<Output = io::Result<()>> + Send;
}

impl Proxy {
    /// Listens for clients at an address. `options` name the server.
    pub(crate) async fn bind(
        listen: SocketAddr,
        options: ConnectOptions,
    ) -> Result<Proxy, Failure> {
        let upstream = Upstream::new(options.clone()).map_err(zcomm_core::Error::from)?;
        let listener = TcpListener::bind(listen).await.map_err(|error| {
            let help = "use --listen 127.0.0.1:0 to get a free port";
            match error.kind() {
                ErrorKind::AddrInUse => {
                    Failure::new(format!("another program listens at {listen}"), help)
                }
                _ => Failure::usage(format!("cannot listen at {listen}: {error}"), help),
            }
        })?;
        let addr = listener.local_addr()?;
        // If the name service does not know the server, `announce` prints the error.
        let servers = options.lookup().await.unwrap_or_default();
        if servers.iter().any(|server| reaches(*server, addr)) {
            return Err(Failure::usage(
                format!("{} is the address of this proxy itself", upstream.place()),
                "name the address of the server, or choose another address with --listen",
            ));
        }
        // Each connection needs two file descriptors. Ignore the result: if the limit stays
        // too low, `accept` fails later.
        let _limit = raise_descriptor_limit(2 * MAX_CONNECTIONS + OTHER_DESCRIPTORS);
        Ok(Proxy {
            listener,
            addr,
            upstream,
        })
    }

    /// Returns the address that clients use instead of the server's address.
    fn address(&self) -> String {
        format!("ws://{}{}", self.reached_at(), self.upstream.path())
    }

    /// Returns the address for a client on this machine. On some systems, a client cannot connect
    /// to `0.0.0.0`. So if the proxy listens on `0.0.0.0`, returns the loopback address.
    fn reached_at(&self) -> SocketAddr {
        let ip = match self.addr.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        SocketAddr::new(ip, self.addr.port())
    }

    /// Returns the proxy's address for the server's page, if the server has a page.
    ///
    /// # Errors
    ///
    /// The server cannot be reached.
    async fn page(&self) -> Result<Option<String>, ConnectError> {
        let mut server = self.upstream.connect().await?;
        let host = self.upstream.authority();
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let mut answer = Vec::new();
        let exchange = async {
            server.write_all(request.as_bytes()).await?;
            server.flush().await?;
            server.take(4096).read_to_end(&mut answer).await
        };
        // Ignore an error or a timeout: the first bytes of the response are enough to recognize
        // a page, and these bytes have usually arrived.
        drop(timeout(PAGE, exchange).await);
        let answer = String::from_utf8_lossy(&answer).to_ascii_lowercase();
        let head = answer.split("\r\n\r\n").next().unwrap_or_default();
        let is_page = head.starts_with("http/1.1 200") && head.contains("content-type: text/html");
        Ok(is_page.then(|| format!("http://{}/", self.reached_at())))
    }

    /// Whether the connections to the server are encrypted.
    pub(crate) fn tls(&self) -> bool {
        self.upstream.tls()
    }

    /// Accepts clients until `shutdown` ends, and carries their connections.
    pub(crate) async fn run(self, carry: impl Carry, shutdown: impl Future<Output = ()>) {
        let forwarder = Arc::new(Forwarder {
            names: self.names(),
            upstream: self.upstream,
            carry,
            slots: Semaphore::new(MAX_CONNECTIONS),
            printed: Mutex::default(),
        });
        let mut clients = JoinSet::new();
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                accepted = self.listener.accept() => match accepted {
                    Ok((client, addr)) => {
                        let forwarder = Arc::clone(&forwarder);
                        clients.spawn(async move { forwarder.serve(client, addr).await });
                    }
                    Err(error) => {
                        forwarder.print(&format!("cannot accept a client: {error}"));
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(_) = clients.join_next() => {}
            }
        }
        clients.shutdown().await;
    }

    fn names(&self) -> Names {
        let port = self.addr.port();
        let hosts = ["localhost", "127.0.0.1", "[::1]"].map(|host| format!("{host}:{port}"));
        let hosts = hosts.into_iter().chain([self.addr.to_string()]);
        Names {
            own: hosts
                .filter_map(|host| Authority::parse(&host, port))
                .collect(),
            host: self.upstream.authority().to_owned(),
            origin: self.upstream.origin().map(|origin| origin.to_string()),
        }
    }
}

/// The data that the tasks of all clients share.
struct Forwarder<C> {
    upstream: Upstream,
    names: Names,
    carry: C,
    slots: Semaphore,
    /// The last printed sentence, and when it was printed.
    printed: Mutex<Option<(String, Instant)>>,
}

impl<C: Carry> Forwarder<C> {
    /// Serves one client from its first byte to its last.
    async fn serve(&self, mut client: TcpStream, addr: SocketAddr) {
        let Ok(_slot) = self.slots.try_acquire() else {
            let sentence = format!("the proxy is full: it has {MAX_CONNECTIONS} connections");
            let status = "503 Service Unavailable";
            return self.reject(client, status, &sentence).await;
        };
        // Send small messages at once (without Nagle's algorithm). If this call fails, the next
        // read also fails.
        client.set_nodelay(true).ok();
        let head = match head::read(&mut client).await {
            Ok(Some(head)) => head,
            Ok(None) => return,
            Err((status, sentence)) => return self.reject(client, status, sentence).await,
        };
        if let Err(error) = self.forward(&mut client, addr, &head).await {
            let status = match error {
                ConnectError::Timeout { .. } => "504 Gateway Timeout",
                _ => "502 Bad Gateway",
            };
            let sentence = format!("{error}; {}", error.help());
            self.print(&sentence);
            answer(client, status, &sentence).await;
        }
    }

    /// Connects to the server and carries the connection.
    ///
    /// # Errors
    ///
    /// The proxy cannot connect to the server, or the server does not answer. The client has
    /// received nothing yet, and must get this error as a response.
    async fn forward(
        &self,
        client: &mut TcpStream,
        addr: SocketAddr,
        head: &Head,
    ) -> Result<(), ConnectError> {
        let server = self.upstream.connect().await?;
        let first = head.rewritten(&self.names);
        let carried = self.carry.carry(client, addr, server, &first);
        let Err(error) = carried.await else {
            return Ok(());
        };
        match error.downcast() {
            Ok(for_the_client) => Err(for_the_client),
            Err(_) => {
                // Reset the client's connection, too. An error means that it is reset already.
                client.set_zero_linger().ok();
                Ok(())
            }
        }
    }

    async fn reject(&self, client: TcpStream, status: &str, sentence: &str) {
        self.print(&format!("a client was rejected: {sentence}"));
        answer(client, status, sentence).await;
    }

    /// Prints a sentence on stderr, because stdout is for the data that passes.
    fn print(&self, sentence: &str) {
        let mut printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        let is_repeat =
            |(last, when): &(String, Instant)| last == sentence && when.elapsed() < REPEAT_PAUSE;
        if printed.as_ref().is_some_and(is_repeat) {
            return;
        }
        *printed = Some((sentence.to_owned(), Instant::now()));
        print_error_line(&format!("{BAD}!{BAD:#} {}", visible(sentence)));
    }
}

/// Sends a response from the proxy itself, and ends the connection.
async fn answer(mut client: TcpStream, status: &str, sentence: &str) {
    let body = format!("{sentence}\n");
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    // If the client does not read the response within DRAIN, drop the connection.
    if let Ok(Ok(())) = timeout(DRAIN, client.write_all(answer.as_bytes())).await {
        close_and_drain(&mut client).await;
    }
}

/// Ends the output of a stream. Then reads and drops the remaining input, for at most
/// [`DRAIN`]. Without this step, the socket could close with unread input, and TCP may then
/// discard the last written bytes.
pub(crate) async fn close_and_drain(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    let drained = async {
        stream.shutdown().await?;
        tokio::io::copy(stream, &mut tokio::io::sink()).await
    };
    // An error means that the other side has left.
    drop(timeout(DRAIN, drained).await);
}

/// Prints the address of the proxy and of the server's page on stderr. Stdout is for the data
/// that passes.
pub(crate) async fn announce(proxy: &Proxy, what: &str) {
    let (place, address) = (proxy.upstream.place(), proxy.address());
    print_error_line(&format!(
        "{what} {place}; connect to this instead:\n  {address}"
    ));
    match proxy.page().await {
        Ok(Some(page)) => print_error_line(&format!("or open the server's page:\n  {page}")),
        Ok(None) => {}
        Err(error) => {
            let (what, help) = (visible(&error.to_string()), error.help());
            print_error_line(&format!("{BAD}!{BAD:#} {what}\n  {help}"));
        }
    }
    print_error_line(&format!("{FAINT}Ctrl-C ends the proxy.{FAINT:#}"));
}

/// Prints to stderr. If stderr is closed, the program continues without printing.
fn print_error_line(line: &str) {
    writeln!(anstream::stderr(), "{line}").ok();
}
