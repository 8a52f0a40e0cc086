//! A second opinion: what Wireshark reads in the same bytes.
//!
//! Our decoder and our codec agree, but both may share a misunderstanding. `tshark`, the
//! terminal form of Wireshark, is an independent decoder. It reads packets, so the bytes are
//! put into packets. It reads a file and captures nothing, which needs no special rights.
//!
//! Three test programs share this: for our own conversations, Python's and a browser's.

use std::{
    collections::VecDeque,
    io::{Write, stderr},
    path::Path,
    sync::Once,
};

use serde_json::Value;

use crate::children;

/// A conversation in turns: whether the client sent it, and the bytes.
pub(crate) type Turns = Vec<(bool, Vec<u8>)>;

/// The name of a field in Wireshark, and its value from our event, if there is one.
type Field = (&'static str, fn(&Value) -> Option<String>);

const FIELDS: [Field; 28] = [
    ("tcp.srcport", |event| Some(port(client(event)).to_string())),
    ("http.request.method", |event| word(&event["request"], 0)),
    ("http.request.uri", |event| word(&event["request"], 1)),
    ("http.request.version", |event| word(&event["request"], 2)),
    ("http.request.line", |event| lines(&event["request"])),
    ("http.response.version", |event| word(&event["response"], 0)),
    ("http.response.code", |event| word(&event["response"], 1)),
    ("http.response.phrase", |event| word(&event["response"], 2)),
    ("http.response.line", |event| lines(&event["response"])),
    ("http.sec_websocket_key", |event| header(event, "key")),
    ("http.sec_websocket_accept", |event| header(event, "accept")),
    ("http.sec_websocket_version", |event| {
        header(event, "version")
    }),
    ("http.sec_websocket_extensions", |event| {
        header(event, "extensions")
    }),
    ("websocket.fin", |event| {
        flag(event["frame"]["fin"].as_bool())
    }),
    ("websocket.rsv", reserved),
    ("websocket.opcode", |event| number(&event["frame"]["code"])),
    ("websocket.mask", |event| {
        flag(event["frame"].get("mask").map(Value::is_string))
    }),
    ("websocket.payload_length", |event| length(event, 7)),
    ("websocket.payload_length_ext_16", |event| length(event, 16)),
    ("websocket.payload_length_ext_64", |event| length(event, 64)),
    ("websocket.masking_key", |event| {
        text(&event["frame"]["mask"])
    }),
    ("websocket.payload.text", |event| payload(event, "text")),
    ("data.data", |event| payload(event, "binary")),
    ("websocket.payload.continue", |event| {
        payload(event, "continuation")
    }),
    ("websocket.payload.ping", |event| payload(event, "ping")),
    ("websocket.payload.pong", |event| payload(event, "pong")),
    ("websocket.payload.close.status_code", |event| {
        number(&event["frame"]["close"]["code"])
    }),
    ("websocket.payload.close.reason", |event| {
        text(&event["frame"]["close"]["reason"])
    }),
];

fn client(event: &Value) -> bool {
    event["from"] == "client"
}

fn port(client: bool) -> u16 {
    if client { 50000 } else { 8765 }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn number(value: &Value) -> Option<String> {
    value.as_u64().map(|number| number.to_string())
}

fn flag(flag: Option<bool>) -> Option<String> {
    flag.map(|flag| u8::from(flag).to_string())
}

/// One of the three words in the first line of a head.
fn word(head: &Value, which: usize) -> Option<String> {
    let mut words = head["line"].as_str()?.splitn(3, ' ');
    words.nth(which).map(str::to_owned)
}

/// All headers, joined as `tshark` joins them.
fn lines(head: &Value) -> Option<String> {
    let lines = head["headers"].as_array()?.iter().map(|header| {
        let part = |name| header[name].as_str().unwrap();
        format!("{}: {}\\r\\n", part("name"), part("value"))
    });
    Some(lines.collect::<Vec<_>>().join(","))
}

/// One header of a WebSocket's handshake.
fn header(event: &Value, name: &str) -> Option<String> {
    let name = format!("sec-websocket-{name}");
    let headers = [&event["request"], &event["response"]];
    let mut headers = headers
        .into_iter()
        .filter_map(|head| head["headers"].as_array())
        .flatten();
    let found = headers.find(|header| header["name"].as_str().unwrap().to_lowercase() == name);
    text(&found?["value"])
}

fn reserved(event: &Value) -> Option<String> {
    let bits = event["frame"]["rsv"].as_array()?.iter();
    let bits = bits.fold(0, |bits, bit| 2 * bits + u8::from(bit == true));
    Some(format!("0x{bits:02x}"))
}

/// The length field of this form. In the first, 126 and 127 mean that another one follows.
fn length(event: &Value, form: u8) -> Option<String> {
    let frame = &event["frame"];
    let is = frame["form"].as_u64()?;
    match (form, is) {
        (7, 16) => Some("126".into()),
        (7, 64) => Some("127".into()),
        _ => number(&frame["length"]).filter(|_| u64::from(form) == is),
    }
}

/// The payload of a frame of this kind. Wireshark shows a fragmented message as a whole, at its
/// last frame. It does not look into an empty frame, so it never puts a message together that
/// ends with one.
fn payload(event: &Value, kind: &str) -> Option<String> {
    let frame = &event["frame"];
    let whole = match &frame["message"] {
        Value::Null => frame,
        message => message,
    };
    let unfinished = frame["fin"] == false;
    let shown = whole["opcode"] == kind && unfinished == (kind == "continuation");
    let shown = shown && frame["length"] != 0;
    match kind {
        "text" => text(&whole["text"]),
        _ => text(&whole["unmasked"]),
    }
    .filter(|_| shown)
}

/// The X-ray keeps only the beginning of a long payload, and of a long fragmented message.
fn agree(ours: &str, theirs: &str, event: &Value) -> bool {
    let frame = &event["frame"];
    let cut = [frame, &frame["message"]].into_iter().any(|part| {
        let kept = part["unmasked"].as_str().unwrap_or_default().len() / 2;
        part["length"].as_u64() > Some(kept as u64)
    });
    ours == theirs || (cut && ours.len() >= 4096 && theirs.starts_with(ours))
}

/// The differences between the two for the same bytes. The events are those of one connection,
/// as `--json` prints them. Returns `None` without `tshark`, and prints that once.
pub(crate) fn differences(pcap: &Path, turns: &Turns, events: &[Value]) -> Option<Vec<String>> {
    let compared = |event: &&Value| {
        ["request", "response", "frame"]
            .iter()
            .any(|what| event.get(what).is_some())
    };
    let events: Vec<_> = events.iter().filter(compared).collect();
    write_pcap(pcap, turns, &events);
    let packets = tshark(pcap)?;
    let mut differ = Vec::new();
    if events.len() != packets.len() {
        differ.push(format!("{} and {} of them", events.len(), packets.len()));
    }
    for (number, (event, packet)) in events.iter().zip(&packets).enumerate() {
        assert_eq!(packet.len(), FIELDS.len(), "{packet:?}");
        for ((name, ours), theirs) in FIELDS.iter().zip(packet) {
            let ours = ours(event).unwrap_or_default();
            if !agree(&ours, theirs, event) {
                differ.push(format!("{number}: {name} is {ours:?} and {theirs:?}"));
            }
        }
    }
    Some(differ)
}

/// One end of the connection.
struct End {
    port: u16,
    /// Its next byte, counted from 1 as TCP does.
    next: u32,
    /// The lengths of its heads and frames.
    lengths: VecDeque<usize>,
}

impl End {
    fn new(is_client: bool, events: &[&Value]) -> End {
        let lengths = events.iter().filter(|event| client(event) == is_client);
        let lengths = lengths.map(|event| {
            let count = |value: &Value| value.as_u64().unwrap() as usize;
            match (
                event.get("frame"),
                event.get("request"),
                event.get("response"),
            ) {
                (Some(frame), ..) => {
                    frame["header"].as_str().unwrap().len() / 2 + count(&frame["length"])
                }
                (_, Some(head), _) | (_, _, Some(head)) => count(&head["bytes"]),
                _ => 0,
            }
        });
        let lengths = lengths.collect();
        End {
            port: port(is_client),
            next: 1,
            lengths,
        }
    }

    /// Returns how many of the next bytes go into one packet: at most one frame, because
    /// `tshark` prints one line a packet. The cut changes nothing else: TCP is a stream, and
    /// Wireshark finds the frames in it by itself.
    fn packet(&mut self, bytes: usize) -> usize {
        let left = self
            .lengths
            .front_mut()
            .expect("the X-ray has read all bytes");
        let bytes = bytes.min(*left).min(1400);
        *left -= bytes;
        if *left == 0 {
            self.lengths.pop_front();
        }
        bytes
    }
}

/// Writes a pcap file: its header, then each packet after its time and lengths.
fn write_pcap(file: &Path, turns: &Turns, events: &[&Value]) {
    let mut pcap = Vec::new();
    // Little endian, microseconds, version 2.4; link type 101: packets begin with IP.
    for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65535, 101u32] {
        pcap.extend_from_slice(&word.to_le_bytes());
    }
    let (mut client, mut server) = (End::new(true, events), End::new(false, events));
    let mut packets = 0u32;
    for (is_client, bytes) in turns {
        let (from, to) = match is_client {
            true => (&mut client, &server),
            false => (&mut server, &client),
        };
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let bytes;
            (bytes, rest) = rest.split_at(from.packet(rest.len()));
            let length = 40 + bytes.len() as u16;
            let mut packet = vec![0x45, 0];
            packet.extend_from_slice(&length.to_be_bytes());
            // No fragments, 64 hops, TCP, no checksum, and both ends are this machine.
            packet.extend_from_slice(&[0, 0, 0, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
            packet.extend_from_slice(&from.port.to_be_bytes());
            packet.extend_from_slice(&to.port.to_be_bytes());
            packet.extend_from_slice(&from.next.to_be_bytes());
            packet.extend_from_slice(&to.next.to_be_bytes());
            // Five words of header, PSH and ACK, a window, no checksum.
            packet.extend_from_slice(&[0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
            packet.extend_from_slice(bytes);
            from.next += bytes.len() as u32;
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

/// Runs `tshark`: a line for each packet that completes a head or a frame, a column a field.
fn tshark(file: &Path) -> Option<Vec<Vec<String>>> {
    static SAID: Once = Once::new();
    let as_http = format!("tcp.port=={},http", port(false));
    let mut command = children::command("tshark");
    command.arg("-r").arg(file);
    command.args(["-d", &as_http, "-Y", "http || websocket", "-T", "fields"]);
    for (field, _) in FIELDS {
        command.args(["-e", field]);
    }
    // The user's own Wireshark settings must not apply.
    command.env("WIRESHARK_CONFIG_DIR", file.with_extension("settings"));
    let Ok(output) = command.output() else {
        let missing = "there is no tshark: apt-get install tshark";
        #[allow(clippy::disallowed_methods, reason = "CI is not one of our settings")]
        let required = std::env::var_os("CI").is_some_and(|value| value == "true");
        assert!(!required, "{missing}");
        SAID.call_once(|| {
            let skipped = format!("\nThe comparison with Wireshark is SKIPPED: {missing}\n\n");
            stderr().write_all(skipped.as_bytes()).unwrap();
        });
        return None;
    };
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let column = |column: &str| match column {
        // The form since version 4.2.
        "True" => "1".to_owned(),
        "False" => "0".to_owned(),
        column => column.to_owned(),
    };
    let lines = text
        .lines()
        .map(|line| line.split('\t').map(column).collect());
    Some(lines.collect())
}
