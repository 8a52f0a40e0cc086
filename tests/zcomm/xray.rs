//! `zcomm xray`: the proxy, which changes only two names, its output and its recordings.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use tokio_tungstenite::tungstenite::{
    self, Message, WebSocket,
    client::IntoClientRequest,
    protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    },
};
use zcomm_core::{Config, Connection, Origin, RefuseBy, Result, Token};

use crate::{
    Done, children, folder,
    servers::{Running, start, start_as, with_tls},
    vacant::Vacant,
    zcomm,
};

const TOKEN: &str = "canary-token-7Qp2xV9d";
/// The time limit for every wait.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

pub(crate) async fn echo(mut connection: Connection) -> Result<()> {
    while let Some(message) = connection.recv().await {
        connection.send(message).await?;
    }
    Ok(())
}

fn guarded(refuse: RefuseBy) -> Config {
    Config {
        require_auth: true,
        token: Some(Token::new(TOKEN).unwrap()),
        refuse,
        ..Config::default()
    }
}

/// A `zcomm xray` process; dropping it ends it.
pub(crate) struct Proxy {
    child: Child,
    /// Host and port.
    pub(crate) place: String,
    /// The lines of stderr.
    lines: Receiver<String>,
    said: String,
    /// The file that stdout goes to.
    pub(crate) stdout: PathBuf,
}

impl Proxy {
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Proxy {
        Proxy::start_at("127.0.0.1:0", folder, arguments)
    }

    fn start_at(listen: &str, folder: &Path, arguments: &[&str]) -> Proxy {
        let stdout = folder.join("stdout");
        let mut command = children::command(env!("CARGO_BIN_EXE_zcomm"));
        command.args(["xray", "--listen", listen]).args(arguments);
        command.current_dir(folder).env_clear();
        command
            .stdout(File::create(&stdout).unwrap())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stderr.lines().map_while(std::result::Result::ok) {
                sender.send(line).ok();
            }
        });
        let mut proxy = Proxy {
            child,
            place: String::new(),
            lines,
            said: String::new(),
            stdout,
        };
        proxy.says("Ctrl-C ends the proxy.");
        let place = proxy.said.split("ws://").nth(1).unwrap();
        proxy.place = place.split('/').next().unwrap().to_owned();
        proxy
    }

    /// Waits until stderr contains these words.
    #[track_caller]
    fn says(&mut self, words: &str) {
        while !self.said.contains(words) {
            match self.lines.recv_timeout(LIMIT) {
                Ok(line) => self.said += &(line + "\n"),
                Err(_) => panic!("waited for {words:?}, and it said only {:?}", self.said),
            }
        }
    }

    /// Ends it, as Ctrl-C does.
    pub(crate) fn end(mut self) -> Done {
        let id = self.child.id().to_string();
        if cfg!(unix) {
            let killed = children::command("kill").args(["-INT", &id]).status();
            assert!(killed.unwrap().success());
        } else {
            self.child.kill().unwrap();
        }
        let code = self.child.wait().unwrap().code();
        for line in self.lines.iter() {
            self.said += &(line + "\n");
        }
        Done {
            code,
            stdout: fs::read_to_string(&self.stdout).unwrap(),
            stderr: std::mem::take(&mut self.said),
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // An error means that it has ended.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn tcp(place: &str) -> TcpStream {
    let stream = TcpStream::connect(place).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

/// A client of tungstenite, which is not our own library.
fn client(place: &str, path: &str) -> WebSocket<TcpStream> {
    let request = format!("ws://{place}{path}").into_client_request().unwrap();
    tungstenite::client(request, tcp(place)).unwrap().0
}

/// Returns the answer to a handshake with these headers, without its date.
fn answer(place: &str, host: &str, headers: &str) -> String {
    let mut stream = tcp(place);
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    read_answer(stream)
}

/// Reads up to the end of the head for a 101, and to the end of the stream for others.
fn read_answer(stream: TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let mut answer = String::new();
    while !(answer.contains(" 101 ") && answer.ends_with("\r\n\r\n")) {
        if reader.read_line(&mut answer).unwrap() == 0 {
            break;
        }
    }
    let lines = answer.lines().filter(|line| !line.starts_with("date:"));
    lines.collect::<Vec<_>>().join("\n")
}

fn get(place: &str, path: &str) -> String {
    let mut stream = tcp(place);
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {place}\r\n\r\n").unwrap();
    read_answer(stream)
}

/// Sends messages and frames of every size and kind; returns all answers.
fn conversation(place: &str) -> Vec<String> {
    let mut client = client(place, "/");
    let part = |text: &'static str, kind, last| {
        Message::Frame(Frame::message(text, OpCode::Data(kind), last))
    };
    let mut heard = Vec::new();
    for parts in [
        vec![Message::text("Grüße")],
        vec![Message::binary(vec![0, 255, 10, 13])],
        vec![Message::binary(vec![7; 65_536])],
        vec![Message::text("")],
        vec![
            part("in ", Data::Text, false),
            Message::Ping("between".into()),
            part("three ", Data::Continue, false),
            part("parts", Data::Continue, true),
        ],
    ] {
        for part in parts {
            client.send(part).unwrap();
        }
        loop {
            let message = client.read().unwrap();
            heard.push(format!("{message:?}"));
            if !message.is_pong() {
                break;
            }
        }
    }
    client.close(None).unwrap();
    while let Ok(message) = client.read() {
        heard.push(format!("{message:?}"));
    }
    heard
}

#[test]
fn a_client_reads_the_same_with_and_without_the_proxy() {
    let server = start(Config::default(), echo);
    let proxy = Proxy::start(&folder("xray-echo"), &[&server.url()]);
    let direct = conversation(&server.addr.to_string());
    assert_eq!(direct.len(), 7, "{direct:?}");
    assert_eq!(conversation(&proxy.place), direct);
    let shown = proxy.end().stdout;
    for words in [
        "payload, unmasked: \"Gr",
        "binary, 65536 bytes, masked",
        "text (part 1), 3 bytes, masked",
        "the message: text, 14 bytes in 3 frames",
        "(equal)",
        "the end, after",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
}

/// With their status, text and close code.
#[test]
fn refusals_pass() {
    for (refuse, expected) in [
        (RefuseBy::Http, "HTTP/1.1 401"),
        (RefuseBy::Close, "HTTP/1.1 101"),
    ] {
        let server = start(guarded(refuse), echo);
        let proxy = Proxy::start(&folder("xray-refusals"), &[&server.url()]);
        let here = server.addr.to_string();
        let through = answer(&proxy.place, &proxy.place, "");
        assert!(through.starts_with(expected), "{through}");
        assert_eq!(through, answer(&here, &here, ""));
    }
    let server = start(guarded(RefuseBy::Close), echo);
    let proxy = Proxy::start(&folder("xray-1008"), &[&server.url()]);
    let mut client = client(&proxy.place, "/?token=wrong-wrong-wrong");
    assert!(format!("{:?}", client.read().unwrap()).contains("Invalid token"));

    let config = Config {
        max_connections: 1,
        ..Config::default()
    };
    let server = start(config, echo);
    let proxy = Proxy::start(&folder("xray-503"), &[&server.url()]);
    let _first = self::client(&proxy.place, "/");
    let through = answer(&proxy.place, &proxy.place, "");
    assert!(
        through.starts_with("HTTP/1.1 503") && through.contains("retry-after"),
        "{through}"
    );
}

/// The proxy replaces its own name with the server's. It keeps every other name that leads here;
/// otherwise any site could act as the server's own page (DNS rebinding).
#[test]
fn only_the_proxys_own_name_is_replaced() {
    let config = Config {
        allowed_origins: Some(Vec::<Origin>::new()),
        ..Config::default()
    };
    let server = start(config, echo);
    let proxy = Proxy::start(&folder("xray-names"), &[&server.url()]);
    let place = proxy.place.as_str();
    let by_name = place.replace("127.0.0.1", "localhost");
    let port = place.split(':').nth(1).unwrap();
    let evil = format!("evil.example:{port}");
    for (host, origin, expected) in [
        (place, String::new(), "101"),
        (&by_name, String::new(), "101"),
        (place, format!("Origin: http://{place}\r\n"), "101"),
        (&by_name, format!("Origin: http://{by_name}\r\n"), "101"),
        (&evil, String::new(), "403"),
        (&evil, format!("Origin: http://{evil}\r\n"), "403"),
        (place, format!("Origin: http://{evil}\r\n"), "403"),
        (place, format!("Origin: https://{place}\r\n"), "403"),
        (place, "Origin: null\r\n".into(), "403"),
    ] {
        let through = answer(place, host, &origin);
        let status = through.split(' ').nth(1).unwrap();
        assert_eq!(status, expected, "{host} {origin}: {through}");
    }
}

#[test]
fn a_page_passes_and_its_address_is_printed() {
    let with_page = |server: zcomm_core::Server| server.page(demos::ECHO_PAGE);
    let server = start_as(Config::default(), with_page, echo);
    let proxy = Proxy::start(&folder("xray-page"), &[&server.url()]);
    let link = format!("http://{}/\n", proxy.place);
    assert!(proxy.said.contains(&link), "{}", proxy.said);
    let here = server.addr.to_string();
    for path in [
        "/",
        "/style.css",
        "/page.js",
        "/healthz",
        "/why?attempt=none",
        "/nothing",
    ] {
        let through = get(&proxy.place, path);
        assert!(through.starts_with("HTTP/1.1 "), "{through}");
        assert_eq!(through, get(&here, path), "{path}");
    }
    // No client on this machine connects to 0.0.0.0 on every system.
    let folder_of_all = folder("xray-page-all");
    let proxy = Proxy::start_at("0.0.0.0:0", &folder_of_all, &[&server.url()]);
    let link = format!("http://{}/\n", proxy.place);
    assert!(proxy.place.starts_with("127.0.0.1:"), "{}", proxy.said);
    assert!(proxy.said.contains(&link), "{}", proxy.said);
    assert!(get(&proxy.place, "/").starts_with("HTTP/1.1 200"));
    // A server without a page has no address to open.
    let server = start(Config::default(), echo);
    let proxy = Proxy::start(&folder("xray-no-page"), &[&server.url()]);
    assert!(!proxy.said.contains("http://"), "{}", proxy.said);
}

#[test]
fn k01_the_client_and_the_terminal_get_the_error_of_a_missing_server() {
    let vacant = Vacant::new();
    let place = vacant.addr.to_string();
    let mut proxy = Proxy::start(&folder("xray-502"), &[&format!("ws://{place}/")]);
    let sentence = format!("no program listens at {place}");
    assert!(proxy.said.contains(&sentence), "{}", proxy.said);
    proxy.said.clear();
    let answer = answer(&proxy.place, &proxy.place, "");
    assert!(answer.starts_with("HTTP/1.1 502 Bad Gateway\n"), "{answer}");
    assert!(
        answer.contains(&sentence) && answer.contains("is the server running?"),
        "{answer}"
    );
    proxy.says(&sentence);
}

/// wss:// to the server, ws:// to the client. The proxy does not connect to an untrusted server.
#[test]
fn the_proxy_decrypts_tls_of_a_trusted_server() {
    let folder = folder("xray-tls");
    let config = Config {
        allowed_origins: Some(Vec::new()),
        ..with_tls(&folder)
    };
    let server = start(config, echo);
    let url = format!("wss://{}/", server.addr);
    let proxy = Proxy::start(&folder, &[&url, "--ca", "certs/ca.pem"]);
    let own_page = format!("Origin: http://{}\r\n", proxy.place);
    let through = answer(&proxy.place, &proxy.place, &own_page);
    assert!(through.starts_with("HTTP/1.1 101"), "{through}");
    let mut client = client(&proxy.place, "/");
    client.send(Message::text("under TLS")).unwrap();
    assert_eq!(client.read().unwrap(), Message::text("under TLS"));
    let done = proxy.end();
    assert!(
        done.stdout.contains("decrypted from TLS"),
        "{}",
        done.stdout
    );
    assert!(done.stdout.contains("\"under TLS\""), "{}", done.stdout);

    let stranger = Proxy::start(&folder, &[&url]);
    let through = answer(&stranger.place, &stranger.place, "");
    assert!(
        through.starts_with("HTTP/1.1 502") && through.contains("not trusted"),
        "{through}"
    );
    // ws:// to a server that uses TLS: this one says so itself.
    let plain = Proxy::start(&folder, &[&format!("ws://{}/", server.addr)]);
    let through = answer(&plain.place, &plain.place, "");
    assert!(
        through.starts_with("HTTP/1.1 426") && through.contains("this port speaks TLS"),
        "{through}"
    );
}

/// Most servers with TLS answer plain HTTP with an alert, which is no answer for a browser.
#[test]
fn an_alert_of_tls_becomes_an_answer_in_words() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        // The proxy also connects at its start, to see whether there is a server.
        for mut stream in listener.incoming().flatten() {
            // Read the whole request: unread input would become a reset.
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
                request.extend(byte);
            }
            // A fatal alert of TLS 1.2: decode error.
            stream.write_all(&[21, 3, 3, 0, 2, 2, 50]).ok();
        }
    });
    let proxy = Proxy::start(&folder("xray-alert"), &[&url]);
    let through = answer(&proxy.place, &proxy.place, "");
    let reason = "the server speaks TLS at";
    assert!(
        through.starts_with("HTTP/1.1 502") && through.contains(reason),
        "{through}"
    );
}

/// Bytes that are not HTTP, and a head that is too long, get an answer.
#[test]
fn an_invalid_request_gets_a_status_and_a_reason() {
    let server = start(Config::default(), echo);
    let proxy = Proxy::start(&folder("xray-no-request"), &[&server.url()]);
    let long = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(20_000));
    for (bytes, status) in [
        (&b"\x16\x03\x01\x02\x00"[..], "400"),
        (long.as_bytes(), "431"),
    ] {
        let mut stream = tcp(&proxy.place);
        stream.write_all(bytes).unwrap();
        let answer = read_answer(stream);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
    }
}

#[test]
fn two_clients_do_not_mix() {
    let server = start(Config::default(), echo);
    let proxy = Proxy::start(&folder("xray-two"), &["--json", &server.url()]);
    let mut clients = [client(&proxy.place, "/"), client(&proxy.place, "/")];
    for round in 0..20 {
        for (number, client) in clients.iter_mut().enumerate() {
            client
                .send(Message::text(format!("{number}: {round}")))
                .unwrap();
        }
        for (number, client) in clients.iter_mut().enumerate() {
            let heard = client.read().unwrap();
            assert_eq!(heard, Message::text(format!("{number}: {round}")));
        }
    }
    let done = proxy.end();
    let mut texts = 0;
    for line in done.stdout.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        if let Some(text) = event["frame"]["text"].as_str() {
            let conn = event["conn"].as_u64().unwrap() - 1;
            assert!(text.starts_with(&format!("{conn}: ")), "{line}");
            texts += 1;
        }
    }
    assert_eq!(texts, 80);
}

/// Starts a server that reads a request of one client, and then calls `then`.
fn raw_server(then: impl FnOnce(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        // The first connection is the proxy's request for the page.
        drop(listener.accept().unwrap());
        let (mut stream, _) = listener.accept().unwrap();
        let read = stream.read(&mut [0; 1024]).unwrap();
        assert!(read > 0);
        then(stream);
    });
    url
}

/// The client sees the same end as the proxy does.
#[test]
fn an_end_passes_as_an_end_and_a_reset_as_a_reset() {
    let url = raw_server(|mut stream| stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nbye").unwrap());
    let proxy = Proxy::start(&folder("xray-fin"), &[&url]);
    assert!(get(&proxy.place, "/").ends_with("bye"));

    let (sender, answered) = mpsc::channel();
    let url = raw_server(move |mut stream| {
        stream
            .write_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
            .unwrap();
        answered.recv_timeout(LIMIT).unwrap();
        // Closing a socket with unread input resets the connection.
        stream.peek(&mut [0]).unwrap();
    });
    let proxy = Proxy::start(&folder("xray-rst"), &[&url]);
    let mut stream = tcp(&proxy.place);
    stream
        .write_all(b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n")
        .unwrap();
    stream.read_exact(&mut [0; 36]).unwrap();
    stream.write_all(b"unread").unwrap();
    sender.send(()).unwrap();
    let end = stream.read(&mut [0; 16]).unwrap_err();
    assert_eq!(end.kind(), ErrorKind::ConnectionReset);
}

#[cfg(unix)]
#[test]
fn k05_ctrl_c_ends_it_while_connections_are_open() {
    let server = start(Config::default(), echo);
    let proxy = Proxy::start(&folder("xray-ctrl-c"), &[&server.url()]);
    let mut client = client(&proxy.place, "/");
    let _silent = tcp(&proxy.place);
    let begun = Instant::now();
    let done = proxy.end();
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(done.code, Some(130), "{}", done.stderr);
    assert!(done.stdout.contains("the end, after"), "{}", done.stdout);
    client.read().unwrap_err();
}

/// Records a conversation with a secret in every place that can hold one.
fn recorded(folder: &Path, arguments: &[&str]) -> (Running, Done) {
    let server = start(guarded(RefuseBy::Close), echo);
    let url = server.url();
    let arguments = [&[url.as_str()][..], arguments].concat();
    let proxy = Proxy::start(folder, &arguments);
    let mut client = client(&proxy.place, &format!("/?token={TOKEN}"));
    for length in [1, 200, 5000] {
        client.send(Message::text("é".repeat(length))).unwrap();
        client.read().unwrap();
    }
    client.close(None).unwrap();
    while client.read().is_ok() {}
    let headers = format!("Authorization: Bearer {TOKEN}\r\nCookie: a={TOKEN}\r\n");
    assert!(answer(&proxy.place, &proxy.place, &headers).contains("101"));
    let body = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 21\r\n\r\n{TOKEN}");
    let mut stream = tcp(&proxy.place);
    stream.write_all(body.as_bytes()).unwrap();
    read_answer(stream);
    (server, proxy.end())
}

#[test]
fn a_replay_prints_the_same_and_no_output_has_a_secret() {
    for form in [
        &["--record", "it.jsonl"][..],
        &["--record", "it.jsonl", "--json"],
    ] {
        let folder = folder("xray-record");
        let (_server, live) = recorded(&folder, form);
        let again = [&["xray", "--replay"][..], &form[1..]].concat();
        let replayed = zcomm(&folder, &again);
        assert_eq!((replayed.code, replayed.stderr.as_str()), (Some(0), ""));
        assert!(live.stdout.len() > 5_000, "{}", live.stdout);
        assert_eq!(replayed.stdout, live.stdout);
        let recording = fs::read_to_string(folder.join("it.jsonl")).unwrap();
        let mut bytes = Vec::new();
        for line in recording.lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let base64 = line["base64"].as_str().unwrap_or_default();
            bytes.extend(data_encoding::BASE64.decode(base64.as_bytes()).unwrap());
        }
        let bytes = String::from_utf8_lossy(&bytes);
        assert!(bytes.contains("GET /?token=*****"), "{bytes}");
        for text in [&live.stdout, &live.stderr, &recording, &bytes.into_owned()] {
            assert!(!text.contains("canary"), "{text}");
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(folder.join("it.jsonl")).unwrap().permissions();
            assert_eq!(mode.mode() & 0o777, 0o600);
        }
        // An existing file is not overwritten.
        let done = zcomm(
            &folder,
            &[
                "xray",
                "ws://127.0.0.1:1/",
                "--listen",
                "127.0.0.1:0",
                "--record",
                "it.jsonl",
            ],
        );
        assert_eq!(done.code, Some(2));
        assert!(
            done.stderr.contains("help: name another file"),
            "{}",
            done.stderr
        );
        assert_eq!(
            fs::read_to_string(folder.join("it.jsonl")).unwrap(),
            recording
        );
    }
}

#[test]
fn a_full_recording_ends_with_a_note_and_the_proxy_goes_on() {
    let folder = folder("xray-full");
    let (_server, live) = recorded(&folder, &["--record", "it.jsonl", "--max-bytes", "4096"]);
    assert!(
        live.stderr
            .contains("the recording ends here: it has reached --max-bytes"),
        "{}",
        live.stderr
    );
    assert!(live.stdout.contains("text, 10000 bytes, masked"));
    assert!(fs::metadata(folder.join("it.jsonl")).unwrap().len() <= 4096 + 16);
    let replayed = zcomm(&folder, &["xray", "--replay", "it.jsonl"]);
    assert_eq!(replayed.code, Some(0));
    assert!(live.stdout.starts_with(&replayed.stdout) && replayed.stdout.len() > 500);
    assert!(
        replayed.stderr.contains("it was full"),
        "{}",
        replayed.stderr
    );
}

/// The lines before it are shown, and the error names its number.
#[test]
fn an_invalid_line_ends_a_replay_with_its_number() {
    let folder = folder("xray-hostile");
    let format = r#"{"format":"zcomm-recording","version":1}"#;
    let open = r#"{"what":"open","ns":0,"conn":1,"peer":"127.0.0.1:1","tls":false}"#;
    let bytes = |base64: &str, untold: u64| {
        format!(
            r#"{{"what":"bytes","ns":0,"conn":1,"from":"client","base64":"{base64}","untold":{untold}}}"#
        )
    };
    let many = |line: &dyn Fn(usize) -> String| (0..1001).map(line).collect::<Vec<_>>().join("\n");
    let opens = many(&|conn| open.replace("\"conn\":1", &format!("\"conn\":{conn}")));
    for (text, line, wrong) in [
        (String::new(), 1, "empty"),
        ("\n".into(), 1, "not a recording"),
        (
            "{\"format\":\"pcapng\",\"version\":1}\n".into(),
            1,
            "not a recording",
        ),
        (format.replace(":1}", ":2}") + "\n", 1, "version 2"),
        ("\u{1b}]0;pwn\u{7}\n".into(), 1, "not a recording"),
        (format!("{format}\n\n"), 2, "not a line of a recording"),
        (
            format!("{format}\n\u{1b}[2J\n"),
            2,
            "not a line of a recording",
        ),
        (format!("{format}\n{open}\n{open}\n"), 3, "open already"),
        (format!("{format}\n{}\n", bytes("", 0)), 2, "is not open"),
        (
            format!("{format}\n{open}\n{}\n", bytes("?", 0)),
            3,
            "not base64",
        ),
        (
            format!("{format}\n{open}\n{}\n", bytes("", u64::MAX)),
            3,
            "leaves out at most",
        ),
        (
            format!("{format}\n{open}\n{}", bytes("", 0)),
            3,
            "not complete",
        ),
        (
            format!("{format}\n{}\n", "[".repeat(60_000)),
            2,
            "not a line of a recording",
        ),
        (
            format!("{format}\n{}", "x".repeat(10_000_000)),
            2,
            "longer than 65536 bytes",
        ),
        (
            format!("{format}\n{opens}\n"),
            1002,
            "more than 1000 connections",
        ),
        (
            format!("{format}\n{{\"what\":\"full\"}}\n{open}\n"),
            3,
            "follows the end",
        ),
    ] {
        fs::write(folder.join("it.jsonl"), text).unwrap();
        let done = zcomm(&folder, &["xray", "--replay", "it.jsonl"]);
        // A file that is no recording is a mistake in the command line.
        let code = if line == 1 { 2 } else { 1 };
        assert_eq!(done.code, Some(code), "{wrong}: {}", done.stderr);
        let expected = format!("error: it.jsonl, line {line}: ");
        assert!(
            done.stderr.starts_with(&expected),
            "{expected}{wrong}: {}",
            done.stderr
        );
        assert!(done.stderr.contains(wrong), "{wrong}: {}", done.stderr);
        assert_eq!(done.stderr.lines().count(), 2, "{}", done.stderr);
        assert!(
            !done.stderr.contains(['\u{1b}', '\u{7}']),
            "{}",
            done.stderr
        );
        let before = line > 2 && wrong != "follows the end";
        assert_eq!(!done.stdout.is_empty(), before, "{wrong}: {}", done.stdout);
    }
    let done = zcomm(&folder, &["xray", "--replay", "nothing.jsonl"]);
    assert!(
        done.stderr.contains("cannot read nothing.jsonl"),
        "{}",
        done.stderr
    );
    // A folder can be opened, but not read.
    let done = zcomm(&folder, &["xray", "--replay", "."]);
    let said = ("cannot read .: ", "\nhelp: ");
    assert!(
        done.stderr.contains(said.0) && done.stderr.contains(said.1),
        "{}",
        done.stderr
    );
    // Text in a recording cannot control a terminal, and an endless head takes no memory.
    let frame = data_encoding::BASE64.encode(b"GET /\x1b[2J HTTP/1.1\r\n\r\n");
    let endless = many(&|_| bytes("", 65_536));
    let text = format!("{format}\n{open}\n{}\n{endless}\n", bytes(&frame, 0));
    fs::write(folder.join("it.jsonl"), text).unwrap();
    let done = zcomm(&folder, &["xray", "--replay", "it.jsonl"]);
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
    assert!(done.stdout.contains("GET /␛[2J") && !done.stdout.contains('\u{1b}'));
}

/// Each client would make the proxy connect to itself, without end.
#[test]
fn a_proxy_whose_server_is_itself_is_refused() {
    let folder = folder("xray-itself");
    for subcommand in ["xray", "chaos"] {
        for host in ["127.0.0.1", "0.0.0.0"] {
            let port = crate::vacant::Vacant::new().addr.port();
            let url = format!("ws://127.0.0.1:{port}/");
            let listen = format!("{host}:{port}");
            let done = zcomm(&folder, &[subcommand, &url, "--listen", &listen]);
            let error =
                format!("error: 127.0.0.1:{port} is the address of this proxy itself\nhelp: ");
            assert_eq!(done.code, Some(2), "{}", done.stderr);
            assert!(done.stderr.starts_with(&error), "{}", done.stderr);
        }
    }
}

#[test]
fn impossible_arguments_are_refused_before_connecting() {
    let folder = folder("xray-usage");
    for arguments in [
        &[][..],
        &["ws://127.0.0.1:1/", "--replay", "x"],
        &["ws://127.0.0.1:1/", "--listen", "8770"],
        &["ws://127.0.0.1:1/", "--max-bytes", "10"],
        &["ws://127.0.0.1:1/?token=canary", "--listen", "127.0.0.1:0"],
    ] {
        let done = zcomm(&folder, &[&["xray"][..], arguments].concat());
        assert_eq!(done.code, Some(2), "{arguments:?}: {}", done.stderr);
        assert!(!done.stderr.contains("canary"), "{}", done.stderr);
    }
    let done = zcomm(&folder, &["xray", "http://127.0.0.1/?token=canary"]);
    assert_eq!(done.code, Some(2));
    assert!(done.stderr.contains("use ws:// instead"), "{}", done.stderr);
    assert!(!done.stderr.contains("canary"), "{}", done.stderr);
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap().to_string();
    let done = zcomm(&folder, &["xray", "ws://127.0.0.1:1/", "--listen", &taken]);
    assert_eq!(done.code, Some(1));
    let lines: Vec<_> = done.stderr.lines().collect();
    assert!(
        lines[0].contains("another program listens at"),
        "{}",
        done.stderr
    );
    assert_eq!(
        lines[1],
        "help: use --listen 127.0.0.1:0 to get a free port"
    );
}
