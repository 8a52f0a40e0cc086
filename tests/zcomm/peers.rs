//! `zcomm connect` with servers of other projects: Python's `websockets` and Node's `ws`. A
//! test against our own server would repeat our mistakes.
//!
//! `.ci/run` installs both into `target/peers`; without them these tests say what to type.

use std::{
    io::{BufRead, BufReader, Write, stderr},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::{
        Once,
        mpsc::{Receiver, channel},
    },
    time::Duration,
};

use crate::{Done, children, connect::connect, zcomm, zcomm_command};

/// Where they are installed.
pub(crate) const PEERS: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/../peers");
const INSTALL: &str = "\
install them, at the top of the project, with
  python3 -m venv target/peers/venv
  target/peers/venv/bin/pip install -r tests/zcomm/peers/requirements.txt
  mkdir -p target/peers/node && cp tests/zcomm/peers/package.json target/peers/node
  npm install --prefix target/peers/node";

/// Returns the Python with `websockets`, if both peers are installed. Otherwise it prints once
/// what to type, past the test runner, which hides the output of a test that passes.
pub(crate) fn installed() -> Option<PathBuf> {
    static SAID: Once = Once::new();
    let peers = Path::new(PEERS);
    let python = peers.join("venv/bin/python3");
    if python.exists() && peers.join("node/node_modules/ws").exists() {
        return Some(python);
    }
    #[allow(clippy::disallowed_methods, reason = "CI is not a setting of ours")]
    let required = std::env::var_os("CI").is_some_and(|value| value == "true");
    assert!(!required, "the peers are missing: {INSTALL}");
    SAID.call_once(|| {
        let skipped = format!("\nThe tests with peers are SKIPPED: {INSTALL}\n\n");
        stderr().write_all(skipped.as_bytes()).unwrap();
    });
    None
}

/// The longest wait for a peer.
const LIMIT: Duration = Duration::from_secs(20);

/// An echo server of another project. Dropping it stops it.
struct Peer {
    name: &'static str,
    process: Child,
    said: Receiver<String>,
    url: String,
}

impl Peer {
    /// Starts both; none if one is not installed.
    fn both() -> Vec<Peer> {
        let Some(python) = installed() else {
            return Vec::new();
        };
        vec![
            Peer::start("websockets", python, "echo.py"),
            Peer::start("ws", "node".into(), "echo.mjs"),
        ]
    }

    fn start(name: &'static str, program: PathBuf, script: &str) -> Peer {
        let scripts = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/zcomm/peers");
        let mut process = children::command(program)
            .arg(Path::new(scripts).join(script))
            .current_dir(Path::new(PEERS).join("node"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (sender, said) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut peer = Peer {
            name,
            process,
            said,
            url: String::new(),
        };
        peer.url = format!("ws://127.0.0.1:{}/", peer.says("port "));
        peer
    }

    /// Returns the rest of the next line that begins with these words.
    fn says(&self, words: &str) -> String {
        loop {
            let line = self.said.recv_timeout(LIMIT);
            let line = line.unwrap_or_else(|_| panic!("{} does not say {words:?}", self.name));
            if let Some(rest) = line.strip_prefix(words) {
                return rest.to_owned();
            }
        }
    }

    /// Sends the input and waits until the peer has answered and closed.
    #[track_caller]
    fn echoes(&self, input: &str, arguments: &[&str]) -> Done {
        let all = format!("{input}\nclose 1000 bye\n");
        let done = self.hears(all.as_bytes(), &[&["--stay"], arguments].concat());
        assert_eq!(done.code, Some(0), "{}: {}", self.name, done.stderr);
        done
    }

    /// Runs `zcomm connect` with this on its stdin.
    fn hears(&self, input: &[u8], arguments: &[&str]) -> Done {
        connect(&self.url, input, arguments)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// A Close frame right behind the question would stop the peer from answering.
#[test]
fn a_question_in_a_pipe_is_answered() {
    for peer in Peer::both() {
        let done = peer.hears(b"one\ntwo\n", &[]);
        assert_eq!(done.code, Some(0), "{}: {}", peer.name, done.stderr);
        assert_eq!(done.stdout, "one\ntwo\n", "{}", peer.name);
        assert_eq!(peer.says("closed "), "1000 ", "{}", peer.name);
    }
}

/// The sizes at which the frame header changes, and a size near a megabyte.
#[test]
fn texts_of_every_size_come_back() {
    for peer in Peer::both() {
        for size in [0, 1, 125, 126, 65_535, 65_536, 1_048_575] {
            let text = "x".repeat(size);
            let done = peer.echoes(&format!("{text}\nand more"), &[]);
            let same = done.stdout == format!("{text}\nand more\n");
            assert!(same, "{} {size}: {} bytes", peer.name, done.stdout.len());
        }
    }
}

#[test]
fn characters_of_every_length_come_back() {
    for peer in Peer::both() {
        // One to four bytes each; the last is three characters that are shown as one.
        let text = "aé世🌍 \u{10ffff} \u{1f469}\u{200d}\u{1f680}";
        assert_eq!(
            peer.echoes(text, &[]).stdout,
            format!("{text}\n"),
            "{}",
            peer.name
        );
    }
}

#[test]
fn bytes_come_back_as_bytes() {
    for peer in Peer::both() {
        let every: Vec<u8> = (0..=255).filter(|byte| *byte != b'\n').collect();
        let arguments = ["connect", &peer.url, "--binary", "--one"];
        let mut ours = zcomm_command(Path::new(PEERS), &arguments);
        let mut ours = ours.stdin(Stdio::piped()).spawn().unwrap();
        ours.stdin.take().unwrap().write_all(&every).unwrap();
        let output = ours.wait_with_output().unwrap();
        assert!(output.status.success(), "{}: {output:?}", peer.name);
        assert_eq!(output.stdout, every, "{}", peer.name);
    }
}

/// Our client offers no compression, so a peer that can compress does not.
#[test]
fn nothing_is_offered_and_nothing_compressed() {
    for peer in Peer::both() {
        let long = "the same ".repeat(1000);
        let done = peer.echoes(&long, &["-v"]);
        assert!(done.stdout == format!("{long}\n"), "{}", peer.name);
        assert_eq!(peer.says("offered "), "-", "{}", peer.name);
        let handshake = done.stderr.to_lowercase();
        assert!(handshake.contains("sec-websocket-accept"), "{handshake}");
        assert!(
            !handshake.contains("sec-websocket-extensions"),
            "{handshake}"
        );
    }
}

#[test]
fn our_close_arrives_with_its_code_and_reason() {
    for peer in Peer::both() {
        for (arguments, said) in [
            (&[][..], "1000 "),
            (&["--close", "3001", "--reason", "done"], "3001 done"),
            (
                &["--close", "1001", "--reason", "Grüße 🌍"],
                "1001 Grüße 🌍",
            ),
            (&["--close", "4999"], "4999 "),
        ] {
            let done = peer.hears(b"hi\n", arguments);
            assert_eq!(done.code, Some(0), "{}: {}", peer.name, done.stderr);
            assert_eq!(done.stdout, "hi\n", "{}: {}", peer.name, done.stderr);
            assert_eq!(peer.says("closed "), said, "{}", peer.name);
        }
    }
}

/// 1000 and 1001 are normal closes; all other codes are not.
#[test]
fn the_peers_close_is_shown_and_decides_the_exit_code() {
    for peer in Peer::both() {
        for (code, exit) in [(1000, 0), (1001, 0), (1008, 1), (3001, 1), (4000, 1)] {
            let asked = format!("close {code} that is all\n");
            let done = peer.hears(asked.as_bytes(), &["--stay", "--show-control"]);
            assert_eq!(
                done.code,
                Some(exit),
                "{} {code}: {}",
                peer.name,
                done.stderr
            );
            let end = format!("< close {code} (that is all)\n");
            assert!(done.stderr.contains(&end), "{}: {}", peer.name, done.stderr);
            // The codec answers a Close with the same code.
            assert!(
                peer.says("closed ").starts_with(&code.to_string()),
                "{}",
                peer.name
            );
            let done = peer.hears(asked.as_bytes(), &["--stay"]);
            let error = format!("error: the other side closed with {code} (that is all)\n");
            assert_eq!(done.stderr.contains(&error), exit == 1, "{}", done.stderr);
            peer.says("closed ");
        }
    }
}

#[test]
fn its_pings_are_answered_and_ours_are() {
    for peer in Peer::both() {
        let done = peer.hears(b"ping\n", &["--one", "--show-control"]);
        assert_eq!(
            (done.code, done.stdout.as_str()),
            (Some(0), "the pong came\n")
        );
        let ping = "< ping 6 bytes: 74 68 65 72 65 3f\n";
        assert!(done.stderr.contains(ping), "{}: {}", peer.name, done.stderr);

        // The peer sends no message, so the input ends only after a pong.
        let mut ours = zcomm_command(
            Path::new(PEERS),
            &["connect", &peer.url, "--ping", "0.1", "--show-control"],
        );
        let mut ours = ours.stdin(Stdio::piped()).spawn().unwrap();
        let mut shown = BufReader::new(ours.stderr.take().unwrap()).lines();
        for line in ["> ping 1 byte: 31", "< pong 1 byte: 31"] {
            assert_eq!(shown.next().unwrap().unwrap(), line, "{}", peer.name);
        }
        // Our Close frame is the last frame, even if a ping is due.
        drop(ours.stdin.take());
        assert_eq!(ours.wait().unwrap().code(), Some(0), "{shown:?}");
    }
}

#[test]
fn a_subprotocol_is_offered_and_chosen() {
    for peer in Peer::both() {
        let both = ["--protocol", "soap", "--protocol", "chat.v2", "-v"];
        let done = peer.echoes("protocol", &both);
        assert_eq!(done.stdout, "chat.v2\n", "{}", peer.name);
        let chosen = "< sec-websocket-protocol: chat.v2";
        assert!(
            done.stderr.contains(chosen),
            "{}: {}",
            peer.name,
            done.stderr
        );
        assert_eq!(peer.echoes("protocol", &[]).stdout, "-\n", "{}", peer.name);
    }
}

/// A peer may split a message anywhere, even inside a character.
#[test]
fn fragments_arrive_as_one_message() {
    for peer in Peer::both() {
        let done = peer.echoes("fragments Grüße,世界🌍!\nwhole", &[]);
        assert_eq!(done.stdout, "Grüße,世界🌍!\nwhole\n", "{}", peer.name);
    }
}

/// A load test must pass with servers of other projects, too.
#[test]
fn a_short_load_loses_nothing() {
    for peer in Peer::both() {
        let load = ["-c", "8", "--window", "4", "-d", "1", "--json"];
        let done = zcomm(
            Path::new(PEERS),
            &[&["stress", &peer.url], &load[..]].concat(),
        );
        assert_eq!(done.code, Some(0), "{}: {}", peer.name, done.stderr);
        let report: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
        let count = |name: &str| report[name].as_u64().unwrap();
        assert_eq!(count("opened"), 8, "{}: {report}", peer.name);
        assert_eq!(count("received"), count("sent"), "{}: {report}", peer.name);
        assert_eq!(
            (count("lost"), count("repeated")),
            (0, 0),
            "{}: {report}",
            peer.name
        );
        // Four in flight on each of eight connections, for a second: far more than these.
        assert!(count("received") >= 100, "{}: {report}", peer.name);
    }
}

/// The known faults of both are in the handshake: `docs/reference/check.md` has them.
#[test]
fn check_finds_only_faults_of_the_handshake() {
    for peer in Peer::both() {
        let arguments = ["check", &peer.url, "--echo", "--strict", "--json"];
        let done = zcomm(Path::new(PEERS), &arguments);
        let lines = done.stdout.lines().map(serde_json::from_str);
        let lines: Vec<serde_json::Value> = lines.map(Result::unwrap).collect();
        let score = lines.last().unwrap();
        assert_eq!(score["ran"], 115, "{}: {}", peer.name, done.stderr);
        for line in lines.iter().filter(|line| line["result"] == "failed") {
            let section = line["section"].as_str().unwrap();
            let of_handshake = section.starts_with("4.") || section == "11.3.1";
            assert!(of_handshake, "{}: {line}", peer.name);
        }
    }
}
