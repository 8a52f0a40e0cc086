//! What every test needs: a server on a free port, a client that is polite, one that is
//! not, and a limit on every wait.
//!
//! Two kinds of server. [`serve`] runs the library in the test's own runtime, where time
//! can be paused and every setting turned; [`Demo`] starts a real program as a learner
//! would, and reads what it prints.

use std::{
    future::Future,
    net::SocketAddr,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
    sync::{oneshot, watch},
    task::JoinHandle,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest, protocol::frame::coding::CloseCode},
};
use zcomm_core::{
    Clients, Config, Connection, DevelopmentCa, Hub, Identity, LOOPBACK_NAMES, Result, Server,
};

use crate::children;

/// A token that must never be seen in any output; [`Demo`] looks for it.
pub const CANARY: &str = "canary-token-7Qp2xV9d";

/// No wait in any test is longer.
const LIMIT: Duration = Duration::from_secs(40);

/// Waits, but not for ever: `what` is named when the time is up.
pub async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(LIMIT, future).await {
        Ok(output) => output,
        Err(_) => panic!("waited {LIMIT:?} for {what}"),
    }
}

/// A server of the library, in this process.
pub struct Running {
    pub addr: SocketAddr,
    tls: bool,
    pub clients: Clients,
    pub hub: Hub,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<()>>,
}

/// Serves `handler` on a free port of 127.0.0.1.
pub async fn serve<H, F>(config: Config, handler: H) -> Running
where
    H: Fn(Connection) -> F + Send + Sync + 'static,
    F: Future<Output = Result<()>> + Send + 'static,
{
    let tls = config.tls.is_some();
    let server = Server::bind(Config { port: 0, ..config }).await.unwrap();
    let (addr, clients, hub) = (
        server.local_addr(),
        server.clients().clone(),
        server.hub().clone(),
    );
    let (stop, stopped) = oneshot::channel();
    let shutdown = async move { drop(stopped.await) };
    let task = tokio::spawn(server.run(handler, shutdown));
    Running {
        addr,
        tls,
        clients,
        hub,
        stop: Some(stop),
        task,
    }
}

impl Running {
    pub fn url(&self) -> String {
        let scheme = if self.tls { "wss" } else { "ws" };
        format!("{scheme}://{}/", self.addr)
    }

    /// Stops the server and waits until it has.
    pub async fn stop(&mut self) {
        drop(self.stop.take());
        soon("the server to stop", &mut self.task)
            .await
            .unwrap()
            .unwrap();
    }
}

/// Echoes everything: the handler of most tests.
pub async fn echo(mut connection: Connection) -> Result<()> {
    while let Some(message) = connection.recv().await {
        connection.send(message).await?;
    }
    Ok(())
}

/// The authority of this test run, and where the files are that a server needs.
pub struct Certificates {
    pub ca: DevelopmentCa,
    /// `ca.pem`, `localhost.pem` and `localhost.key`.
    pub folder: PathBuf,
}

pub fn certificates() -> &'static Certificates {
    static CERTIFICATES: OnceLock<Certificates> = OnceLock::new();
    CERTIFICATES.get_or_init(|| {
        let folder = folder(&format!("certs-{}", std::process::id()));
        let ca = DevelopmentCa::new(&[]).unwrap();
        let leaf = ca.issue(&LOOPBACK_NAMES).unwrap();
        std::fs::write(folder.join("ca.pem"), ca.pem().certificate).unwrap();
        std::fs::write(folder.join("localhost.pem"), leaf.certificate).unwrap();
        write_secret(&folder.join("localhost.key"), &leaf.key);
        Certificates { ca, folder }
    })
}

/// An identity that the tests' clients believe.
pub fn identity() -> Identity {
    let leaf = certificates().ca.issue(&LOOPBACK_NAMES).unwrap();
    Identity::from_pem(&leaf).unwrap()
}

/// Writes a private key as `zcomm certs` does: for its owner only.
pub fn write_secret(file: &std::path::Path, key: &str) {
    std::fs::write(file, key).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let owner_only = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(file, owner_only).unwrap();
    }
}

/// A connection, encrypted or not.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Duplex for S {}

/// Connects to a server on this machine.
pub async fn reach(addr: SocketAddr, tls: bool) -> std::io::Result<Box<dyn Duplex>> {
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    Ok(match tls {
        true => Box::new(speak_tls(stream, addr).await?),
        false => Box::new(stream),
    })
}

/// The TLS handshake of a client that believes the tests' authority and no other.
pub async fn speak_tls(
    stream: TcpStream,
    addr: SocketAddr,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    let ca = certificates().ca.pem().certificate;
    roots
        .add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap())
        .unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(ServerName::from(addr.ip()), stream).await
}

/// A client that keeps to the rules.
pub struct Client {
    socket: WebSocketStream<Box<dyn Duplex>>,
}

impl Client {
    /// Connects, or panics with what the server said instead.
    pub async fn connect(url: impl IntoClientRequest) -> Client {
        Client::try_connect(url)
            .await
            .unwrap_or_else(|error| panic!("not let in: {error}"))
    }

    pub async fn try_connect(
        url: impl IntoClientRequest,
    ) -> Result<Client, tokio_tungstenite::tungstenite::Error> {
        let request = url.into_client_request()?;
        let uri = request.uri();
        let addr = uri.authority().expect("a test's url has a host").as_str();
        let addr = addr.parse().expect("it is an address");
        let tls = uri.scheme_str() == Some("wss");
        let stream = soon("a connection", reach(addr, tls)).await?;
        let (socket, _) = soon("the handshake", client_async(request, stream)).await?;
        Ok(Client { socket })
    }

    pub async fn say(&mut self, message: impl Into<Message>) {
        soon("a message to leave", self.socket.send(message.into()))
            .await
            .unwrap();
    }

    /// Sends messages with one write.
    pub async fn say_together(&mut self, messages: impl IntoIterator<Item = impl Into<Message>>) {
        for message in messages {
            self.socket.feed(message.into()).await.unwrap();
        }
        soon("the messages to leave", self.socket.flush())
            .await
            .unwrap();
    }

    /// Sends a message, unless the connection is gone.
    pub async fn say_or_end(&mut self, message: impl Into<Message>) {
        soon("a message to leave", self.socket.send(message.into()))
            .await
            .ok();
    }

    /// The next text; `None` when the connection has ended, however it did. Cancel-safe.
    pub async fn hear_or_end(&mut self) -> Option<String> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return Some(text.to_string()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// The next text or binary message; pings are answered on the way.
    pub async fn hear(&mut self) -> Message {
        // The limit is for the message. A ping does not start it again.
        let message = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => return message,
                    Some(Ok(Message::Close(frame))) => {
                        panic!("closed instead of a message: {frame:?}")
                    }
                    Some(Ok(_)) => {}
                    other => panic!("ended instead of a message: {other:?}"),
                }
            }
        };
        soon("a message", message).await
    }

    /// The next message, as text.
    pub async fn hear_text(&mut self) -> String {
        self.hear().await.into_text().unwrap().to_string()
    }

    /// The code and reason with which the server closes; messages before it are skipped.
    pub async fn closed(&mut self) -> (u16, String) {
        let close = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Close(Some(frame)))) => {
                        return (frame.code.into(), frame.reason.to_string());
                    }
                    Some(Ok(Message::Close(None))) => return (1005, String::new()),
                    Some(Ok(_)) => {}
                    other => panic!("ended without a Close frame: {other:?}"),
                }
            }
        };
        soon("a Close frame", close).await
    }

    /// Stays connected, answering pings, for as long as this is awaited. Nothing else may
    /// come.
    pub async fn stay(&mut self) -> std::convert::Infallible {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("did nothing and got {other:?}"),
            }
        }
    }

    /// Closes from this side with 1000 and waits until the server has agreed.
    pub async fn leave(self) {
        self.leave_with(Some(1000)).await;
    }

    /// The same with another code, or without one.
    pub async fn leave_with(mut self, code: Option<u16>) {
        let frame = code.map(
            |code| tokio_tungstenite::tungstenite::protocol::CloseFrame {
                code: CloseCode::from(code),
                reason: "bye".into(),
            },
        );
        // This fails if the server has closed before.
        soon("the Close frame to leave", self.socket.close(frame))
            .await
            .ok();
        while let Some(Ok(_)) = soon("the end", self.socket.next()).await {}
    }
}

/// A client that writes bytes as it likes.
pub struct Raw<S = TcpStream> {
    pub stream: S,
}

/// An HTTP response.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Response {
    /// The value of a header, if it is there once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self
            .head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'));
        let mut values = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        values
            .next()
            .map(|(_, value)| value.trim())
            .filter(|_| values.next().is_none())
    }
}

impl Raw {
    pub async fn connect(addr: SocketAddr) -> Raw {
        let stream = soon("a connection", TcpStream::connect(addr))
            .await
            .unwrap();
        stream.set_nodelay(true).unwrap();
        Raw { stream }
    }

    /// Connects and completes a good handshake for `target`, e.g. `/?token=…`.
    pub async fn open(addr: SocketAddr, target: &str) -> Raw {
        let mut raw = Raw::connect(addr).await;
        raw.send(handshake(addr, target, "").as_bytes()).await;
        assert_eq!(raw.head().await.status, 101);
        raw
    }
}

impl<S: Duplex> Raw<S> {
    /// Sends bytes. The server may have hung up already; what it said is to be read then.
    pub async fn send(&mut self, bytes: &[u8]) {
        soon("bytes to leave", self.stream.write_all(bytes))
            .await
            .ok();
    }

    /// Sends a masked frame: `first` is FIN, RSV and opcode, e.g. 0x81.
    pub async fn frame(&mut self, first: u8, payload: &[u8]) {
        self.send(&frame(first, payload)).await;
    }

    /// Ends this side: nothing more will be sent.
    pub async fn hang_up(&mut self) {
        self.stream.shutdown().await.ok();
    }

    /// Reads a response head and leaves what follows unread.
    pub async fn head(&mut self) -> Response {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            let byte = soon("a response head", self.stream.read_u8()).await;
            bytes.push(byte.unwrap_or_else(|_| panic!("hung up after {:?}", text(&bytes))));
        }
        let head = text(&bytes);
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        Response {
            status: status.unwrap_or_else(|| panic!("not a response: {head:?}")),
            head,
            body: String::new(),
        }
    }

    /// Reads a whole response, up to the end of the connection.
    pub async fn response(&mut self) -> Response {
        let mut response = self.head().await;
        response.body = text(&self.rest().await);
        response
    }

    /// Everything up to the end of the connection.
    pub async fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        soon(
            "the end of the connection",
            self.stream.read_to_end(&mut bytes),
        )
        .await
        .ok();
        bytes
    }

    /// The next frame from the server: its first byte and its payload. `None` at the end.
    pub async fn next_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        soon("a frame", self.stream.read_exact(&mut head))
            .await
            .ok()?;
        assert_eq!(head[1] & 0x80, 0, "RFC 6455 5.1: a server must not mask");
        let length = match head[1] {
            126 => usize::from(self.stream.read_u16().await.ok()?),
            127 => usize::try_from(self.stream.read_u64().await.ok()?).unwrap(),
            short => usize::from(short),
        };
        let mut payload = vec![0; length];
        soon("a payload", self.stream.read_exact(&mut payload))
            .await
            .ok()?;
        Some((head[0], payload))
    }

    /// The code and reason of the Close frame that must come, after which the server must
    /// end the connection; other frames before it are skipped.
    pub async fn closed(&mut self) -> (u16, String) {
        loop {
            match self.next_frame().await {
                Some((0x88, payload)) if payload.is_empty() => return (1005, String::new()),
                Some((0x88, payload)) => {
                    assert!(payload.len() <= 125, "RFC 6455 5.5");
                    let code = u16::from_be_bytes([payload[0], payload[1]]);
                    self.rest().await;
                    return (code, String::from_utf8(payload[2..].to_vec()).unwrap());
                }
                Some(_) => {}
                None => panic!("the connection ended without a Close frame"),
            }
        }
    }
}

/// A masked frame with the shortest length form. The mask is 1, 2, 3, 4.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..=125 => frame.push(0x80 | short as u8),
        middle @ 126..=65535 => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[1, 2, 3, 4]);
    frame.extend(
        payload
            .iter()
            .zip([1, 2, 3, 4].iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    frame
}

/// A good handshake; `more` are further header lines, each with its CRLF.
pub fn handshake(addr: SocketAddr, target: &str, more: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: {addr}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
    )
}

/// Sends a request as it is, and reads the response.
pub async fn ask(addr: SocketAddr, request: impl AsRef<[u8]>) -> Response {
    let mut raw = Raw::connect(addr).await;
    raw.send(request.as_ref()).await;
    raw.response().await
}

/// Fetches a page.
pub async fn get(addr: SocketAddr, target: &str) -> Response {
    ask(
        addr,
        format!("GET {target} HTTP/1.1\r\nHost: {addr}\r\n\r\n"),
    )
    .await
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A demo as a learner starts it.
pub struct Demo {
    child: Child,
    pub addr: SocketAddr,
    tls: bool,
    output: watch::Receiver<String>,
}

/// How to start a demo: its path and its settings.
pub struct Start {
    path: &'static str,
    env: Vec<(&'static str, String)>,
    arguments: Vec<String>,
    folder: Option<PathBuf>,
    shell: Option<&'static str>,
}

/// The demo of this name, on a free port and in an empty folder, so that no `.zEnv` counts.
#[macro_export]
macro_rules! demo {
    ($name:literal) => {
        $crate::harness::Start::new(env!(concat!("CARGO_BIN_EXE_", $name)), module_path!())
    };
}

impl Start {
    /// `module` is where this is called: in `wss` the demo speaks TLS.
    pub fn new(path: &'static str, module: &str) -> Start {
        let start = Start {
            path,
            env: vec![("WEBSOCKET_PORT", "0".into())],
            arguments: Vec::new(),
            folder: None,
            shell: None,
        };
        match module.split("::").any(|part| part == "wss") {
            true => start.tls(),
            false => start,
        }
    }

    /// An example of `demos`. Cargo tells a test where the programs are, but not the examples.
    pub fn example(name: &str, module: &str) -> Start {
        let beside = std::path::Path::new(env!("CARGO_BIN_EXE_1_websocket_server"));
        let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        let program = beside.with_file_name("examples").join(name);
        assert!(program.exists(), "type: cargo build -p demos --examples");
        Start::new(program.display().to_string().leak(), module)
    }

    /// With the certificate that the tests' clients believe.
    pub fn tls(self) -> Start {
        self.env("WEBSOCKET_SSL_ENABLED", "true")
            .env("WEBSOCKET_SSL_CERT", Start::file("localhost.pem"))
            .env("WEBSOCKET_SSL_KEY", Start::file("localhost.key"))
    }

    /// Where a file of the tests' certificates is.
    pub fn file(name: &str) -> String {
        certificates().folder.join(name).display().to_string()
    }

    /// Its command line.
    pub fn arguments<'a>(mut self, arguments: impl IntoIterator<Item = &'a str>) -> Start {
        self.arguments
            .extend(arguments.into_iter().map(str::to_owned));
        self
    }

    pub fn env(mut self, name: &'static str, value: impl Into<String>) -> Start {
        self.env.push((name, value.into()));
        self
    }

    /// The working directory, where `.zEnv` is looked for.
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Start {
        self.folder = Some(folder.into());
        self
    }

    /// Starts it from a line of shell, in which `"$0"` is the program; end with `exec "$0"`,
    /// so that the process is the program's. For limits and redirections; Unix only.
    pub fn shell(mut self, line: &'static str) -> Start {
        self.shell = Some(line);
        self
    }

    /// The program, ready to be started with its output piped.
    pub fn command(&self) -> Command {
        let program = self.shell.map_or(self.path, |_| "/bin/sh");
        let mut command = Command::from(children::command(program));
        if let Some(line) = self.shell {
            command.args(["-c", line, self.path]);
        }
        command.args(&self.arguments);
        command.env_clear();
        // Windows programs do not start without it.
        command.envs(std::env::vars_os().filter(|(name, _)| name == "SystemRoot"));
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.folder.clone().unwrap_or_else(empty_folder));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Starts a server and waits until it prints where it listens.
    pub async fn start(self) -> Demo {
        self.start_until("listening on ").await
    }

    /// Starts a client and waits until it prints where it is connected to.
    pub async fn connect(self) -> Demo {
        self.start_until("connected to ").await
    }

    /// Starts a program and reads the address that it prints after `before`.
    async fn start_until(self, before: &str) -> Demo {
        let mut child = self.command().spawn().unwrap();
        let (sender, mut output) = watch::channel(String::new());
        let sender = Arc::new(Mutex::new(sender));
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        collect(stdout, Arc::clone(&sender));
        collect(stderr, sender);
        let said = soon(
            "the demo to print its address",
            output.wait_for(|text| text.contains(before)),
        );
        let said = said.await.map(|text| text.clone()).unwrap_or_default();
        let url = said.split(before).nth(1).unwrap_or_default();
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        let addr = rest.split('/').next().and_then(|addr| addr.parse().ok());
        Demo {
            child,
            addr: addr.unwrap_or_else(|| panic!("no address in {said:?}")),
            tls: scheme == "wss",
            output,
        }
    }

    /// Runs it to its end, which must come by itself. Returns the exit code and all it said.
    pub async fn fails(self) -> (Option<i32>, String) {
        let output = soon("the demo to end", self.command().output())
            .await
            .unwrap();
        (
            output.status.code(),
            text(&output.stdout) + &text(&output.stderr),
        )
    }
}

fn collect(
    stream: impl tokio::io::AsyncRead + Unpin + Send + 'static,
    sender: Arc<Mutex<watch::Sender<String>>>,
) {
    tokio::spawn(async move {
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            sender
                .lock()
                .unwrap()
                .send_modify(|text| *text += &(line + "\n"));
        }
    });
}

/// A folder for the files of a test.
pub fn folder(name: &str) -> PathBuf {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// An empty folder of this test run.
pub fn empty_folder() -> PathBuf {
    folder("empty")
}

fn assert_keeps_secrets(output: &str) {
    let ca_key = certificates().ca.pem().key;
    let leaf_key = std::fs::read_to_string(Start::file("localhost.key")).unwrap();
    let keys = [&ca_key, &leaf_key].map(|pem| pem.lines().nth(1).unwrap());
    for secret in [CANARY, zcomm_core::DEMO_TOKEN].into_iter().chain(keys) {
        assert!(
            !output.contains(secret),
            "the output has a secret in it: {output}"
        );
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_keeps_secrets(&self.output());
        }
    }
}

impl Demo {
    pub fn url(&self) -> String {
        let scheme = if self.tls { "wss" } else { "ws" };
        format!("{scheme}://{}/", self.addr)
    }

    /// Where its page is: over TLS by name, because that is what a browser remembers.
    pub fn page(&self) -> String {
        match self.tls {
            true => format!("https://localhost:{}/", self.addr.port()),
            false => format!("http://{}/", self.addr),
        }
    }

    /// Fetches a page.
    pub async fn get(&self, target: &str) -> Response {
        let stream = soon("a connection", reach(self.addr, self.tls)).await;
        let mut raw = Raw {
            stream: stream.unwrap(),
        };
        let host = self.addr;
        let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        raw.send(request.as_bytes()).await;
        raw.response().await
    }

    /// Everything it has printed so far.
    pub fn output(&self) -> String {
        self.output.borrow().clone()
    }

    /// Waits until it has printed this.
    pub async fn says(&mut self, what: &str) {
        self.says_times(what, 1).await;
    }

    /// Waits until it has printed this so often, and returns all it has printed.
    pub async fn says_times(&mut self, what: &str, times: usize) -> String {
        let said = |text: &String| text.matches(what).count() >= times;
        soon(what, self.output.wait_for(said))
            .await
            .map(|text| text.clone())
            .unwrap_or_else(|_| panic!("ended without saying {what:?}"))
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id().expect("it is running")
    }

    #[cfg(unix)]
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.id() as i32).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Freezes it, and waits until all its threads stand still. The signal alone is too early: on a
    /// busy machine, some threads go on for a moment.
    #[cfg(unix)]
    pub async fn freeze(&self) {
        use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, waitid};
        self.signal(Signal::STOP);
        let id = WaitId::Pid(Pid::from_raw(self.id() as i32).unwrap());
        let stopped = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG;
        let frozen = async {
            while waitid(id.clone(), stopped).unwrap().is_none() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        soon("a frozen program", frozen).await;
    }

    /// Ends it as the power button would.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        soon("the demo to end", self.child.wait()).await.unwrap()
    }
}
