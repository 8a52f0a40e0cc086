//! One of our conversations, frame by frame, as our decoder and Wireshark read it.

use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncReadExt;
use zcomm_core::{
    Config,
    xray::{Decoder, Direction, Event},
};

use crate::{
    harness::{Raw, echo, folder, frame, handshake, serve, soon},
    xray::wireshark::{Turns, differences},
};

/// Reads bytes from the server.
async fn read(raw: &mut Raw, turns: &mut Turns, bytes: usize) {
    let mut answer = vec![0; bytes];
    soon("an answer", raw.stream.read_exact(&mut answer))
        .await
        .unwrap();
    turns.push((false, answer));
}

#[tokio::test]
async fn wireshark_reads_the_same_frames() {
    let config = Config {
        rate_limit: None,
        ..Config::default()
    };
    let mut server = serve(config, echo).await;
    let mut raw = Raw::connect(server.addr).await;
    let mut turns = Turns::new();
    let request = handshake(server.addr, "/", "").into_bytes();
    raw.send(&request).await;
    turns.push((true, request));
    turns.push((false, raw.head().await.head.into_bytes()));
    // The bytes sent, and the length of the answer.
    for (sent, answer) in [
        (frame(0x81, b"Hello"), 7),
        (frame(0x81, "Grüße, 世界".as_bytes()), 17),
        (frame(0x81, &[b'x'; 125]), 127),
        (frame(0x81, &[b'y'; 126]), 130),
        (frame(0x82, &[7; 300]), 304),
        (frame(0x82, &[7; 65535]), 65539),
        (frame(0x82, &[7; 65536]), 65546),
        (frame(0x01, b"to"), 0),
        (frame(0x89, b"?"), 3),
        (frame(0x00, b"ge"), 0),
        (frame(0x80, b"ther"), 10),
        (frame(0x8a, b"unasked"), 0),
        (frame(0x81, b""), 2),
        (frame(0x88, b"\x03\xe8bye"), 7),
    ] {
        raw.send(&sent).await;
        turns.push((true, sent));
        read(&mut raw, &mut turns, answer).await;
    }
    server.stop().await;

    // With one payload byte changed, Wireshark must disagree with our decoder.
    let mut other = turns.clone();
    let last = other[2].1.last_mut().unwrap();
    *last ^= 1;

    let mut decoder = Decoder::new(1).keeping(70_000);
    let mut events = Vec::new();
    for (client, bytes) in &turns {
        let on_event = &mut |event: Event| {
            assert_eq!(event.errors, []);
            events.push(serde_json::from_str::<Value>(&event.to_json()).unwrap());
        };
        let from = match client {
            true => Direction::ClientToServer,
            false => Direction::ServerToClient,
        };
        decoder.feed(Duration::ZERO, from, bytes, on_event);
    }
    assert_eq!(events.len(), 2 + 14 + 11);
    let file = folder("tshark").join(format!("{}.pcap", std::process::id()));
    let Some(differ) = differences(&file, &turns, &events) else {
        return;
    };
    assert_eq!(differ, [""; 0]);
    let differ = differences(&file, &other, &events).unwrap();
    assert_eq!(
        differ,
        ["2: websocket.payload.text is \"Hello\" and \"Helln\""]
    );
    std::fs::remove_file(&file).unwrap();
}
