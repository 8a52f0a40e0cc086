//! `zcomm listen`: its input and output, its replies, its processes, and how it ends.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

#[cfg(unix)]
use expectrl::Expect;
use tokio_tungstenite::tungstenite::{self, Message, WebSocket, protocol::CloseFrame};
use zcomm_core::{Certificate, ClientSocket, ConnectOptions, Trust};

use crate::{Done, certs, children, folder, zcomm, zcomm_command};

const TOKEN: &str = "canary-token-7Qp2xV9d";
/// The longest wait for anything.
const LIMIT: Duration = Duration::from_secs(20);

/// A running `zcomm listen`. Dropping it kills it.
struct Listener {
    child: Child,
    stdin: Option<ChildStdin>,
    out: Receiver<String>,
    errors: Receiver<String>,
    url: String,
}

impl Listener {
    fn start(arguments: &[&str]) -> Listener {
        Listener::start_in(Path::new("."), arguments)
    }

    fn start_in(folder: &Path, arguments: &[&str]) -> Listener {
        let all = [&["listen", "0"], arguments].concat();
        Listener::run(zcomm_command(folder, &all))
    }

    fn run(mut command: Command) -> Listener {
        command.stdin(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdin = child.stdin.take();
        let out = lines(child.stdout.take().unwrap());
        let errors = lines(child.stderr.take().unwrap());
        let first = errors.recv_timeout(LIMIT).unwrap();
        let url = first
            .strip_prefix("listening on ")
            .unwrap_or_else(|| panic!("{first}"));
        let url = url.split(' ').next().unwrap().to_owned();
        Listener {
            child,
            stdin,
            out,
            errors,
            url,
        }
    }

    fn authority(&self) -> &str {
        self.url.split("://").nth(1).unwrap().trim_end_matches('/')
    }

    fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.authority()).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let (socket, _) = tungstenite::client(self.url.as_str(), stream).unwrap();
        Client(socket)
    }

    fn types(&mut self, text: &str) {
        self.stdin
            .as_mut()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
    }

    /// Returns the next line of stdout.
    fn prints(&self) -> String {
        self.out.recv_timeout(LIMIT).unwrap()
    }

    /// Waits for a line on stderr that contains this.
    fn notes(&self, part: &str) -> String {
        loop {
            let line = self.errors.recv_timeout(LIMIT);
            let line = line.unwrap_or_else(|_| panic!("no {part:?}"));
            if line.contains(part) {
                return line;
            }
        }
    }

    #[cfg(unix)]
    fn signal(&self, name: &str) {
        let killed = children::command("kill")
            .args([name, &self.child.id().to_string()])
            .status();
        assert!(killed.unwrap().success());
    }

    fn ends(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line);
            let text = text.strip_suffix('\n').unwrap_or(&text);
            if sender.send(text.to_owned()).is_err() {
                return;
            }
            line.clear();
        }
    });
    lines
}

/// A client of another project.
struct Client(WebSocket<TcpStream>);

impl Client {
    fn says(&mut self, text: &str) {
        self.0.send(Message::text(text)).unwrap();
    }

    #[track_caller]
    fn hears(&mut self) -> String {
        loop {
            match self.0.read().unwrap() {
                Message::Text(text) => return text.to_string(),
                Message::Ping(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Returns the code and the reason of the server's Close frame.
    #[track_caller]
    fn closed(&mut self) -> (u16, String) {
        loop {
            match self.0.read().unwrap() {
                Message::Close(Some(CloseFrame { code, reason })) => {
                    return (code.into(), reason.to_string());
                }
                Message::Text(_) | Message::Binary(_) | Message::Ping(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

/// Runs `zcomm listen` where it cannot start.
fn refused(arguments: &[&str]) -> Done {
    zcomm(
        &folder("listen_refused"),
        &[&["listen"], arguments].concat(),
    )
}

#[test]
fn lines_go_to_every_client_and_messages_are_printed() {
    let mut server = Listener::start(&[]);
    let (mut one, mut two) = (server.connect(), server.connect());
    server.notes("conn.opened conn=2");
    server.types("Grüße 🌍\r\n\nlast\n");
    for client in [&mut one, &mut two] {
        assert_eq!(client.hears(), "Grüße 🌍");
        assert_eq!(client.hears(), "");
        assert_eq!(client.hears(), "last");
    }
    one.says("from one");
    assert_eq!(server.prints(), "from one");
    two.says("from two");
    assert_eq!(server.prints(), "from two");
}

/// In a pipe, the first line is there before the first client.
#[test]
fn lines_wait_for_the_first_client_and_the_end_of_the_input_ends_nothing() {
    let mut server = Listener::start(&[]);
    server.types("early\nlast");
    server.stdin.take();
    let mut client = server.connect();
    assert_eq!(client.hears(), "early");
    assert_eq!(client.hears(), "last");
    server.notes("the input has ended; the server keeps running");
    client.says("still here");
    assert_eq!(server.prints(), "still here");
    server.connect().says("a new client, too");
    assert_eq!(server.prints(), "a new client, too");
}

#[test]
fn echo_sends_a_message_back_to_its_sender_alone() {
    let mut server = Listener::start(&["--echo"]);
    let (mut one, mut two) = (server.connect(), server.connect());
    server.notes("conn.opened conn=2");
    one.says("hi");
    assert_eq!(one.hears(), "hi");
    server.types("typed\n");
    assert_eq!(two.hears(), "typed");
}

#[test]
fn broadcast_sends_a_message_to_all_other_clients() {
    let mut server = Listener::start(&["--broadcast"]);
    let (mut one, mut two, mut three) = (server.connect(), server.connect(), server.connect());
    server.notes("conn.opened conn=3");
    one.says("hi");
    assert_eq!((two.hears(), three.hears()), ("hi".into(), "hi".into()));
    server.types("typed\n");
    assert_eq!(one.hears(), "typed");
    assert_eq!(server.prints(), "hi");
}

/// A pipe gets the original; the output for a terminal is in another test.
#[test]
fn a_pipe_gets_the_message_unchanged() {
    let server = Listener::start(&[]);
    let mut client = server.connect();
    client.says("\x1b[2J\u{202e}\u{9b}x");
    assert_eq!(server.prints(), "\x1b[2J\u{202e}\u{9b}x");
    client.0.send(Message::binary(vec![0, 255, 10])).unwrap();
    assert_eq!(server.prints(), "<3 bytes: 00 ff 0a>");
}

#[test]
fn binary_sends_the_whole_input_and_prints_bytes() {
    let mut server = Listener::start(&["--binary"]);
    let mut client = server.connect();
    server
        .stdin
        .take()
        .unwrap()
        .write_all(b"\xff\n\xfe\r\n")
        .unwrap();
    let whole = vec![255, b'\n', 254, b'\r', b'\n'];
    assert_eq!(client.0.read().unwrap(), Message::binary(whole));
    client.0.send(Message::binary(b"raw".to_vec())).unwrap();
    client.0.send(Message::binary(b"bytes\n".to_vec())).unwrap();
    assert_eq!(server.prints(), "rawbytes");
}

#[test]
fn a_line_that_is_not_text_is_a_binary_message() {
    let mut server = Listener::start(&[]);
    let stdin = server.stdin.as_mut().unwrap();
    stdin.write_all(b"one\n\xff\nthree\n").unwrap();
    let mut client = server.connect();
    assert_eq!(client.hears(), "one");
    assert_eq!(client.0.read().unwrap(), Message::binary(vec![255]));
    assert_eq!(client.hears(), "three");
}

/// No client pays for a line that is over the limit.
#[test]
fn a_line_over_the_limit_is_named_and_the_others_are_sent() {
    let mut server = Listener::start(&[]);
    let (fits, long) = ("x".repeat(196_608), "x".repeat(196_609));
    let stdin = server.stdin.as_mut().unwrap();
    stdin
        .write_all(format!("{long}\n{fits}\nlast\n").as_bytes())
        .unwrap();
    let mut client = server.connect();
    assert_eq!(client.hears(), fits);
    assert_eq!(client.hears(), "last");
    server.notes("a message of 196609 bytes was not sent: at most 196608 bytes");
}

#[test]
fn json_names_the_client_of_each_event() {
    let server = Listener::start(&["--json"]);
    let event = || -> serde_json::Value { serde_json::from_str(&server.prints()).unwrap() };
    let listening = event();
    assert_eq!(
        (&listening["type"], &listening["url"]),
        (&"listening".into(), &server.url.as_str().into())
    );
    let mut client = server.connect();
    let open = event();
    assert_eq!(
        (&open["type"], &open["client"]),
        (&"open".into(), &1.into())
    );
    client.says("say \"hi\"");
    client.0.send(Message::binary(vec![0, 255, 10])).unwrap();
    assert_eq!(
        event().to_string(),
        r#"{"type":"text","client":1,"data":"say \"hi\""}"#
    );
    assert_eq!(
        event().to_string(),
        r#"{"type":"binary","client":1,"base64":"AP8K"}"#
    );
    let close = CloseFrame {
        code: 3001.into(),
        reason: "done".into(),
    };
    client.0.close(Some(close)).unwrap();
    let closed = r#"{"type":"close","client":1,"by":"peer","code":3001,"reason":"done"}"#;
    assert_eq!(event().to_string(), closed);
    drop(server.connect());
    assert_eq!(
        (event()["client"].clone(), event()["type"].clone()),
        (2.into(), "broken".into())
    );
}

/// A client that reads nothing is closed, and no line is lost for the others.
#[test]
fn a_slow_client_loses_its_connection_and_the_others_lose_nothing() {
    let mut server = Listener::start(&[]);
    let (slow, mut quick) = (server.connect(), server.connect());
    server.notes("conn.opened conn=2");
    let mut stdin = server.stdin.take().unwrap();
    let typist = std::thread::spawn(move || {
        let long = "x".repeat(64 * 1024);
        for number in 0..400 {
            writeln!(stdin, "{number} {long}").unwrap();
        }
    });
    for number in 0..400 {
        let line = quick.hears();
        assert_eq!(line.split(' ').next().unwrap(), number.to_string());
    }
    server.notes("Too slow");
    typist.join().unwrap();
    drop(slow);
}

#[test]
fn exec_runs_one_process_for_each_client() {
    let server = Listener::start(&["--exec", "while read line; do echo \"$$ $line\"; done"]);
    let (mut one, mut two) = (server.connect(), server.connect());
    one.says("a");
    two.says("b");
    let (a, b) = (one.hears(), two.hears());
    let (first, second) = (a.strip_suffix(" a").unwrap(), b.strip_suffix(" b").unwrap());
    assert_ne!(first, second);
}

/// The shell's child must end, too.
#[cfg(unix)]
#[test]
fn a_process_is_killed_and_reaped_with_all_its_children_when_its_client_leaves() {
    let server = Listener::start(&["--exec", "sleep 1000 & echo $! $$; wait"]);
    let mut client = server.connect();
    let pids = client.hears();
    let alive = |pid: &str| Path::new("/proc").join(pid).exists();
    if !alive("self") {
        return;
    }
    assert!(pids.split(' ').all(alive), "{pids}");
    client.0.close(None).unwrap();
    server.notes("conn.closed");
    let limit = std::time::Instant::now() + LIMIT;
    // `sleep` is reaped by init, which may be slow: a process that is dead but not reaped counts
    // as ended.
    let ended = |pid: &str| {
        let stat = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat"));
        stat.map_or(true, |stat| stat.contains(") Z "))
    };
    while !pids.split(' ').all(ended) || alive(pids.split(' ').nth(1).unwrap()) {
        assert!(std::time::Instant::now() < limit, "{pids} still run");
        std::thread::yield_now();
    }
}

#[test]
fn one_process_too_many_is_refused_and_a_free_place_is_used_again() {
    let server = Listener::start(&["--exec", "cat", "--max-processes", "1"]);
    let mut one = server.connect();
    one.says("mine");
    assert_eq!(one.hears(), "mine");
    let (code, reason) = server.connect().closed();
    assert_eq!(
        (code, reason.as_str()),
        (1013, "Too many processes: try again later")
    );
    server.notes("client 2 refused: too many processes run; --max-processes allows more");
    one.0.close(None).unwrap();
    while one.0.read().is_ok() {}
    let limit = std::time::Instant::now() + LIMIT;
    loop {
        let mut next = server.connect();
        next.says("mine now");
        match next.0.read().unwrap() {
            Message::Text(text) => return assert_eq!(text.as_str(), "mine now"),
            _ => assert!(std::time::Instant::now() < limit),
        }
    }
}

#[test]
fn the_end_of_a_process_closes_its_client_and_says_how_it_ended() {
    let server = Listener::start(&["--exec", "echo last; exit 0"]);
    let mut client = server.connect();
    assert_eq!(client.hears(), "last");
    assert_eq!(client.closed(), (1000, "The process has ended".into()));
    let server = Listener::start(&["--exec", "printf 'no line end'; exit 3"]);
    let mut client = server.connect();
    assert_eq!(client.hears(), "no line end");
    assert_eq!(
        client.closed(),
        (1011, "The process has ended: exit status: 3".into())
    );
    let server = Listener::start(&["--exec", "no-such-program-here"]);
    assert_eq!(server.connect().closed().0, 1011);
    server.notes("1, stderr: ");
}

/// Neither side may wait for the other without end.
#[test]
fn a_process_that_does_not_read_costs_its_client_the_connection() {
    let mut command = zcomm_command(Path::new("."), &["listen", "0", "--exec", "sleep 1000"]);
    command.env("WEBSOCKET_RATE_LIMIT", "off");
    let server = Listener::run(command);
    let mut client = server.connect();
    let long = "x".repeat(60_000);
    for _ in 0..30 {
        client.says(&long);
    }
    assert_eq!(client.closed(), (1011, "The process does not read".into()));
}

#[test]
fn a_process_does_not_get_the_token() {
    let all = ["listen", "0", "--exec", "echo \"<$WEBSOCKET_TOKEN>\""];
    let mut command = zcomm_command(Path::new("."), &all);
    command.env("WEBSOCKET_TOKEN", TOKEN);
    assert_eq!(Listener::run(command).connect().hears(), "<>");
}

#[test]
fn a_token_is_asked_for_and_never_printed() {
    let folder = folder("listen_token");
    std::fs::write(folder.join("token.txt"), format!("{TOKEN}\n")).unwrap();
    for arguments in [["--token", TOKEN], ["--token-file", "token.txt"]] {
        let mut server = Listener::start_in(&folder, &arguments);
        let url = server.url.clone();
        let near = format!("{TOKEN}x");
        for (token, enters) in [
            (Some(TOKEN), true),
            (Some(near.as_str()), false),
            (None, false),
        ] {
            let with = token.map_or(vec![], |token| vec!["--token", token]);
            let done = zcomm(&folder, &[&["connect", &url], &with[..]].concat());
            assert_eq!(done.code, Some(i32::from(!enters)), "{}", done.stderr);
        }
        server.child.kill().unwrap();
        let printed: String = server.errors.iter().chain(server.out.iter()).collect();
        assert!(!printed.contains(TOKEN), "{printed}");
    }
    let done = refused(&["0", "--token", "short"]);
    assert_eq!(done.code, Some(2));
    assert!(done.stderr.contains("16 to 512 bytes"), "{}", done.stderr);
}

/// The error names the option that was typed, and not a setting of the lessons.
#[test]
fn a_host_that_is_no_address_is_refused_as_an_option() {
    for host in ["no-such-host.invalid", "127.0.0.1:99"] {
        let done = refused(&["0", "--host", host]);
        assert_eq!(done.code, Some(2), "{}", done.stderr);
        let error = format!("error: --host \"{host}\" is not found: ");
        assert!(done.stderr.starts_with(&error), "{}", done.stderr);
        let help = "without a port\n";
        assert!(done.stderr.ends_with(help), "{}", done.stderr);
    }
    let done = refused(&["127.0.0.1:9000"]);
    assert_eq!(done.code, Some(2), "{}", done.stderr);
    let error = "expected a port from 0 to 65535";
    assert!(done.stderr.contains(error), "{}", done.stderr);
}

/// Other machines must not run a program without a token.
#[test]
fn exec_for_other_machines_makes_a_token_and_a_conversation_only_warns() {
    let server = Listener::start(&["--host", "0.0.0.0", "--exec", "cat"]);
    let line = server.notes("clients need the token of this run: zcomm connect ");
    let words: Vec<_> = line.split(' ').collect();
    let done = zcomm(Path::new("."), &["connect", &server.url]);
    assert_eq!(done.code, Some(1), "{}", done.stderr);
    let done = zcomm(
        Path::new("."),
        &["connect", &server.url, "--token", words[words.len() - 1]],
    );
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let server = Listener::start(&["--host", "0.0.0.0"]);
    server.notes("warning: every machine on your network can connect, without a token");
    let server = Listener::start(&["--host", "[::1]", "--exec", "cat"]);
    server.connect().says("no token on loopback");
    assert_eq!(server.prints(), "no token on loopback");
}

#[test]
fn tls_uses_the_certificate_of_zcomm_certs() {
    let folder = folder("listen_tls");
    let done = zcomm(&folder, &["listen", "0", "--tls"]);
    assert_eq!(done.code, Some(78), "{}", done.stderr);
    assert!(done.stderr.contains("zcomm -- certs"), "{}", done.stderr);
    assert_eq!(certs(&folder, &[]).code, Some(0));
    let files = [
        "--cert",
        "certs/localhost.pem",
        "--key",
        "certs/localhost.key",
    ];
    for arguments in [&["--tls"][..], &files] {
        let server = Listener::start_in(&folder, arguments);
        assert!(server.url.starts_with("wss://"), "{}", server.url);
        let ca = Certificate::read_all(&folder.join("certs/ca.pem")).unwrap();
        let trust = Trust::platform(&ca).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let options = ConnectOptions::new(server.url.as_str(), &trust);
            let mut socket = ClientSocket::connect_with(&options).await.unwrap();
            socket.send("over TLS").await.unwrap();
            socket.close(1000, "").await.unwrap();
        });
        assert_eq!(server.prints(), "over TLS");
    }
    let done = zcomm(&folder, &["listen", "0", "--cert", "certs/localhost.pem"]);
    assert_eq!(done.code, Some(2), "{}", done.stderr);
}

#[test]
fn the_settings_of_the_lessons_apply_and_an_option_wins() {
    let folder = folder("listen_settings");
    std::fs::write(
        folder.join(".zEnv"),
        "WEBSOCKET_MAX_MESSAGE_BYTES=5\nWEBSOCKET_PORT=1\n",
    )
    .unwrap();
    let server = Listener::start_in(&folder, &[]);
    let mut client = server.connect();
    client.says("12345");
    assert_eq!(server.prints(), "12345");
    client.says("123456");
    assert_eq!(client.closed().0, 1009);
    std::fs::write(folder.join(".zEnv"), "WEBSOCKET_PORT=eighty\n").unwrap();
    let done = zcomm(&folder, &["listen"]);
    assert_eq!(done.code, Some(78), "{}", done.stderr);
}

#[test]
fn a_foreign_page_is_refused_and_the_log_says_why() {
    let server = Listener::start(&[]);
    let done = zcomm(
        Path::new("."),
        &["connect", &server.url, "--origin", "https://evil.example"],
    );
    assert_eq!(done.code, Some(1));
    server.notes("handshake.rejected");
}

#[test]
fn a_port_in_use_and_wrong_options_are_explained() {
    let server = Listener::start(&[]);
    let port = server.authority().rsplit(':').next().unwrap();
    let done = refused(&[port]);
    assert_eq!(done.code, Some(1));
    assert!(
        done.stderr.contains("is in use: another program listens"),
        "{}",
        done.stderr
    );
    assert!(
        done.stderr.contains(&format!("zcomm doctor --port {port}")),
        "{}",
        done.stderr
    );
    for arguments in [
        &["0", "--echo", "--broadcast"][..],
        &["0", "--echo", "--exec", "cat"],
        &["0", "--max-processes", "2"],
        &["0", "--exec", "cat", "--max-processes", "0"],
        &["0", "--json", "--binary"],
        &["70000"],
        &["localhost:9000"],
    ] {
        let done = refused(arguments);
        assert_eq!(done.code, Some(2), "{arguments:?}: {}", done.stderr);
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_and_sigterm_close_every_client_with_1001() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let mut server = Listener::start(&["--exec", "cat"]);
        let (mut one, mut two) = (server.connect(), server.connect());
        server.notes("conn.opened conn=2");
        server.signal(signal);
        for client in [&mut one, &mut two] {
            assert_eq!(client.closed(), (1001, "Server shutting down".into()));
        }
        drop((one, two));
        assert_eq!(server.ends(), Some(code));
    }
}

/// The queue of each client has space for 16 lines, and these are too long for the buffers of the
/// network.
#[cfg(unix)]
#[test]
fn lines_that_wait_for_a_client_arrive_before_the_close() {
    for (arguments, signal, code) in [
        (&[][..], "-INT", 130),
        (&["--broadcast"], "-TERM", 143),
        (&["--exec", "cat"], "-TERM", 143),
    ] {
        let mut server = Listener::start(arguments);
        let mut client = server.connect();
        server.notes("conn.opened conn=1");
        let long = "x".repeat(64 * 1024);
        for number in 0..16 {
            server.types(&format!("{number} {long}\n"));
        }
        drop(server.stdin.take());
        server.notes("the input has ended");
        server.signal(signal);
        for number in 0..16 {
            assert_eq!(client.hears(), format!("{number} {long}"));
        }
        assert_eq!(client.closed(), (1001, "Server shutting down".into()));
        drop(client);
        assert_eq!(server.ends(), Some(code), "{arguments:?}");
    }
}

/// A client that reads nothing does not lengthen the stop.
#[cfg(unix)]
#[test]
fn lines_that_wait_for_a_stuck_client_do_not_lengthen_a_stop() {
    let mut server = Listener::start(&[]);
    let client = server.connect();
    server.notes("conn.opened conn=1");
    let line = format!("{}\n", "x".repeat(64 * 1024));
    server.types(&line.repeat(16));
    drop(server.stdin.take());
    server.notes("the input has ended");
    let start = std::time::Instant::now();
    server.signal("-TERM");
    assert_eq!(server.ends(), Some(143));
    assert!(
        start.elapsed() < Duration::from_millis(5900),
        "{:?}",
        start.elapsed()
    );
    drop(client);
}

/// k05: the reader of the output may stop early.
#[cfg(unix)]
#[test]
fn k05_a_reader_that_closes_the_pipe_ends_the_server() {
    let mut command = zcomm_command(Path::new("."), &["listen", "0"]);
    command.stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let errors = lines(child.stderr.take().unwrap());
    let first = errors.recv_timeout(LIMIT).unwrap();
    let url = first.split(' ').nth(2).unwrap().to_owned();
    drop(child.stdout.take());
    let (out, stdin) = (channel().1, child.stdin.take());
    let mut server = Listener {
        child,
        stdin,
        out,
        errors,
        url,
    };
    let mut client = server.connect();
    client.says("nobody reads this");
    assert_eq!(client.closed(), (1001, "Server shutting down".into()));
    drop(client);
    assert_eq!(server.ends(), Some(0));
}

/// At a terminal: Ctrl-D ends the server after the last line, and a client cannot control the
/// screen.
#[cfg(unix)]
#[test]
fn a_terminal_gets_no_control_character_and_ctrl_d_says_goodbye() {
    use crate::terminal;
    let mut session = terminal::open(&zcomm_command(Path::new("."), &["listen", "0"]));
    session.expect("listening on ").unwrap();
    let url = session.expect(" - Ctrl-C stops").unwrap();
    let url = String::from_utf8_lossy(url.before()).into_owned();
    let authority = url.trim_start_matches("ws://").trim_end_matches('/');
    let stream = TcpStream::connect(authority).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let mut client = Client(tungstenite::client(url.as_str(), stream).unwrap().0);
    session.expect("conn.opened").unwrap();
    client.says("\x1b]0;pwn\x07\u{202e}x");
    session
        .expect("1: \u{241b}]0;pwn\u{2407}\u{fffd}x")
        .unwrap();
    session.send_line("typed at the terminal").unwrap();
    assert_eq!(client.hears(), "typed at the terminal");
    session.send("\x04").unwrap();
    assert_eq!(client.closed(), (1001, "Server shutting down".into()));
    drop(client);
    let rest = terminal::ends(session, 0);
    assert!(!rest.contains("\x1b]0;"), "{rest:?}");
}

#[cfg(unix)]
#[test]
fn a_line_typed_without_a_client_is_not_lost_in_silence() {
    use crate::terminal;
    let mut session = terminal::open(&zcomm_command(Path::new("."), &["listen", "0"]));
    session.expect("Ctrl-C stops").unwrap();
    session.send_line("hello?").unwrap();
    session
        .expect("no client is connected: the line was not sent")
        .unwrap();
    session.send("\x03").unwrap();
    terminal::ends(session, 130);
}
