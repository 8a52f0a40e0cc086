//! `zcomm connect`: its input and output, at a prompt and in a pipe, and how it ends.

use std::{io::Write, process::Stdio};

use zcomm_core::{Config, Connection, Message, Origin, RefuseBy, Result, Token};

use crate::{
    Done, children, pipe,
    servers::{Running, start},
    vacant::Vacant,
};

const TOKEN: &str = "canary-token-7Qp2xV9d";

/// A server that answers some texts in a special way, and echoes all others.
async fn talk(mut connection: Connection) -> Result<()> {
    while let Some(message) = connection.recv().await {
        let text = match &message {
            Message::Text(text) => text.to_string(),
            Message::Binary(_) => String::new(),
        };
        match text.as_str() {
            "bytes" => {
                connection
                    .send(Message::Binary(vec![0, 255, 10].into()))
                    .await?
            }
            "escape" => connection.send("\x1b[2J\x07").await?,
            "twice" => {
                connection.send("one").await?;
                connection.send("two").await?;
            }
            "go away" => {
                connection.close(1008, "Go away");
                return Ok(());
            }
            _ => connection.send(message).await?,
        }
    }
    Ok(())
}

pub(crate) fn serve(config: Config) -> Running {
    start(config, talk)
}

/// Runs `zcomm connect` with this on its stdin.
pub(crate) fn connect(url: &str, input: &[u8], arguments: &[&str]) -> Done {
    let mut command = children::command(env!("CARGO_BIN_EXE_zcomm"));
    command.arg("connect").arg(url).args(arguments).env_clear();
    pipe(command, input)
}

#[test]
fn lines_are_sent_and_messages_are_printed() {
    let server = serve(Config::default());
    let done = connect(&server.url(), "one\r\n\nGrüße 🌍\nlast".as_bytes(), &[]);
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
    assert_eq!(done.stdout, "one\n\nGrüße 🌍\nlast\n");
}

/// a12: a pipe gets the original; the output for a terminal is tested beside the code.
#[test]
fn a_pipe_gets_the_original_message() {
    let server = serve(Config::default());
    assert_eq!(
        connect(&server.url(), b"escape", &[]).stdout,
        "\x1b[2J\x07\n"
    );
    assert_eq!(
        connect(&server.url(), b"bytes", &[]).stdout,
        "<3 bytes: 00 ff 0a>\n"
    );
}

#[test]
fn bytes_are_sent_and_printed_unchanged() {
    let server = serve(Config::default());
    let done = connect(&server.url(), b"\xff\r\n\xfe\n", &["--binary", "--one"]);
    assert_eq!(
        (done.code, done.stdout.as_str()),
        (Some(0), "\u{fffd}\r\n\u{fffd}\n")
    );
    // It still closes properly.
    let done = connect(&server.url(), b"\xff\xfe\n", &["--xray=json"]);
    let closes = done.stderr.matches("\"opcode\":\"close\"").count();
    assert_eq!(closes, 2, "{}", done.stderr);
}

#[test]
fn one_closes_after_the_first_message() {
    let server = serve(Config::default());
    let done = connect(&server.url(), b"twice\n", &["--one"]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), "one\n"));
}

#[test]
fn json_prints_each_event_on_a_line() {
    let server = serve(Config::default());
    let done = connect(&server.url(), b"say \"hi\"\nbytes\n", &["--json"]);
    let lines: Vec<serde_json::Value> = done
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let [text, bytes, close] = lines.as_slice() else {
        panic!("{}", done.stdout)
    };
    assert_eq!(
        (&text["type"], &text["data"]),
        (&"text".into(), &"say \"hi\"".into())
    );
    assert_eq!(
        (&bytes["type"], &bytes["base64"]),
        (&"binary".into(), &"AP8K".into())
    );
    assert_eq!(
        (&close["type"], &close["code"]),
        (&"close".into(), &1000.into())
    );
}

#[test]
fn shows_the_handshake_both_ways_and_no_secret() {
    let server = serve(Config::default());
    let url = format!("{}?token={TOKEN}", server.url());
    let cookie = format!("Cookie: session={TOKEN}");
    let arguments = ["-v", "--token", TOKEN, "-H", "X-Class: b2", "-H", &cookie];
    let done = connect(&url, b"hi", &arguments);
    for line in [
        "> GET /?(27 bytes) HTTP/1.1",
        "> authorization: ***",
        "> cookie: ***",
        "> x-class: b2",
        "< HTTP/1.1 101 Switching Protocols",
    ] {
        assert!(done.stderr.contains(line), "no {line:?} in {}", done.stderr);
    }
    assert!(!done.stderr.contains(TOKEN), "{}", done.stderr);
}

/// As a browser does: a client that offers subprotocols needs one of them.
#[test]
fn a_server_that_takes_none_of_the_subprotocols_is_an_error() {
    let server = serve(Config::default());
    let done = connect(&server.url(), b"hi", &["--protocol", "chat"]);
    assert_eq!(done.code, Some(1));
    assert!(
        done.stderr
            .contains("accepted none of the offered subprotocols"),
        "{}",
        done.stderr
    );
}

#[test]
fn shows_pings_and_the_end() {
    let server = serve(Config::default());
    let arguments = ["--show-control", "--close", "3001", "--reason", "done"];
    let done = connect(&server.url(), b"hi", &arguments);
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), "hi\n"));
    assert!(
        done.stderr
            .ends_with("> close 3001 (done)\n< close 3001 (done)\n"),
        "{}",
        done.stderr
    );
}

#[test]
fn a_forbidden_close_code_or_a_long_reason_is_a_usage_error() {
    let (fits, long) = ("x".repeat(123), "x".repeat(124));
    let server = serve(Config::default());
    for code in ["1005", "1006", "1014", "999", "5000", "x"] {
        let done = connect(&server.url(), b"", &["--close", code]);
        assert_eq!(done.code, Some(2), "{code}");
        assert!(done.stderr.contains("3000 to 4999"), "{}", done.stderr);
    }
    let done = connect(&server.url(), b"", &["--reason", &long]);
    assert_eq!(done.code, Some(2), "{}", done.stderr);
    let done = connect(&server.url(), b"", &["--reason", &fits, "--close", "1013"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
}

/// A script needs to know whether it was a normal close.
#[test]
fn the_exit_code_says_how_it_ended() {
    let server = serve(Config::default());
    let done = connect(&server.url(), b"go away\n", &[]);
    assert_eq!(done.code, Some(1));
    assert!(
        done.stderr
            .contains("error: the other side closed with 1008 (Go away)"),
        "{}",
        done.stderr
    );
    let vacant = Vacant::new();
    let done = connect(&vacant.url(), b"", &[]);
    assert_eq!(done.code, Some(1));
    let words = format!("no program listens at {}", vacant.addr);
    assert!(done.stderr.contains(&words), "{}", done.stderr);
    assert!(
        done.stderr.contains("help: is the server running?"),
        "{}",
        done.stderr
    );
}

#[test]
fn the_token_and_the_origin_are_checked() {
    let server = serve(Config {
        require_auth: true,
        token: Some(Token::new(TOKEN).unwrap()),
        allowed_origins: Origin::parse("https://a.example").map(|origin| vec![origin]),
        refuse: RefuseBy::Http,
        ..Config::default()
    });
    let url = server.url();
    let near = format!("{TOKEN}x");
    for (arguments, error) in [
        (&["--token", TOKEN][..], None),
        (&["--token", TOKEN, "--origin", "https://a.example"], None),
        (
            &["--token", &near],
            Some("HTTP 401 instead of 101: Invalid token"),
        ),
        (
            &[],
            Some("HTTP 401 instead of 101: Authentication required"),
        ),
        (
            &["--token", TOKEN, "--origin", "https://b.example"],
            Some("HTTP 403"),
        ),
    ] {
        let done = connect(&url, b"hi", arguments);
        assert_eq!(
            done.code,
            Some(i32::from(error.is_some())),
            "{}",
            done.stderr
        );
        assert!(
            done.stderr.contains(error.unwrap_or_default()),
            "{}",
            done.stderr
        );
        assert!(!done.stderr.contains(TOKEN), "{}", done.stderr);
    }
}

/// A header that the handshake needs once is replaced and not sent twice, so a client can
/// claim another host.
#[test]
fn a_host_can_be_claimed() {
    let server = serve(Config::default());
    let port = server.url().rsplit_once(':').unwrap().1.to_owned();
    for (name, error) in [
        ("localhost", None),
        ("rebound.example", Some("HTTP 403")),
        ("localhost.rebound.example", Some("HTTP 403")),
    ] {
        let host = format!("Host: {name}:{}", port.trim_end_matches('/'));
        let done = connect(&server.url(), b"hi", &["-H", &host]);
        match error {
            None => assert_eq!((done.code, done.stdout.as_str()), (Some(0), "hi\n")),
            Some(words) => {
                assert_eq!(done.code, Some(1));
                assert!(done.stderr.contains(words), "{}", done.stderr);
            }
        }
    }
}

/// A header that a request has once: `-H` replaces that of another option, as in curl.
#[test]
fn a_header_replaces_that_of_another_option() {
    let server = serve(Config {
        require_auth: true,
        token: Some(Token::new(TOKEN).unwrap()),
        allowed_origins: Origin::parse("https://a.example").map(|origin| vec![origin]),
        ..Config::default()
    });
    let bearer = format!("Authorization: Bearer {TOKEN}");
    let done = connect(
        &server.url(),
        b"hi",
        &[
            "--token",
            "another-token-1234",
            "-H",
            &bearer,
            "--origin",
            "https://b.example",
            "-H",
            "origin: https://a.example",
            "-v",
        ],
    );
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), "hi\n"));
    for name in ["> origin: ", "> authorization: "] {
        assert_eq!(done.stderr.matches(name).count(), 1, "{}", done.stderr);
    }
}

#[test]
fn a_subprotocol_that_is_no_word_or_is_there_twice_is_refused() {
    for (arguments, why) in [
        (&["--protocol", "a b"][..], "each subprotocol is one word"),
        (&["--protocol", ""], "each subprotocol is one word"),
        (
            &["--protocol=a,b"],
            "each subprotocol is one word, without a comma\n\
             help: offer each one by itself: --protocol a --protocol b\n",
        ),
        (
            &["--protocol", "a", "--protocol", "a"],
            "a subprotocol is there twice",
        ),
    ] {
        let done = connect("ws://127.0.0.1:1/", b"", arguments);
        assert_eq!(done.code, Some(2));
        assert!(done.stderr.contains(why), "{}", done.stderr);
    }
}

/// k05: the reader of the output may stop early.
#[cfg(unix)]
#[test]
fn k05_a_reader_that_closes_the_pipe_leads_to_a_normal_close() {
    let server = serve(Config {
        rate_limit: None,
        ..Config::default()
    });
    let (program, url) = (env!("CARGO_BIN_EXE_zcomm"), server.url());
    let line = format!("seq 1000 | {program} connect {url} | head -1; echo \"${{PIPESTATUS[1]}}\"");
    let output = children::command("bash")
        .args(["-c", &line])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "1\n0\n");
}

/// k05: a Close frame, and the exit code that shells expect.
#[cfg(unix)]
#[test]
fn k05_ctrl_c_closes_with_exit_code_130() {
    use std::io::{BufRead, BufReader};
    let server = serve(Config::default());
    let mut command = children::command(env!("CARGO_BIN_EXE_zcomm"));
    command
        .args(["connect", &server.url(), "--json"])
        .env_clear();
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    stdin.write_all(b"hi\n").unwrap();
    assert!(lines.next().unwrap().unwrap().contains("\"hi\""));
    let killed = children::command("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(killed.unwrap().success());
    assert!(lines.next().unwrap().unwrap().contains("\"code\":1000"));
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn a_wrong_option_or_address_is_refused_before_a_connection() {
    for arguments in [
        &["-H", "no colon"][..],
        &["--ping", "0"],
        &["--json", "--binary"],
    ] {
        let done = connect("ws://127.0.0.1:1/", b"", arguments);
        assert_eq!(done.code, Some(2), "{arguments:?}: {}", done.stderr);
    }
    for url in [
        "127.0.0.1:8765",
        "http://127.0.0.1/",
        "ws://127.0.0.1/#token=x",
    ] {
        let done = connect(url, b"", &[]);
        assert_eq!(done.code, Some(2), "{url}");
        assert!(
            done.stderr.contains("is not a WebSocket address"),
            "{}",
            done.stderr
        );
    }
}

/// The messages still go to stdout; the X-ray goes to stderr, without the token.
#[test]
fn an_xray_shows_every_byte_on_stderr() {
    let config = Config {
        require_auth: true,
        token: Some(Token::new(TOKEN).unwrap()),
        ..Config::default()
    };
    let server = serve(config);
    let url = format!("ws://{}/?token={TOKEN}", server.addr);
    let done = connect(&url, b"Hello\n", &["--xray"]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), "Hello\n"));
    for shown in [
        "client → server   HTTP request",
        "GET /?token=*** HTTP/1.1",
        "(equal)",
        "48 65 6c 6c 6f           payload, unmasked: \"Hello\"",
        "48 65 6c 6c 6f           payload: \"Hello\"",
        "code 1000 (normal closure)",
        "the end, after",
    ] {
        assert!(done.stderr.contains(shown), "{shown}: {}", done.stderr);
    }
    assert!(!done.stderr.contains(TOKEN), "{}", done.stderr);

    let url = format!("ws://{}/", server.addr);
    let arguments = ["--token", TOKEN, "--xray=json", "--json"];
    let done = connect(&url, b"Hello\n", &arguments);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let mut texts = Vec::new();
    for line in done.stderr.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        texts.extend(event["frame"]["text"].as_str().map(str::to_owned));
    }
    assert_eq!(texts, ["Hello", "Hello"]);
    assert!(
        done.stdout.contains("\"data\":\"Hello\""),
        "{}",
        done.stdout
    );
    assert!(!done.stderr.contains(TOKEN), "{}", done.stderr);
}

#[test]
fn an_xray_has_two_forms() {
    let done = connect("ws://127.0.0.1:9/", b"", &["--xray=xml"]);
    assert_eq!(done.code, Some(2));
    assert!(
        done.stderr.contains("expected --xray or --xray=json"),
        "{}",
        done.stderr
    );
}

/// A part of the messages must not pass for all of them.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_failure() {
    let server = serve(Config::default());
    let mut command = children::command(env!("CARGO_BIN_EXE_zcomm"));
    command
        .args(["connect", &server.url(), "--one"])
        .env_clear();
    command.stdin(Stdio::piped()).stderr(Stdio::piped());
    command.stdout(std::fs::File::create("/dev/full").unwrap());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"hi\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("No space left"));
}

/// Each end says who closed. A broken connection is not a close.
#[test]
fn the_end_in_json_says_who_closed() {
    let server = serve(Config::default());
    let last = |input: &[u8], arguments: &[&str]| {
        let done = connect(&server.url(), input, &[&["--json"], arguments].concat());
        done.stdout.lines().last().unwrap().to_owned()
    };
    assert_eq!(
        last(b"hi", &["--close", "3001", "--reason", "done"]),
        r#"{"type":"close","by":"us","code":3001,"reason":"done","answer":3001}"#
    );
    assert_eq!(
        last(b"go away", &[]),
        r#"{"type":"close","by":"peer","code":1008,"reason":"Go away"}"#
    );
}

#[test]
fn a_failed_connect_is_json_too() {
    let vacant = Vacant::new();
    let url = vacant.url();
    let done = connect(&url, b"hi", &["--json"]);
    assert_eq!(done.code, Some(1));
    let event: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(event["type"], "error");
    let error = event["error"].as_str().unwrap();
    assert!(error.contains("no program listens at"), "{error}");
    let help = event["help"].as_str().unwrap();
    assert!(help.starts_with("is the server running?"), "{help}");
    // People read stderr.
    assert!(done.stderr.contains(error), "{}", done.stderr);
    let done = connect(&url, b"", &["--json", "--file", "no-such-file"]);
    assert!(done.stdout.contains("no-such-file"), "{}", done.stdout);
}

#[test]
fn a_ping_shows_its_round_trip() {
    let server = serve(Config::default());
    let arguments = ["--ping", "0.1", "--wait", "0.5"];
    let done = connect(&server.url(), b"", &arguments);
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), ""));
    assert!(done.stderr.starts_with("* round trip: "), "{}", done.stderr);
    assert!(done.stderr.lines().all(|line| line.ends_with(" ms")));
    let done = connect(&server.url(), b"", &[&["--json"], &arguments[..]].concat());
    let pong: serde_json::Value =
        serde_json::from_str(done.stdout.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&pong["type"], &pong["base64"]),
        (&"pong".into(), &"MQ==".into())
    );
    assert!(pong["ms"].as_f64().unwrap() > 0.0, "{pong}");
}

/// A server that accepts and says nothing: the client gives up when it was told to.
#[test]
fn a_connect_timeout_is_an_option() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", silent.local_addr().unwrap());
    let begun = std::time::Instant::now();
    let done = connect(&url, b"", &["--connect-timeout", "0.2"]);
    assert_eq!(done.code, Some(1));
    assert!(done.stderr.contains("within 0.2 s"), "{}", done.stderr);
    assert!(begun.elapsed() < std::time::Duration::from_secs(5));
    let done = connect(&url, b"", &["--connect-timeout", "0"]);
    assert_eq!(done.code, Some(2), "{}", done.stderr);
}

/// The cause is neither the address nor a firewall, and a panic would not name the cause.
#[cfg(target_os = "linux")]
#[test]
fn too_few_descriptors_are_an_error_that_names_the_limit() {
    let vacant = crate::vacant::Vacant::new();
    let url = format!("ws://{}/", vacant.addr);
    let mut named = 0;
    for limit in 5..12 {
        let line = format!("ulimit -n {limit}; exec \"$0\" connect \"$1\"");
        let mut shell = crate::children::command("sh");
        shell.args(["-c", &line, env!("CARGO_BIN_EXE_zcomm"), &url]);
        let done = crate::pipe(shell, "");
        assert_eq!(done.code, Some(1), "{limit}: {}", done.stderr);
        let (error, help) = done.stderr.split_once('\n').unwrap();
        match error.contains("Too many open files") {
            true => assert!(help.contains("ulimit -n"), "{limit}: {help}"),
            false => assert!(error.contains("no program listens"), "{limit}: {error}"),
        }
        named += usize::from(help.contains("ulimit -n"));
    }
    assert!(named >= 5, "{named}");
}
