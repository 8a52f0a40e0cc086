//! `zcomm connect` and a server that refuses, is not a WebSocket server, or is hostile.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::Stdio,
    thread::{self, JoinHandle},
};

use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::{Done, connect::connect, vacant::Vacant, zcomm_command};

/// Starts a server that reads the handshake of one client and then calls `then`.
fn serve<T: Send + 'static>(
    then: impl FnOnce(TcpStream, &str) -> T + Send + 'static,
) -> (String, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut head = BufReader::new(stream.try_clone().unwrap()).lines();
        let key = head.find_map(|line| {
            let line = line.unwrap();
            Some(line.strip_prefix("Sec-WebSocket-Key: ")?.to_owned())
        });
        then(stream, &derive_accept_key(key.unwrap().as_bytes()))
    });
    (url, server)
}

/// The same, after an accepted handshake.
pub(crate) fn speak<T: Send + 'static>(
    then: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (String, JoinHandle<T>) {
    serve(|mut stream, accept| {
        let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade";
        write!(stream, "{head}\r\nSec-WebSocket-Accept: {accept}\r\n\r\n").unwrap();
        then(stream)
    })
}

/// Checks that the command failed with these two lines and no other output.
#[track_caller]
fn assert_fails(done: &Done, error: &str, help: &str) {
    assert_eq!(
        (done.code, done.stdout.as_str()),
        (Some(1), ""),
        "{}",
        done.stderr
    );
    let lines: Vec<_> = done.stderr.lines().collect();
    assert!(
        lines[0].starts_with("error: ") && lines[0].contains(error),
        "{}",
        done.stderr
    );
    assert!(
        lines.len() == 2 && lines[1].starts_with("help: "),
        "{}",
        done.stderr
    );
    assert!(lines[1].contains(help), "{}", done.stderr);
}

#[test]
fn k01_the_help_for_a_missing_server_asks_whether_it_runs() {
    let vacant = Vacant::new();
    let place = vacant.addr.to_string();
    let done = connect(&format!("ws://{place}/"), b"hi\n", &[]);
    let error = format!("no program listens at {place}");
    assert_fails(&done, &error, "is the server running?");
}

/// Each status has its own error and its own help.
#[test]
fn k02_every_refusal_has_its_sentence() {
    for (status, header, error, help) in [
        (
            "200 OK",
            "",
            "HTTP 200 instead of 101: <h1>Hi</h1>",
            "this is an ordinary web page",
        ),
        (
            "301 Moved",
            "Location: /new",
            "HTTP 301 instead of 101: go to /new",
            "use the address that it names",
        ),
        ("401 No", "", "HTTP 401", "show the server's token"),
        ("403 No", "", "HTTP 403", "this origin or host"),
        ("404 No", "", "HTTP 404", "the path is wrong"),
        ("426 No", "", "HTTP 426", "another protocol or version"),
        ("503 No", "Retry-After: 5", "HTTP 503", "try again later"),
    ] {
        let (url, server) = serve(move |mut stream, _| {
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: 11\r\n{header}");
            write!(stream, "{}\r\n\r\n<h1>Hi</h1>", head.trim_end()).unwrap();
        });
        assert_fails(&connect(&url, b"hi\n", &[]), error, help);
        server.join().unwrap();
    }
}

/// What a server of any age or haste may answer: the status and the text are shown.
#[test]
fn an_old_a_chunked_and_a_slow_refusal_are_read() {
    let chunked = "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n\
                   5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
    for (answer, error, help) in [
        (
            "HTTP/1.0 503 Service Unavailable\r\n\r\nwe are full\n",
            "HTTP 503 instead of 101: we are full",
            "try again later",
        ),
        (
            chunked,
            "HTTP 404 instead of 101: hello world",
            "the path is wrong",
        ),
        (
            "HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\n\r\n  no way",
            "HTTP 403 instead of 101: no way",
            "this origin or host",
        ),
        (
            "HTTP/1.0 101 Switching Protocols\r\n\r\n",
            "its answer is HTTP/1.0, which has no WebSockets",
            "another program",
        ),
    ] {
        for size in [answer.len(), 1] {
            let (url, server) = serve(move |mut stream, _| {
                stream.set_nodelay(true).unwrap();
                for piece in answer.as_bytes().chunks(size) {
                    stream.write_all(piece).unwrap();
                }
            });
            assert_fails(&connect(&url, b"hi\n", &[]), error, help);
            server.join().unwrap();
        }
    }
}

/// The limits are those of browsers. An answer beyond them names the limit.
#[test]
fn a_long_or_slow_101_is_accepted_up_to_a_limit_that_is_named() {
    let many: String = (0..125).map(|n| format!("X-{n}: 1\r\n")).collect();
    let long = format!("X: {}\r\n", "x".repeat(64 * 1024));
    for (headers, size) in [(&many, 5), (&long, 65536), (&String::new(), 1)] {
        let (headers, hint) = (headers.clone(), "HTTP/1.1 103 Early Hints\r\n\r\n");
        let (url, server) = serve(move |mut stream, accept| {
            stream.set_nodelay(true).unwrap();
            let head = format!(
                "{hint}HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
                 {headers}Sec-WebSocket-Accept: {accept}\r\n\r\n"
            );
            // A message follows the head at once.
            let answer = [head.as_bytes(), b"\x81\x05hello"].concat();
            for piece in answer.chunks(size) {
                stream.write_all(piece).unwrap();
            }
            stream.read_exact(&mut [0; 2]).unwrap();
        });
        let done = connect(&url, b"", &["--one"]);
        assert_eq!(done.stdout, "hello\n", "{}", done.stderr);
        server.join().unwrap();
    }
    for (headers, limit) in [
        ("X: 1\r\n".repeat(1001), "its answer has over 1000 headers"),
        (
            format!("X: {}\r\n", "x".repeat(256 * 1024)),
            "the headers of its answer are longer than 256 KiB",
        ),
    ] {
        let (url, _server) = serve(move |mut stream, _| {
            // The client may have left before the last byte.
            write!(stream, "HTTP/1.1 101 S\r\n{headers}\r\n").ok();
            stream.read_exact(&mut [0; 2]).ok();
        });
        assert_fails(&connect(&url, b"", &[]), limit, "another program");
    }
}

/// With `-v`, the lines of the handshake are there for a refusal, too, and without secrets.
#[test]
fn a_refused_handshake_is_shown() {
    let (url, _server) = serve(|mut stream, _| {
        let text = "no canary-token-7Qp2xV9d";
        let head = "HTTP/1.1 403 Go away\r\nX-Why: canary-token-7Qp2xV9d\r\nContent-Length: 24";
        write!(stream, "{head}\r\n\r\n{text}").unwrap();
    });
    let url = url + "?token=canary-token-7Qp2xV9d";
    let done = connect(&url, b"", &["-v", "--token", "canary-token-7Qp2xV9d"]);
    for line in [
        "> GET /?(27 bytes) HTTP/1.1\n",
        "> authorization: ***\n",
        "< HTTP/1.1 403 Go away\n",
        "< x-why: …\n",
        "error: the server answered HTTP 403 instead of 101: no …\n",
    ] {
        assert!(done.stderr.contains(line), "no {line:?} in {}", done.stderr);
    }
    assert!(!done.stderr.contains("canary"), "{}", done.stderr);
}

/// The text of a refusal is printed to the terminal.
#[test]
fn a12_a_refusal_cannot_control_the_terminal() {
    let (url, _server) = serve(|mut stream, _| {
        let body = "\x1b]0;pwn\x07\u{202e}no\r\nerror: forged";
        let length = body.len();
        let response = format!("HTTP/1.1 403 No\r\nContent-Length: {length}\r\n\r\n{body}");
        // In one write: the client looks at the part of the body that comes with the head.
        stream.write_all(response.as_bytes()).unwrap();
    });
    assert_fails(
        &connect(&url, b"", &[]),
        "101: ?]0;pwn??no",
        "this origin or host",
    );
}

/// The server gets the code of the broken rule, and the user a sentence.
#[test]
fn k03_a_breach_of_the_protocol_ends_with_its_code() {
    for (frame, code, words) in [
        (
            &[0x82, 127, 0, 0, 0, 0, 0x40, 0, 0, 0][..],
            1009,
            "larger than 16777216 bytes",
        ), // 1 GiB is declared
        (&[0x81, 2, 0xff, 0xfe], 1007, "not UTF-8"),
        (&[0x81, 0x82, 1, 2, 3, 4, 0, 0], 1002, "mask"),
        (
            &[0xc1, 0],
            1002,
            "Compressed frame: no compression was agreed",
        ),
    ] {
        let (url, server) = speak(move |mut stream| {
            stream.write_all(frame).unwrap();
            // All bytes of the client: perhaps a ping, then its Close frame.
            let mut received = Vec::new();
            stream.read_to_end(&mut received).unwrap();
            received
        });
        let mut ours = zcomm_command(Path::new("."), &["connect", &url]);
        let ours = ours.stdin(Stdio::piped()).spawn().unwrap();
        let output = ours.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{frame:?}: {stderr}");
        let said = format!("error: this side closed with {code} (");
        assert!(stderr.starts_with(&said), "{frame:?}: {stderr}");
        assert!(stderr.contains(words), "{frame:?}: {stderr}");
        let received = server.join().unwrap();
        let ping = 2 + 4 + usize::from(received[1] & 0x7f);
        let received = if received[0] == 0x89 {
            &received[ping..]
        } else {
            &received
        };
        let (head, mask) = (&received[..2], &received[2..6]);
        assert_eq!(head[0], 0x88, "a Close frame: {received:?}");
        let unmasked = [received[6] ^ mask[0], received[7] ^ mask[1]];
        assert_eq!(u16::from_be_bytes(unmasked), code, "{frame:?}");
    }
}

/// The words and the JSON name the code that the server has sent.
#[test]
fn a_close_code_of_a_server_is_told_as_it_was_sent() {
    for (code, note) in [
        (1014_u16, ""),
        (999, ", a code that no Close frame may have"),
        (1005, ", a code that no Close frame may have"),
        (1006, ", a code that no Close frame may have"),
        (1015, ", a code that no Close frame may have"),
        (2999, ", a code that no Close frame may have"),
    ] {
        let close = move |mut stream: TcpStream| {
            let frame = [&[0x88, 5][..], &code.to_be_bytes(), b"why"].concat();
            stream.write_all(&frame).unwrap();
            stream.read_to_end(&mut Vec::new()).unwrap();
        };
        let (url, _server) = speak(close);
        let done = connect(&url, b"", &["--stay"]);
        let mut error = format!("error: the other side closed with {code} (why){note}\n");
        if !note.is_empty() {
            error += "help: a mistake of the server: RFC 6455 section 7.4 has the codes that it may send\n";
        }
        assert_eq!((done.code, done.stderr), (Some(1), error));
        let (url, _server) = speak(close);
        let done = connect(&url, b"", &["--stay", "--json"]);
        let told = format!("\"by\":\"peer\",\"code\":{code},\"reason\":\"why\"");
        assert!(done.stdout.contains(&told), "{}", done.stdout);
        let forbidden = done.stdout.contains("\"forbidden\":true");
        assert_eq!(forbidden, !note.is_empty(), "{}", done.stdout);
    }
}

/// The near miss: a Close frame without a code counts as 1005, and is a normal close.
#[test]
fn a_close_frame_without_a_code_is_a_normal_close() {
    let (url, _server) = speak(|mut stream| {
        stream.write_all(&[0x88, 0]).unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
    });
    let done = connect(&url, b"", &["--stay", "--json"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let told = "{\"type\":\"close\",\"by\":\"peer\",\"code\":1005,\"reason\":\"\"}\n";
    assert!(done.stdout.ends_with(told), "{}", done.stdout);
}

/// A server that sends pings without end and reads no pong must not fill the client's memory.
#[cfg(target_os = "linux")]
#[test]
fn k03_endless_pings_take_no_memory_and_the_client_leaves_a_server_that_does_not_read() {
    const PINGS: usize = 200 * 1024 * 1024;
    let ping = [&[0x89, 125][..], &[b'x'; 125]].concat();
    let many = ping.repeat(1000);
    let (begin, begun) = std::sync::mpsc::channel();
    let (url, server) = speak(move |mut stream| {
        stream.write_all(&many).unwrap();
        begin.send(()).unwrap();
        for _ in 0..PINGS / many.len() {
            stream.write_all(&many).unwrap();
        }
        stream
    });
    let mut ours = zcomm_command(Path::new("."), &["connect", &url]);
    let mut ours = ours.stdin(Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", ours.id());
    let highest = || {
        let status = std::fs::read_to_string(&status).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let kib = line.unwrap().split_whitespace().nth(1);
        kib.unwrap().parse::<usize>().unwrap()
    };
    begun.recv().unwrap();
    let before = highest();
    let stream = server.join().unwrap();
    let grown = highest() - before;
    println!(
        "{} MiB of pings: from {before} KiB, {grown} KiB more",
        PINGS >> 20
    );
    assert!(grown < 16 * 1024, "from {before} KiB by {grown} KiB");
    // At the end of its input, the client sends a Close frame that the server does not read.
    drop(ours.stdin.take());
    let output = ours.wait_with_output().unwrap();
    drop(stream);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout), (Some(1), vec![]));
    assert!(stderr.contains("error: "), "{stderr}");
    println!("{stderr}");
}
