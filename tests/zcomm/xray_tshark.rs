//! A session of Python's `websockets`, read by the X-ray and by Wireshark: neither the client nor
//! the judge is our own code.

use std::{
    io::{BufRead, BufReader, Write},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use zcomm_core::Config;

use crate::{
    children, folder,
    peers::installed,
    recorded::Session,
    servers::start,
    xray::{LIMIT, Proxy, echo},
};

/// Whole and fragmented messages, text and binary, in all three forms of length; pings in both
/// directions; a Close frame with a reason.
#[test]
fn wireshark_reads_the_same_in_a_session_of_python() {
    let Some(python) = installed() else { return };
    let config = Config {
        ping_interval: Duration::from_millis(100),
        rate_limit: None,
        ..Config::default()
    };
    let server = start(config, echo);
    let folder = folder("xray-python");
    let proxy = Proxy::start(&folder, &[&server.url(), "--json", "--record", "it.jsonl"]);
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/zcomm/peers/talk.py"
    );
    let mut client = children::command(python)
        .args([script, &format!("ws://{}/", proxy.place)])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(client.stdout.take().unwrap()).lines();
    assert_eq!(said.next().unwrap().unwrap(), "said");
    // Python answers pings by itself, and cannot say when.
    let (printed, recording) = (proxy.stdout.clone(), folder.join("it.jsonl"));
    let deadline = Instant::now() + LIMIT;
    let answered = |session: &Session| {
        let mut pings = session.frames("server", "ping");
        let pongs: Vec<_> = session.frames("client", "pong").collect();
        pings.any(|ping| {
            pongs
                .iter()
                .any(|pong| pong["unmasked"] == ping["unmasked"])
        })
    };
    while !Session::read(&printed, &recording).is_some_and(|session| answered(&session)) {
        assert!(Instant::now() < deadline, "no ping was answered");
        thread::yield_now();
    }
    client.stdin.take().unwrap().write_all(b"\n").unwrap();
    assert!(client.wait().unwrap().success());
    let done = proxy.end();

    let session = Session::read(&printed, &recording).unwrap();
    assert!(session.ended(), "{}", done.stdout);
    session.is_what_wireshark_reads(&folder.join("it.pcap"));
    let count = |from, opcode| session.frames(from, opcode).count();
    // Nine whole and two fragmented messages; each is echoed whole.
    assert_eq!((count("client", "text"), count("client", "binary")), (6, 5));
    assert_eq!((count("server", "text"), count("server", "binary")), (6, 5));
    assert!(count("client", "continuation") >= 4 + 2);
    assert!(count("client", "ping") >= 3 && count("server", "pong") >= 3);
    // Python ends a fragmented message with an empty frame, which Wireshark ignores.
    let whole = |frame: &Value| {
        frame
            .get("message")
            .map(|message| message["unmasked"].clone())
    };
    let whole: Vec<_> = session
        .frames("client", "continuation")
        .filter_map(whole)
        .collect();
    assert_eq!(
        whole,
        [
            HEXLOWER.encode("in pieces: 世界".as_bytes()),
            "00ff0a".into()
        ]
    );
    let close = session.frames("client", "close").next().unwrap();
    assert_eq!(
        close["close"],
        json!({ "code": 3001, "reason": "Tschüs, 世界" })
    );
    session.offers_compression_in_vain();
}
