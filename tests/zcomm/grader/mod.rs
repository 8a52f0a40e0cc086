//! `zcomm check`: it passes a right server, however slow, and names the broken rule of a wrong one.

mod clients;
mod faults;
mod hostile;
mod peer;

use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    sync::Mutex,
    thread,
};

use serde_json::Value;

use crate::{Done, folder, servers, zcomm};
use faults::{FAULTS, Fault};

/// Runs `zcomm check` with these words.
fn check(arguments: &[&str]) -> Done {
    zcomm(Path::new("."), &[&["check"], arguments].concat())
}

/// The lines of a report in JSON.
fn lines(done: &Done) -> Vec<Value> {
    let lines = done.stdout.lines().map(serde_json::from_str);
    lines.map(Result::unwrap).collect()
}

/// The ids of the cases that failed, without `ws/`.
fn failed(done: &Done) -> BTreeSet<String> {
    let failed = lines(done)
        .into_iter()
        .filter(|line| line["result"] == "failed");
    failed
        .map(|line| line["id"].as_str().unwrap()[3..].to_owned())
        .collect()
}

/// A wrong server fails its rule and no other; the right and the slow server fail none.
#[test]
fn each_wrong_server_fails_its_rule_and_no_other() {
    let (todo, wrong) = (Mutex::new(FAULTS.iter()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let Some((fault, expected)) = todo.lock().unwrap().next() else {
                        return;
                    };
                    let url = peer::start(*fault);
                    let done = check(&[&url, "--echo", "--strict", "--json"]);
                    let expected = expected.iter().map(ToString::to_string).collect();
                    let failed = failed(&done);
                    let code = Some(i32::from(!failed.is_empty()));
                    if failed != expected || done.code != code {
                        let line =
                            format!("{fault:?}: {failed:?}, {:?} {}", done.code, done.stderr);
                        wrong.lock().unwrap().push(line);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A case without a wrong server could be a case that never fails.
#[test]
fn every_case_has_a_wrong_server() {
    let done = check(&[&peer::start(Fault::None), "--echo", "--strict", "--json"]);
    let known: BTreeSet<_> = FAULTS.iter().flat_map(|(_, ids)| *ids).copied().collect();
    let cases = lines(&done)
        .into_iter()
        .filter(|line| line["type"] == "case");
    let ids = cases.map(|line| line["id"].as_str().unwrap()[3..].to_owned());
    let without: Vec<_> = ids.filter(|id| !known.contains(id.as_str())).collect();
    // A server that fails this one has no WebSocket for the others.
    assert_eq!(without, ["4.2.2/1"]);
}

#[test]
fn a_right_server_passes_at_each_level() {
    let url = peer::start(Fault::None);
    for (more, ran, skipped) in [
        (&[][..], 96, 19),
        (&["--send", "hi", "--expect", "^hi$"], 101, 14),
        (&["--echo"], 112, 3),
        (&["--echo", "--strict"], 115, 0),
    ] {
        let done = check(&[&[url.as_str()], more].concat());
        let last = done.stdout.lines().last().unwrap();
        assert_eq!(
            last,
            format!("ran {ran}: {ran} passed, 0 failed, {skipped} skipped")
        );
        assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "{more:?}");
    }
}

/// The requirement, what was sent, what was expected, what came, what to change, the command.
#[test]
fn a_failed_case_is_explained() {
    let url = peer::start(Fault::Masks);
    let done = check(&[&url, "--only", "ws/5.1/3"]);
    assert_eq!(done.code, Some(1));
    let block = done.stdout.split("\n\n").nth(1).unwrap();
    let rows: Vec<_> = block.lines().collect();
    for (row, expected) in [
        (
            0,
            "✗ ws/5.1/3  looks at the mask bit of each frame of the server",
        ),
        (
            1,
            "    rule      RFC 6455, 5.1: \"A server MUST NOT mask any frames that it sends to",
        ),
        (2, "              the client.\""),
    ] {
        assert_eq!(rows[row], expected, "{block}");
    }
    let rest = block.split("    expected").nth(1).unwrap();
    assert_eq!(
        rest,
        format!(
            "  every frame of the peer keeps the rule
    actual    a server must not mask
              pong, 0 bytes, masked
              ! RFC 6455, 5.1: a server must not mask
              8a 80 00 00 00 00
                 ^^
    to change Set the highest bit of the second byte to 0, and leave out the
              masking key.
    again     zcomm check {url} --only ws/5.1/3"
        )
    );
}

#[test]
fn the_caret_is_under_the_wrong_byte() {
    let url = peer::start(Fault::PongAsText);
    let done = check(&[&url, "--only", "ws/5.5.3/2"]);
    let wrong = "              8a 13 00 ef bf bd ef bf bd ef bf bd ef bf bd ef bf bd ef bf bd\n\
                 \x20                      ^^\n";
    assert!(done.stdout.contains(wrong), "{}", done.stdout);
}

#[test]
fn v_shows_each_case_with_what_was_seen() {
    let url = peer::start(Fault::EndsWithoutClose);
    let done = check(&[&url, "--only", "ws/5.1", "-v"]);
    let bare = "✓ ws/5.1/1     sends a text frame without a mask: the end of the connection, \
                without a Close frame\n";
    assert!(done.stdout.contains(bare), "{}", done.stdout);
    let url = peer::start(Fault::None);
    let done = check(&[&url, "--only", "ws/5.1", "-v"]);
    let close = "✓ ws/5.1/1     sends a text frame without a mask: Close 1002\n";
    assert!(done.stdout.contains(close), "{}", done.stdout);
}

#[test]
fn a_file_for_junit_has_each_case() {
    let file = folder("check-junit").join("results.xml");
    let url = peer::start(Fault::UnmaskedPing);
    let done = check(&[&url, "--only", "ws/5.1", "--junit", file.to_str().unwrap()]);
    assert_eq!(done.code, Some(1));
    let xml = fs::read_to_string(file).unwrap();
    assert!(
        xml.contains("tests=\"3\" failures=\"1\" skipped=\"0\""),
        "{xml}"
    );
    assert!(
        xml.contains("<testcase classname=\"ws.5.1\" name=\"ws/5.1/2 sends a ping"),
        "{xml}"
    );
    assert!(
        xml.contains("<failure message=\"the connection is still open"),
        "{xml}"
    );
}

/// A run that tests nothing is not a success.
#[test]
fn no_case_is_exit_code_2() {
    let url = peer::start(Fault::None);
    let done = check(&[&url, "--only", "ws/5.6/2"]);
    assert_eq!(done.code, Some(2), "{}", done.stdout);
    let last = "skipped 1: needs a peer that answers messages: --echo\n\n\
                ran 0: 0 passed, 0 failed, 1 skipped\n";
    assert!(done.stdout.ends_with(last), "{}", done.stdout);
    for name in ["ws/5.1/9", "ws/9", "5.1"] {
        let done = check(&[&url, "--only", name]);
        assert_eq!((done.code, done.stdout.as_str()), (Some(2), ""), "{name}");
        let error = format!("error: no case has the name {name:?}\n");
        assert!(done.stderr.starts_with(&error), "{}", done.stderr);
    }
}

/// Returns a server that answers every connection with these bytes.
fn says(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || {
                let mut stream = stream.unwrap();
                assert!(
                    stream
                        .read(&mut [0; 4096])
                        .is_ok_and(|length| length < 4096)
                );
                stream.write_all(answer).ok();
            });
        }
    });
    url
}

#[test]
fn a_server_that_cannot_be_tested_is_exit_code_2() {
    let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
    let nobody = format!("ws://{}/", free().unwrap());
    let page = says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let secured = says(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n");
    let tls = servers::start(servers::with_tls(&folder("check-tls")), servers::echo);
    let plain = servers::start(servers::no_limits(), servers::echo);
    for (url, error) in [
        (
            nobody.as_str(),
            "connection refused: no program listens at 127.0.0.1:",
        ),
        ("http://127.0.0.1:9/", "use ws:// instead of http://"),
        ("ws://", "it has no host"),
        (&page, "the server answered HTTP 200 to a right handshake"),
        (
            &secured,
            "the server answered HTTP 401 to a right handshake\nhelp: the server wants a token",
        ),
        (&tls.url(), "the server speaks TLS at 127.0.0.1:"),
        (&plain.url().replace("ws:", "wss:"), "TLS"),
    ] {
        let done = check(&[url]);
        assert_eq!(
            (done.code, done.stdout.as_str()),
            (Some(2), ""),
            "{url}: {}",
            done.stderr
        );
        assert!(done.stderr.starts_with("error: "), "{url}: {}", done.stderr);
        assert!(done.stderr.contains(error), "{url}: {}", done.stderr);
        assert!(done.stderr.contains("\nhelp: "), "{url}: {}", done.stderr);
    }
}

/// A learner's first server answers nothing. It has a failed case, and the rest waits for that.
#[test]
fn a_server_without_an_answer_fails_the_first_case() {
    for answer in [&b""[..], b"what?"] {
        let done = check(&[
            &says(answer),
            "--json",
            "--only",
            "ws/4.2.2",
            "--only",
            "ws/5",
        ]);
        assert_eq!(done.code, Some(1));
        assert!(failed(&done).contains("4.2.2/1"), "{}", done.stdout);
        let why = "no WebSocket opens: see ws/4.2.2/1";
        let skipped = lines(&done)
            .into_iter()
            .filter(|line| line["why"] == why)
            .count();
        assert!(skipped > 60, "{skipped}");
    }
}

/// The server of lesson 2 puts a word before each text.
#[test]
fn an_answer_is_compared_with_an_expression() {
    let server = servers::start(servers::no_limits(), servers::echo);
    let url = server.url();
    let done = check(&[&url, "--send", "hi", "--expect", "^Echo: hi$", "--strict"]);
    assert_eq!(done.code, Some(0), "{}", done.stdout);
    let done = check(&[&url, "--send", "hi", "--expect", "^hi$", "--only", "ws/5.6"]);
    assert_eq!(done.code, Some(1), "{}", done.stdout);
    let actual = "another message within 2.0 s\n              text, 8 bytes: \"Echo: hi\"\n";
    assert!(done.stdout.contains(actual), "{}", done.stdout);
}

/// A learner types `--echo` for lesson 2, which puts a text before each message.
#[test]
fn an_echo_with_a_text_before_each_message_gets_a_hint() {
    let server = servers::start(servers::no_limits(), servers::echo);
    let hint =
        "\nThe server puts \"Echo: \" before each text that it sends back. --echo needs the\n";
    for only in ["ws/5.6/1", "ws/5.4"] {
        let done = check(&[&server.url(), "--echo", "--only", only]);
        assert_eq!(done.code, Some(1));
        assert!(done.stdout.contains(hint), "{}", done.stdout);
    }
    // An echo that is wrong in another way gets no such hint.
    let wrong = peer::start(Fault::KindOfLast);
    let done = check(&[&wrong, "--echo"]);
    assert_eq!(done.code, Some(1));
    assert!(!done.stdout.contains("The server puts"), "{}", done.stdout);
}

/// TLS is below the frames, so the same cases pass.
#[test]
fn a_server_with_tls_is_tested_with_its_authority() {
    let folder = folder("check-wss");
    let server = servers::start(servers::with_tls(&folder), servers::echo);
    let url = server.url().replace("ws:", "wss:");
    let ca = folder.join("certs/ca.pem");
    let done = check(&[&url, "--ca", ca.to_str().unwrap(), "--strict"]);
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
}

/// a12: what a server sends is shown, but cannot control the terminal.
#[test]
fn a12_a_wrong_server_cannot_control_the_terminal() {
    let url = says(
        b"HTTP/1.1 101 \x1b]0;pwn\x07\r\nUpgrade: \x1b[2J\xe2\x80\xae\r\n\r\n\x88\x06\x03\xe9\x1b[2J",
    );
    for form in ["--strict", "--json", "-v"] {
        let done = check(&[&url, form, "--timeout", "500ms"]);
        assert_eq!(done.code, Some(1));
        let hostile = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!done.stdout.contains(hostile), "{form}: {:?}", done.stdout);
    }
}

/// A server that sends without end does not keep the grader.
#[test]
fn a_flood_ends_with_the_time_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || {
                let mut stream = stream.unwrap();
                let head = b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
                stream.write_all(head).unwrap();
                let many = b"\x89\x04ping\x81\x05flood".repeat(1000);
                while stream.write_all(&many).is_ok() {}
            });
        }
    });
    let start = std::time::Instant::now();
    let done = check(&[
        &url,
        "--only",
        "ws/5.5",
        "--only",
        "ws/5.1",
        "--json",
        "--timeout",
        "500ms",
    ]);
    assert_eq!(done.code, Some(1), "{}", done.stderr);
    assert!(failed(&done).contains("5.5.2/1"), "{}", done.stdout);
    // Far more than it takes, far less than for ever.
    assert!(start.elapsed().as_secs() < 60);
}
