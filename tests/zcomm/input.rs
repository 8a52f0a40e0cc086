//! What `zcomm connect` and `zcomm chat` send of their input: unchanged, whole, or with an error
//! that names the line.

use std::fs;

use zcomm_core::{Config, Message};

use crate::{
    chat::{self, chat},
    children,
    connect::connect,
    folder, pipe,
    servers::{Running, no_limits, start},
};

const MIB: usize = 1024 * 1024;

/// A server that echoes messages of up to 64 MiB.
fn echo() -> Running {
    let config = Config {
        max_message_bytes: 64 * MIB,
        ..no_limits()
    };
    start(config, |mut connection| async move {
        while let Some(message) = connection.recv().await {
            connection.send(message).await?;
        }
        Ok(())
    })
}

/// A server that says the kind and the size of each message.
fn sizes() -> Running {
    let config = Config {
        max_message_bytes: 64 * MIB,
        ..no_limits()
    };
    start(config, |mut connection| async move {
        while let Some(message) = connection.recv().await {
            let kind = match &message {
                Message::Text(_) => "text",
                Message::Binary(_) => "binary",
            };
            connection.send(format!("{kind} {}", message.len())).await?;
        }
        Ok(())
    })
}

/// Runs `zcomm connect` and returns the bytes of its stdout.
fn bytes_back(url: &str, input: &[u8], arguments: &[&str]) -> Vec<u8> {
    let mut command = children::command(env!("CARGO_BIN_EXE_zcomm"));
    command.args(["connect", url]).args(arguments).env_clear();
    command.stdin(std::process::Stdio::piped());
    command.stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let sent = std::thread::spawn(move || std::io::Write::write_all(&mut stdin, &input));
    let output = child.wait_with_output().unwrap();
    sent.join().unwrap().unwrap();
    assert_eq!(output.status.code(), Some(0));
    output.stdout
}

/// Every byte value, many of them line ends.
fn picture(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at * at / 3) as u8).collect()
}

#[test]
fn bytes_come_back_as_they_were_sent() {
    let server = echo();
    for size in [1, 5000, 5_000_000] {
        let picture = picture(size);
        let back = bytes_back(&server.url(), &picture, &["--binary"]);
        assert!(back == picture, "{size}: {} came back", back.len());
    }
    let file = folder("input-file").join("picture");
    fs::write(&file, picture(70_000)).unwrap();
    let arguments = ["--binary", "--file", file.to_str().unwrap()];
    assert!(bytes_back(&server.url(), b"", &arguments) == picture(70_000));
}

#[test]
fn the_whole_input_or_a_file_is_one_message() {
    let server = sizes();
    let json = "{\r\n  \"a\": 1\n}\n";
    for (arguments, words) in [
        (&["--whole"][..], "text 14\n"),
        (&["--binary"], "binary 14"),
        (&["--binary", "--whole"], "binary 14"),
        (&[], "text 1\ntext 8\ntext 1\n"),
    ] {
        let done = connect(&server.url(), json.as_bytes(), arguments);
        assert_eq!((done.code, done.stdout.as_str()), (Some(0), words));
    }
    let file = folder("input-whole").join("many-lines.json");
    let path = file.to_str().unwrap();
    fs::write(&file, json).unwrap();
    // A file is sent instead of stdin.
    let done = connect(&server.url(), b"not sent", &["--file", path]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), "text 14\n"));
    fs::write(&file, "").unwrap();
    let done = connect(&server.url(), b"", &["--file", path]);
    assert_eq!(done.stdout, "text 0\n");
    // An empty input is no message.
    let done = connect(&server.url(), b"", &["--whole"]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), ""));
}

/// Before the connection, so a mistake costs no time.
#[test]
fn a_file_that_cannot_be_sent_is_named() {
    let folder = folder("input-bad-file");
    let (missing, bytes) = (folder.join("missing"), folder.join("bytes"));
    fs::write(&bytes, b"\xff").unwrap();
    for (file, more, words) in [
        (&missing, &[][..], "missing: "),
        (
            &bytes,
            &[],
            "bytes is not UTF-8 text\nhelp: send bytes with --binary",
        ),
        (&bytes, &["--max-message", "1"], "is not UTF-8 text"),
        (&folder, &[], "cannot read "),
    ] {
        let arguments = [&["--file", file.to_str().unwrap()], more].concat();
        let done = connect("ws://127.0.0.1:1/", b"", &arguments);
        assert_eq!(done.code, Some(2), "{}", done.stderr);
        assert!(done.stderr.contains(words), "{words}: {}", done.stderr);
        assert!(
            !done.stderr.contains("no program listens"),
            "{}",
            done.stderr
        );
    }
}

/// The limit is stated in the help, and is the same for both directions.
#[test]
fn a_message_may_be_as_large_as_the_limit_both_ways() {
    let server = echo();
    for (size, arguments) in [
        (MIB + 1, &[][..]),
        (5_000_000, &[]),
        (16 * MIB, &[]),
        (20 * MIB, &["--max-message", "20MiB"]),
    ] {
        let line = vec![b'x'; size];
        let back = bytes_back(&server.url(), &line, arguments);
        assert_eq!(back.len(), size + 1, "{size}");
    }
}

#[test]
fn a_message_over_the_limit_is_refused_with_the_option() {
    let server = echo();
    let limit = ["--max-message", "64KiB"];
    let lines = format!("first\n{}\nlast\n", "x".repeat(64 * 1024 + 1));
    let done = connect(&server.url(), lines.as_bytes(), &limit);
    assert_eq!((done.code, done.stdout.as_str()), (Some(1), "first\n"));
    let words = "error: line 2 of the input is longer than 65536 bytes\n\
                 help: --max-message sets a larger limit\n";
    assert_eq!(done.stderr, words);
    let done = connect(
        &server.url(),
        &[0; 64 * 1024 + 1],
        &["--binary", limit[0], limit[1]],
    );
    assert!(done.stderr.contains("the input is longer than 65536 bytes"));
    // A larger message from the server.
    let large = start(no_limits(), |mut connection| async move {
        connection.send("x".repeat(50_000)).await?;
        while connection.recv().await.is_some() {}
        Ok(())
    });
    let done = connect(&large.url(), b"", &["--max-message", "49999"]);
    assert_eq!(done.code, Some(1));
    let words = "closed with 1009 (Message larger than 49999 bytes)\nhelp: the server sent a larger \
                 message: --max-message sets a larger limit";
    assert!(done.stderr.contains(words), "{}", done.stderr);
    let done = connect(&large.url(), b"", &["--max-message", "50000"]);
    assert_eq!((done.code, done.stdout.len()), (Some(0), 50_001));
}

#[test]
fn a_size_has_a_known_unit() {
    for wrong in ["0", "1kB", "16MB", "2GiB", "1025MiB", "x", "-1", "", "MiB"] {
        let done = connect("ws://127.0.0.1:1/", b"", &["--max-message", wrong]);
        assert_eq!(done.code, Some(2), "{wrong}");
    }
}

/// Both sides send more than the network holds: neither may wait for the other.
#[test]
fn many_lines_to_a_server_that_answers_twice_all_arrive() {
    let server = start(no_limits(), |mut connection| async move {
        while let Some(message) = connection.recv().await {
            connection.send(message.clone()).await?;
            connection.send(message).await?;
        }
        Ok(())
    });
    let line = format!("{}\n", "x".repeat(50_000));
    let back = bytes_back(&server.url(), line.repeat(1000).as_bytes(), &[]);
    assert_eq!(back.len(), 2 * line.len() * 1000);
}

#[test]
fn the_lines_before_one_that_is_not_text_are_sent() {
    let server = sizes();
    for arguments in [&[][..], &["--stay"]] {
        let done = connect(&server.url(), b"first\n\xff\nthird\n", arguments);
        assert_eq!((done.code, done.stdout.as_str()), (Some(1), "text 5\n"));
        if arguments.is_empty() {
            let words = "error: line 2 of the input is not UTF-8 text\nhelp: send bytes with \
                         --binary\n";
            assert_eq!(done.stderr, words);
        }
    }
    let done = connect(&server.url(), b"first\n\xff\n", &["--json"]);
    let error = "{\"type\":\"error\",\"error\":\"line 2 of the input is not UTF-8 text\"";
    assert!(done.stdout.contains(error), "{}", done.stdout);
}

#[test]
fn a_chat_sends_the_lines_before_one_that_is_not_text() {
    let server = chat(Config::default());
    for bad in [b"\xff".to_vec(), vec![b'x'; 16 * 1024 + 1]] {
        let input = [b"first\n", &bad[..], b"\nthird\n"].concat();
        let done = pipe(chat::command(&server, "Ada", &[]), input);
        assert_eq!(done.code, Some(1), "{}", done.stdout);
        assert!(done.stderr.starts_with("error: line 2 of the input is "));
        let done = pipe(chat::command(&server, "Ben", &[]), "/who\n");
        assert!(done.stdout.contains("Ada: first"), "{}", done.stdout);
        assert!(!done.stdout.contains("third"), "{}", done.stdout);
    }
}
