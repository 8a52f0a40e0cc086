//! A second opinion: what Wireshark reads in the same bytes.
//!
//! Our decoder and our codec agree, but both are ours to misunderstand. `tshark`, the
//! terminal form of Wireshark, has read WebSocket for other people for many years. It wants
//! packets, so the bytes are put into some: as many as the conversation had turns.

use std::{path::Path, process::Command, time::Duration};

use tokio::io::AsyncReadExt;
use zcomm_core::{
    Config,
    xray::{Direction, Frame, Session, What},
};

use crate::harness::{Raw, echo, folder, frame, handshake, serve, soon};

use Direction::{ClientToServer, ServerToClient};

/// A conversation in turns: who, and which bytes.
type Turns = Vec<(Direction, Vec<u8>)>;

const PORT: u16 = 8765;

/// A pcap file: its head, then each packet behind its time and lengths.
fn write_pcap(file: &Path, turns: &Turns) {
    let mut pcap = Vec::new();
    // Little endian, microseconds, version 2.4; link type 101: the packets begin with IP.
    for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65535, 101u32] {
        pcap.extend_from_slice(&word.to_le_bytes());
    }
    // The next byte of each side, counted from 1.
    let (mut client, mut server) = (1u32, 1u32);
    let mut packets = 0u32;
    for (from, bytes) in turns {
        for bytes in bytes.chunks(1400) {
            let ((source, target), (next, known)) = match from {
                ClientToServer => ((50000, PORT), (&mut client, server)),
                ServerToClient => ((PORT, 50000), (&mut server, client)),
            };
            let length = 40 + bytes.len() as u16;
            let mut packet = vec![0x45, 0];
            packet.extend_from_slice(&length.to_be_bytes());
            // No fragments, 64 hops, TCP, no checksum, and both ends are this machine.
            packet.extend_from_slice(&[0, 0, 0, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
            packet.extend_from_slice(&source.to_be_bytes());
            packet.extend_from_slice(&target.to_be_bytes());
            packet.extend_from_slice(&next.to_be_bytes());
            packet.extend_from_slice(&known.to_be_bytes());
            // Five words of header, PSH and ACK, a window, no checksum.
            packet.extend_from_slice(&[0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
            packet.extend_from_slice(bytes);
            *next += bytes.len() as u32;
            packets += 1;
            let size = packet.len() as u32;
            for word in [1_700_000_000, packets, size, size] {
                pcap.extend_from_slice(&word.to_le_bytes());
            }
            pcap.extend_from_slice(&packet);
        }
    }
    std::fs::write(file, pcap).unwrap();
}

const FIELDS: [&str; 13] = [
    "tcp.srcport",
    "websocket.fin",
    "websocket.rsv",
    "websocket.opcode",
    "websocket.mask",
    "websocket.payload_length",
    "websocket.payload_length_ext_16",
    "websocket.payload_length_ext_64",
    "websocket.masking_key",
    "websocket.payload.text",
    "websocket.payload.ping",
    "websocket.payload.pong",
    "websocket.payload.close.status_code",
];

/// A line for each frame, a column for each field. `None` without `tshark`.
fn tshark(file: &Path) -> Option<Vec<Vec<String>>> {
    let port = format!("tcp.port=={PORT},http");
    let mut command = Command::new("tshark");
    command.arg("-r").arg(file);
    command.args(["-d", &port, "-Y", "websocket", "-T", "fields"]);
    for field in FIELDS {
        command.args(["-e", field]);
    }
    let Ok(output) = command.output() else {
        let missing = "no tshark: apt-get install tshark";
        #[allow(clippy::disallowed_methods, reason = "CI is no setting of ours")]
        let required = std::env::var_os("CI").is_some();
        assert!(!required, "{missing}");
        eprintln!("not tried: {missing}");
        return None;
    };
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let line = |line: &str| line.split('\t').map(str::to_owned).collect();
    Some(text.lines().map(line).collect())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The same columns out of an event.
fn columns(from: Direction, frame: &Frame) -> Vec<String> {
    let number = |flag| u8::from(flag).to_string();
    let port = if from == ClientToServer { 50000 } else { PORT };
    let rsv = frame
        .rsv
        .iter()
        .fold(0, |rsv, bit| 2 * rsv + u8::from(*bit));
    let (short, middle, long) = match frame.form {
        16 => (126, frame.length.to_string(), String::new()),
        64 => (127, String::new(), frame.length.to_string()),
        _ => (frame.length, String::new(), String::new()),
    };
    let of = |name: &str| match frame.opcode == name {
        true => hex(&frame.unmasked),
        false => String::new(),
    };
    // Wireshark shows a message in pieces as a whole, at its last frame.
    let text = match &frame.message {
        Some(message) => message.text.clone(),
        None => frame.text.clone().filter(|_| frame.fin),
    };
    vec![
        port.to_string(),
        number(frame.fin),
        format!("0x{rsv:02x}"),
        frame.code.to_string(),
        number(frame.mask.is_some()),
        short.to_string(),
        middle,
        long,
        frame.mask.map(|mask| hex(&mask)).unwrap_or_default(),
        text.unwrap_or_default(),
        of("ping"),
        of("pong"),
        frame
            .close
            .as_ref()
            .map(|close| close.code.to_string())
            .unwrap_or_default(),
    ]
}

/// What a server has sent until now, as it came.
async fn hears(raw: &mut Raw, turns: &mut Turns, bytes: usize) {
    let mut heard = vec![0; bytes];
    soon("an answer", raw.stream.read_exact(&mut heard))
        .await
        .unwrap();
    turns.push((ServerToClient, heard));
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
    turns.push((ClientToServer, request));
    turns.push((ServerToClient, raw.head().await.head.into_bytes()));
    // What is said, and how long the answers are.
    for (said, answer) in [
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
        raw.send(&said).await;
        turns.push((ClientToServer, said));
        hears(&mut raw, &mut turns, answer).await;
    }
    server.stop().await;

    let mut session = Session::new(1).keeping(70_000);
    let mut ours = Vec::new();
    for (from, bytes) in &turns {
        let see = &mut |seen: zcomm_core::xray::Seen| {
            assert_eq!(seen.errors, []);
            if let What::Frame(frame) = &seen.what {
                ours.push(columns(*from, frame));
            }
        };
        session.feed(Duration::ZERO, *from, bytes, see);
    }
    assert_eq!(ours.len(), 14 + 11);
    let file = folder("tshark").join(format!("{}.pcap", std::process::id()));
    write_pcap(&file, &turns);
    let Some(theirs) = tshark(&file) else { return };
    for (ours, theirs) in ours.iter().zip(&theirs) {
        let differ = ours
            .iter()
            .zip(theirs)
            .zip(FIELDS)
            .filter(|((a, b), _)| a != b);
        assert_eq!(differ.collect::<Vec<_>>(), [], "{ours:?} {theirs:?}");
    }
    assert_eq!(ours.len(), theirs.len());
    std::fs::remove_file(&file).unwrap();
}
