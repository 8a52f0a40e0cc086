//! The recipes of the chapter Production: nginx runs one, systemd the other.
//!
//! A proxy is a client to the server and a server to the client, with a handshake, an
//! address and clocks of its own. What it leaves out of the handshake is gone, and what its
//! clocks end nobody has closed.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use rustix::process::{Pid, Signal};
use tokio::process::{Child, Command};
use zcomm_core::{
    Authority, ClientSocket, Config, ConnectError, ConnectOptions, End, Error, Message, Origin,
    Received, Trust,
};

use crate::{
    children, demo,
    harness::{CANARY, Demo, Running, certificates, echo, folder, serve, soon},
};

const RECIPE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/recipes/nginx.conf");

/// nginx, or a word that it is missing; in CI it has to be there.
pub(super) fn nginx() -> Option<Command> {
    let known = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/bin/nginx"];
    let found = known.into_iter().find(|path| Path::new(path).exists());
    let missing = "no nginx: apt-get install nginx-light";
    #[allow(clippy::disallowed_methods, reason = "CI is no setting of ours")]
    let required = std::env::var_os("CI").is_some();
    assert!(found.is_some() || !required, "{missing}");
    if found.is_none() {
        eprintln!("skipped: {missing}");
    }
    found.map(|path| Command::from(children::command(path)))
}

/// A proxy, and its ports without and with TLS.
pub(super) struct Proxy {
    child: Child,
    folder: PathBuf,
    pub(super) plain: u16,
    tls: u16,
}

impl Proxy {
    /// Waits until nginx has logged these words.
    pub(super) async fn logs(&self, words: &str) {
        let log = self.folder.join("error.log");
        let logged = async {
            while !std::fs::read_to_string(&log).is_ok_and(|log| log.contains(words)) {
                tokio::task::yield_now().await;
            }
        };
        soon(words, logged).await;
    }

    pub(super) fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|pid| Pid::from_raw(pid as i32));
        rustix::process::kill_process(pid.unwrap(), signal).unwrap();
    }
}

impl Drop for Proxy {
    /// SIGTERM, because the workers of a killed master live on.
    fn drop(&mut self) {
        if self.child.id().is_some() {
            self.signal(Signal::TERM);
        }
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Ports for a proxy; its servers have to know them before it starts.
pub(super) struct Ports([u16; 2]);

impl Ports {
    pub(super) fn new() -> Ports {
        Ports([(); 2].map(|()| free_port()))
    }

    /// Names that a server behind it answers for.
    pub(super) fn hosts(&self) -> String {
        self.0.map(|port| format!("localhost:{port}")).join(",")
    }

    /// The same for a server in this process.
    pub(super) fn allowed(&self) -> Vec<Authority> {
        let parse = |port| Authority::parse(&format!("localhost:{port}"), 0).unwrap();
        self.0.map(parse).to_vec()
    }

    /// The recipe, in front of this server and with these changes.
    pub(super) async fn open(self, name: &str, server: u16, changes: &[(&str, &str)]) -> Proxy {
        let mut recipe = std::fs::read_to_string(RECIPE).unwrap();
        let mut change = |from: &str, to: &str| {
            assert!(recipe.contains(from), "the recipe has no {from:?}");
            recipe = recipe.replace(from, to);
        };
        let [plain, tls] = self.0;
        for (from, to) in [(8080, plain), (8443, tls), (8765, server)] {
            change(&format!("127.0.0.1:{from}"), &format!("127.0.0.1:{to}"));
        }
        change("error_log stderr notice;", "error_log error.log info;");
        for (from, to) in changes {
            change(from, to);
        }
        let folder = with_certificates(name);
        let file = folder.join("nginx.conf");
        std::fs::write(&file, recipe).unwrap();
        std::fs::remove_file(folder.join("error.log")).ok();
        let mut command = nginx().expect("whoever opens it has looked");
        command.arg("-p").arg(&folder).arg("-c").arg(&file);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let proxy = Proxy {
            child,
            folder,
            plain,
            tls,
        };
        proxy.logs("start worker process ").await;
        proxy
    }
}

/// A folder with the certificates that the recipe names.
fn with_certificates(name: &str) -> PathBuf {
    let folder = folder(name);
    std::fs::create_dir_all(folder.join("certs")).unwrap();
    for file in ["localhost.pem", "localhost.key"] {
        let certs = &certificates().folder;
        std::fs::copy(certs.join(file), folder.join("certs").join(file)).unwrap();
    }
    folder
}

fn trust() -> Trust {
    Trust::only(&certificates().ca).unwrap()
}

pub(super) fn options(url: String) -> ConnectOptions {
    ConnectOptions {
        token: Some(CANARY.into()),
        ..ConnectOptions::new(url, &trust())
    }
}

pub(super) async fn connect(options: &ConnectOptions) -> ClientSocket {
    let connected = soon("a WebSocket", ClientSocket::connect_with(options));
    connected.await.unwrap_or_else(|error| panic!("{error}"))
}

pub(super) async fn hear(socket: &mut ClientSocket) -> String {
    let message = soon("a message", socket.recv()).await.expect("it is open");
    match message {
        Message::Text(text) => text.to_string(),
        Message::Binary(bytes) => panic!("{bytes:?}"),
    }
}

/// The recipe in front of an echo server in this process.
pub(super) async fn echo_behind(
    name: &str,
    config: Config,
    changes: &[(&str, &str)],
) -> (Proxy, Running) {
    let ports = Ports::new();
    let config = Config {
        allowed_hosts: ports.allowed(),
        ..config
    };
    let server = serve(config, echo).await;
    let port = server.addr.port();
    (ports.open(name, port, changes).await, server)
}

/// As they stand in the course, word for word.
#[tokio::test]
async fn nginx_understands_the_recipes() {
    if nginx().is_none() {
        return;
    }
    for recipe in ["nginx.conf", "nginx-two-servers.conf"] {
        let mut command = nginx().expect("looked above");
        let folder = with_certificates("nginx-recipe");
        let source = PathBuf::from(RECIPE).with_file_name(recipe);
        std::fs::copy(source, folder.join(recipe)).unwrap();
        command
            .arg("-t")
            .arg("-p")
            .arg(&folder)
            .args(["-c", recipe]);
        let output = soon("nginx", command.output()).await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && !said.contains("[warn]"),
            "{said}"
        );
    }
}

/// What is mended in one recipe is mended in the other.
#[test]
fn the_recipe_for_two_servers_differs_only_in_its_servers() {
    let two = PathBuf::from(RECIPE).with_file_name("nginx-two-servers.conf");
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        let body = text.split_once("\npid ").unwrap().1.to_owned();
        body.replace("http://127.0.0.1:8765", "http://chat")
    };
    let (one, two) = (read(RECIPE.into()), read(two));
    let (before, rest) = two.split_once("    upstream chat {\n").unwrap();
    let (servers, after) = rest.split_once("    }\n\n").unwrap();
    assert_eq!(one, format!("{before}{after}"));
    let servers = servers.matches("        server 127.0.0.1:").count();
    assert_eq!(servers, 2);
}

#[tokio::test]
async fn the_chat_and_lesson_4_are_reached_with_and_without_tls() {
    if nginx().is_none() {
        return;
    }
    for (name, demo, first) in [
        ("nginx-chat", demo!("chat_app"), Some(r#""type":"welcome""#)),
        ("nginx-lesson-4", demo!("4_websocket_broadcast"), None),
    ] {
        let ports = Ports::new();
        let demo = demo.env("WEBSOCKET_TOKEN", CANARY);
        let demo: Demo = demo
            .env("WEBSOCKET_ALLOWED_HOSTS", ports.hosts())
            .start()
            .await;
        let proxy = ports.open(name, demo.addr.port(), &[]).await;
        for url in [
            format!("ws://localhost:{}/?name=Ada", proxy.plain),
            format!("wss://localhost:{}/?name=Ada", proxy.tls),
        ] {
            let mut ada = connect(&options(url)).await;
            if let Some(first) = first {
                assert!(hear(&mut ada).await.contains(first));
                continue;
            }
            let mut other = connect(&options(demo.url())).await;
            ada.send("hello").await.unwrap();
            assert!(hear(&mut other).await.ends_with("says: hello"));
        }
        // The token is in no line that the proxy writes.
        let log = proxy.folder.join("nginx-access.log");
        assert!(!std::fs::read_to_string(log).unwrap().contains(CANARY));
    }
}

#[tokio::test]
async fn a_server_answers_only_for_the_names_that_it_was_told() {
    if nginx().is_none() {
        return;
    }
    let server = serve(Config::default(), echo).await;
    let port = server.addr.port();
    let proxy = Ports::new().open("nginx-host", port, &[]).await;
    let url = format!("ws://localhost:{}/", proxy.plain);
    let refused = ClientSocket::connect_with(&options(url)).await;
    match refused.map(drop) {
        Err(Error::Connect(ConnectError::Http { status: 403, .. })) => {}
        other => panic!("a name that is not listed: {other:?}"),
    }
}

/// To a server behind it, a page of the proxy's `https://` is a page of another origin.
#[tokio::test]
async fn a_page_over_tls_is_let_in_where_its_origin_is_listed() {
    if nginx().is_none() {
        return;
    }
    for listed in [false, true] {
        let ports = Ports::new();
        let origin = format!("https://localhost:{}", ports.0[1]);
        let config = Config {
            allowed_hosts: ports.allowed(),
            allowed_origins: listed.then(|| vec![Origin::parse(&origin).unwrap()]),
            ..Config::default()
        };
        let server = serve(config, echo).await;
        let port = server.addr.port();
        let proxy = ports
            .open(&format!("nginx-origin-{listed}"), port, &[])
            .await;
        let page = ConnectOptions {
            origin: Some(origin),
            ..options(format!("wss://localhost:{}/", proxy.tls))
        };
        let connected = soon("an answer", ClientSocket::connect_with(&page)).await;
        assert_eq!(connected.is_ok(), listed);
    }
}

/// Each line of the handshake is there for a reason: without it, this is what a client sees.
#[tokio::test]
async fn without_its_lines_there_is_no_upgrade() {
    if nginx().is_none() {
        return;
    }
    let upgrade = "proxy_set_header Upgrade    $http_upgrade;";
    let connection = "proxy_set_header Connection $connection_upgrade;";
    let (version, both) = ("proxy_http_version 1.1;", [(upgrade, ""), (connection, "")]);
    for (name, left_out, answer) in [
        ("version", &[(version, "")][..], 505),
        ("upgrade", &both[..1], 426),
        ("connection", &both[1..], 400),
        ("both", &both, 426),
    ] {
        let name = format!("nginx-without-{name}");
        let (proxy, server) = echo_behind(&name, Config::default(), left_out).await;
        let url = format!("ws://localhost:{}/", proxy.plain);
        let refused = soon("an answer", ClientSocket::connect_with(&options(url))).await;
        match refused.map(drop) {
            Err(Error::Connect(ConnectError::Http { status, .. })) => {
                assert_eq!(status, answer, "{name}");
            }
            other => panic!("{name}: {other:?}"),
        }
        drop(server);
    }
}

/// Two servers: in turn, as nginx does by itself, and each client to its own.
#[tokio::test]
async fn a_sticky_proxy_sends_a_client_to_the_same_server() {
    if nginx().is_none() {
        return;
    }
    for (rule, shares) in [("", [2, 2]), ("ip_hash;", [0, 4])] {
        let ports = Ports::new();
        let config = Config {
            allowed_hosts: ports.allowed(),
            ..Config::default()
        };
        let (one, other) = (serve(config.clone(), echo).await, serve(config, echo).await);
        let both = format!(
            "upstream both {{ {rule} server {}; server {}; }}\n    server {{\n",
            one.addr, other.addr
        );
        let first = one.addr.port();
        let proxied = format!("proxy_pass http://127.0.0.1:{first};");
        let changes = [
            ("    server {\n", both.as_str()),
            (proxied.as_str(), "proxy_pass http://both;"),
        ];
        let name = format!("nginx-several-{}", shares[0]);
        let proxy = ports.open(&name, first, &changes).await;
        let mut sockets = Vec::new();
        for _ in 0..4 {
            sockets.push(connect(&options(format!("ws://localhost:{}/", proxy.plain))).await);
        }
        let mut counts = [one.clients.count(), other.clients.count()];
        counts.sort_unstable();
        assert_eq!(counts, shares, "{rule:?}");
    }
}

const IMPATIENT: (&str, &str) = ("proxy_read_timeout 60s", "proxy_read_timeout 1s");

/// Nobody has sent a Close frame: the client sees 1006, and so does the server.
#[tokio::test]
async fn a_proxy_ends_a_silent_connection_without_a_word() {
    if nginx().is_none() {
        return;
    }
    let (proxy, server) = echo_behind("nginx-idle", Config::default(), &[IMPATIENT]).await;
    let mut socket = connect(&options(format!("ws://localhost:{}/", proxy.plain))).await;
    assert_eq!(soon("the end", socket.recv()).await, None);
    assert!(
        matches!(socket.end(), Some(End::Broken(_))),
        "{:?}",
        socket.end()
    );
    drop(server);
}

#[tokio::test]
async fn a_ping_in_time_keeps_a_silent_connection() {
    if nginx().is_none() {
        return;
    }
    let config = Config {
        ping_interval: Duration::from_millis(400),
        ..Config::default()
    };
    let (proxy, server) = echo_behind("nginx-ping", config, &[IMPATIENT]).await;
    let mut socket = connect(&options(format!("ws://localhost:{}/", proxy.plain))).await;
    // Six of them take longer than the proxy would wait twice.
    for _ in 0..6 {
        let ping = soon("a ping", socket.recv_any()).await;
        assert!(matches!(ping, Some(Received::Ping(_))), "{ping:?}");
    }
    socket.send("still here").await.unwrap();
    assert_eq!(hear(&mut socket).await, "still here");
    drop(server);
}

#[tokio::test]
async fn figures_stay_inside_and_a_goodbye_comes_out() {
    if nginx().is_none() {
        return;
    }
    let (proxy, mut server) = echo_behind("nginx-end", Config::default(), &[]).await;
    let door = ([127, 0, 0, 1], proxy.plain).into();
    let ask = |path: &str| {
        let host = format!("localhost:{}", proxy.plain);
        format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
    };
    let figures = crate::harness::ask(door, ask("/metrics")).await;
    assert_eq!(figures.status, 403);
    let health = crate::harness::ask(door, ask("/healthz")).await;
    assert_eq!(health.status, 200);
    let inside = crate::harness::get(server.addr, "/metrics").await;
    assert_eq!(inside.status, 200);
    let mut socket = connect(&options(format!("ws://localhost:{}/", proxy.plain))).await;
    let (_, end) = tokio::join!(server.stop(), soon("the end", socket.recv()));
    assert_eq!(end, None);
    match socket.end() {
        Some(End::ByPeer(why)) => assert_eq!(why.code(), 1001),
        other => panic!("{other:?}"),
    }
}

/// systemd reads it and has nothing to say. It is started by nobody here.
#[tokio::test]
async fn systemd_understands_the_service() {
    let recipe = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../docs/recipes/zcomm-chat.service"
    );
    let unit = std::fs::read_to_string(recipe).unwrap();
    // A program that is not there would be all that it has to say.
    let unit = unit.replace("/usr/local/bin/chat_app", env!("CARGO_BIN_EXE_chat_app"));
    let file = folder("systemd").join("zcomm-chat.service");
    std::fs::write(&file, unit).unwrap();
    let mut command = Command::from(children::command("systemd-analyze"));
    let Ok(output) = command.arg("verify").arg(&file).output().await else {
        eprintln!("skipped: no systemd-analyze: apt-get install systemd");
        return;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}
