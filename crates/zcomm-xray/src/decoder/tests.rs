//! The tests of the decoder (`#[cfg(test)]`): good and bad connections, in pieces of any size.

use super::*;
use crate::{
    event::Frame,
    rules::BrokenRule,
    side::{KEEP, MAX_HEAD},
    utf8::text_at_start,
};
use proptest::prelude::*;
use std::io::{self, Cursor, Read, Write};
use tokio_tungstenite::tungstenite::{
    Message, WebSocket,
    protocol::{Role, frame as codec},
};

use Direction::{ClientToServer, ServerToClient};

impl Decoder {
    /// The memory that stores bytes from the network.
    fn held(&self) -> usize {
        self.client.held() + self.server.held()
    }
}

const REQUEST: &str = "GET /ws?token=canary HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\
    Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
const RESPONSE: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// Decodes these bytes in pieces of `size`. Returns all events except [`EventKind::End`].
fn events_of(mut decoder: Decoder, parts: &[(Direction, &[u8])], size: usize) -> Vec<Event> {
    let mut events = Vec::new();
    for (from, bytes) in parts {
        for piece in bytes.chunks(size) {
            let on_event = &mut |event| events.push(event);
            decoder.feed(Duration::ZERO, *from, piece, on_event);
        }
    }
    decoder.finish(Duration::ZERO, &mut |event| events.push(event));
    assert!(matches!(events.pop().unwrap().kind, EventKind::End { .. }));
    events
}

fn after_handshake(from: Direction, bytes: &[u8]) -> Vec<Event> {
    events_of(
        Decoder::new(1).after_handshake(),
        &[(from, bytes)],
        bytes.len().max(1),
    )
}

fn frame(event: &Event) -> &Frame {
    match &event.kind {
        EventKind::Frame(frame) => frame,
        other => panic!("not a frame: {other:?}"),
    }
}

/// Decodes bytes that must be one frame without errors.
fn one(from: Direction, bytes: &[u8]) -> Frame {
    let events = after_handshake(from, bytes);
    let [event] = &events[..] else {
        panic!("not one: {events:?}")
    };
    assert_eq!(event.errors, []);
    frame(event).clone()
}

/// Decodes every example of RFC 6455 section 5.7.
#[test]
fn the_examples_of_the_rfc() {
    let hello = one(ServerToClient, b"\x81\x05Hello");
    assert_eq!((hello.opcode, hello.code, hello.fin), ("text", 1, true));
    assert_eq!((hello.mask, hello.form, hello.length), (None, 7, 5));
    assert_eq!(hello.text.as_deref(), Some("Hello"));

    let masked = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    let hello = one(ClientToServer, masked);
    assert_eq!(hello.mask, Some([0x37, 0xfa, 0x21, 0x3d]));
    assert_eq!(hello.header, masked[..6]);
    assert_eq!(hello.payload, masked[6..]);
    assert_eq!(hello.unmasked, b"Hello");
    assert_eq!(hello.text.as_deref(), Some("Hello"));

    let events = after_handshake(ServerToClient, b"\x01\x03Hel\x80\x02lo");
    let (first, last) = (frame(&events[0]), frame(&events[1]));
    assert_eq!(
        (first.fin, first.opcode, first.part),
        (false, "text", Some(1))
    );
    assert_eq!(
        (last.fin, last.opcode, last.part),
        (true, "continuation", Some(2))
    );
    let joined = last.message.as_ref().unwrap();
    assert_eq!(
        (joined.opcode, joined.frames, joined.length),
        ("text", 2, 5)
    );
    assert_eq!(joined.text.as_deref(), Some("Hello"));
    assert_eq!(last.text.as_deref(), Some("lo"));

    let ping = one(ServerToClient, b"\x89\x05Hello");
    assert_eq!((ping.opcode, ping.unmasked), ("ping", b"Hello".to_vec()));
    let pong = one(
        ClientToServer,
        b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
    );
    assert_eq!((pong.opcode, pong.unmasked), ("pong", b"Hello".to_vec()));

    let bytes = [&b"\x82\x7e\x01\x00"[..], &[7; 256]].concat();
    let middle = one(ServerToClient, &bytes);
    assert_eq!(
        (middle.opcode, middle.form, middle.length),
        ("binary", 16, 256)
    );
    let bytes = [&b"\x82\x7f\0\0\0\0\0\x01\0\0"[..], &[7; 65536]].concat();
    let long = one(ServerToClient, &bytes);
    assert_eq!((long.form, long.length, long.header.len()), (64, 65536, 10));
    assert_eq!((long.payload.len(), long.cut), (KEEP, 65536 - KEEP as u64));
}

/// Decodes the example of RFC 6455 section 1.3 in pieces of several sizes.
#[test]
fn a_handshake_is_shown_line_by_line_with_its_proof() {
    let (request, response) = (REQUEST.as_bytes(), RESPONSE.as_bytes());
    for size in [1, 2, 7, 1000] {
        let parts = [(ClientToServer, request), (ServerToClient, response)];
        let events = events_of(Decoder::new(1), &parts, size);
        let [asked, answered] = &events[..] else {
            panic!("{events:?}")
        };
        let EventKind::Request(head) = &asked.kind else {
            panic!("{asked:?}")
        };
        assert_eq!(head.line, "GET /ws?token=*** HTTP/1.1");
        assert_eq!((head.headers.len(), head.bytes), (5, REQUEST.len() as u64));
        assert_eq!(
            (&asked.errors[..], &answered.errors[..]),
            (&[][..], &[][..])
        );
        let EventKind::Response(head) = &answered.kind else {
            panic!("{answered:?}")
        };
        let accept = head.accept.as_ref().unwrap();
        assert_eq!(accept.sha1, "b37a4f2cc0624f1690f64606cf385945b2bec4ea");
        assert!(accept.right && head.remarks[0].contains("permessage-deflate"));
    }
}

#[test]
fn a_handshake_with_a_broken_rule_names_the_rule() {
    let broken = |request: String, response: String| {
        let parts = [
            (ClientToServer, request.as_bytes()),
            (ServerToClient, response.as_bytes()),
        ];
        let events = events_of(Decoder::new(1), &parts, 1000);
        events
            .iter()
            .flat_map(|event| event.errors.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(broken(REQUEST.into(), RESPONSE.into()), []);
    assert_eq!(
        broken(REQUEST.into(), RESPONSE.replace("s3p", "S3p")),
        [BrokenRule::ACCEPT]
    );
    assert_eq!(
        broken(REQUEST.replace("dGhl", ""), RESPONSE.into()),
        [BrokenRule::KEY, BrokenRule::ACCEPT]
    );
    assert_eq!(
        broken(
            REQUEST.replace("-Extensions", "-Nothing"),
            RESPONSE.replace("\r\n\r\n", "\r\nSec-WebSocket-Extensions: x\r\n\r\n")
        ),
        [BrokenRule::EXTENSION]
    );
}

/// With `permessage-deflate`, the first reserved bit has a meaning, and the payload is not text.
#[test]
fn an_agreed_extension_breaks_no_rule() {
    let agreed = RESPONSE.replace(
        "\r\n\r\n",
        "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
    );
    let parts = [
        (ClientToServer, REQUEST.as_bytes()),
        (ServerToClient, agreed.as_bytes()),
        (ServerToClient, b"\xc1\x02\xff\xff"),
        (ClientToServer, b"\xc1\x82\0\0\0\0\xff\xff"),
    ];
    for event in &events_of(Decoder::new(1), &parts, 1000)[2..] {
        assert_eq!(
            (&event.errors[..], frame(event).compressed),
            (&[][..], true)
        );
        assert_eq!(frame(event).text, None);
    }
}

#[test]
fn http_without_a_websocket_is_a_head_and_a_length() {
    let parts: [(Direction, &[u8]); 6] = [
        (ClientToServer, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (
            ServerToClient,
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        ),
        (ClientToServer, b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (
            ServerToClient,
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        ),
        (ClientToServer, REQUEST.as_bytes()),
        (
            ServerToClient,
            b"HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\nno token",
        ),
    ];
    for size in [1, 3, 1000] {
        let events = events_of(Decoder::new(1), &parts, size);
        let kinds: Vec<_> = events
            .iter()
            .map(|event| match &event.kind {
                EventKind::Request(_) => "request".to_owned(),
                EventKind::Response(head) => head.line.clone(),
                EventKind::Body { bytes } => format!("{bytes} bytes"),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(
            kinds,
            [
                "request",
                "HTTP/1.1 200 OK",
                "5 bytes",
                "request",
                "HTTP/1.1 200 OK",
                "request",
                "HTTP/1.1 401 Unauthorized",
                "8 bytes",
            ]
        );
    }
}

/// Bytes that arrive before the response may be a frame, or a request that contains a token.
#[test]
fn bytes_before_the_response_wait_for_it() {
    let refusal = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
    let early = [REQUEST.as_bytes(), b"\x81\x85\0\0\0\0early"].concat();
    let twice = REQUEST.repeat(2);
    let endless = [REQUEST.as_bytes(), &[b'x'; 20_000]].concat();
    for (sent, answer, expected) in [
        (&early[..], RESPONSE, "request response frame"),
        (&early, refusal, "request response raw"),
        (twice.as_bytes(), refusal, "request response request"),
        (twice.as_bytes(), "", "request raw"),
        (&endless, refusal, "request raw response raw"),
    ] {
        for size in [1, 1000, 100_000] {
            let parts = [(ClientToServer, sent), (ServerToClient, answer.as_bytes())];
            let events = events_of(Decoder::new(1), &parts, size);
            let names: Vec<_> = events
                .iter()
                .map(|event| match &event.kind {
                    EventKind::Request(_) => "request",
                    EventKind::Response(_) => "response",
                    EventKind::Frame(_) => "frame",
                    EventKind::Raw { .. } => "raw",
                    other => panic!("{other:?}"),
                })
                .collect();
            assert_eq!(names.join(" "), expected);
            assert!(!format!("{events:?}").contains("canary"));
            let json: String = events.iter().map(Event::to_json).collect();
            assert!(!json.contains("63616e617279"), "{json}");
        }
    }
}

#[test]
fn bytes_that_are_not_http_are_counted_and_hardly_shown() {
    for bytes in [
        &b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03canary"[..],
        b"get /?token=canary HTTP/1.1\r\n\r\n",
        &[b'G'; 20_000],
        b"GET /?token=canary",
    ] {
        let events = events_of(Decoder::new(1), &[(ClientToServer, bytes)], bytes.len());
        let raw = events.iter().map(|event| match &event.kind {
            EventKind::Raw { bytes, first } => (bytes, first),
            other => panic!("{other:?}"),
        });
        assert_eq!(
            raw.clone().map(|(bytes, _)| bytes).sum::<u64>(),
            bytes.len() as u64
        );
        assert!(raw.map(|(_, first)| first.len()).all(|shown| shown <= 8));
    }
}

/// Each case has bytes that break a rule, and similar bytes that break no rule.
#[test]
fn every_rule_is_named_with_its_section() {
    let client = |first: u8, payload: &[u8]| {
        let head = [first, 0x80 | payload.len() as u8, 0, 0, 0, 0];
        [&head[..], payload].concat()
    };
    let two = |a: Vec<u8>, b: Vec<u8>| [a, b].concat();
    let long = |first: u8, length: u64, payload: usize| {
        let head = [&[first, 0xff][..], &length.to_be_bytes(), &[0; 4]].concat();
        [head, vec![0; payload]].concat()
    };
    let middle = |length: u16| {
        let head = [&[0x82, 0xfe][..], &length.to_be_bytes(), &[0; 4]].concat();
        [head, vec![0; length.into()]].concat()
    };
    let control = |length: u8| {
        [
            &[0x89, 0xfe, 0, length, 0, 0, 0, 0][..],
            &[0; 126][..length.into()],
        ]
        .concat()
    };
    let cases = [
        ("5.1", vec![0x81, 1, b'x'], client(0x81, b"x")),
        ("5.2", client(0xc1, b"x"), client(0x81, b"x")),
        ("5.2", client(0x91, b"x"), client(0x81, b"x")),
        ("5.2", client(0x83, b"x"), client(0x82, b"x")),
        ("5.2", client(0x8b, b"x"), client(0x8a, b"x")),
        ("5.2", middle(125), middle(126)),
        ("5.2", long(0x82, 65535, 65535), long(0x82, 65536, 65536)),
        ("5.2", long(0x82, 1 << 63, 9), long(0x82, 1 << 62, 9)),
        (
            "5.4",
            client(0x80, b"x"),
            two(client(0x01, b""), client(0x80, b"x")),
        ),
        (
            "5.4",
            two(client(0x01, b""), client(0x81, b"")),
            two(client(0x01, b""), client(0x89, b"")),
        ),
        ("5.5", client(0x09, b""), client(0x89, b"")),
        ("5.5", control(126), client(0x89, &[0; 125])),
        ("5.5.1", client(0x88, b"\x03"), client(0x88, b"")),
        (
            "5.5.1",
            two(client(0x88, b""), client(0x81, b"")),
            two(client(0x88, b""), client(0x8a, b"")),
        ),
        ("7.4", client(0x88, b"\x03\xed"), client(0x88, b"\x03\xe8")),
        ("7.4", client(0x88, b"\x13\x88"), client(0x88, b"\x13\x87")),
        ("8.1", client(0x81, b"\xff"), client(0x82, b"\xff")),
        ("8.1", client(0x01, b"\xff"), client(0x01, b"\xc3")),
        (
            "8.1",
            two(client(0x01, b"\xc3"), client(0x80, b"")),
            two(client(0x01, b"\xc3"), client(0x80, b"\xa4")),
        ),
        (
            "8.1",
            client(0x88, b"\x03\xe8\xff"),
            client(0x88, b"\x03\xe8\xc3\xa4"),
        ),
    ];
    for (section, wrong, right) in cases {
        let broken = |bytes: &[u8]| {
            let events = after_handshake(ClientToServer, bytes);
            events
                .iter()
                .flat_map(|event| event.errors.clone())
                .collect::<Vec<_>>()
        };
        let rules = broken(&wrong);
        assert_eq!(rules.len(), 1, "{wrong:02x?}: {rules:?}");
        assert_eq!(rules[0].section, section, "{wrong:02x?}");
        assert_eq!(broken(&right), [], "{right:02x?}");
    }
    let events = after_handshake(ServerToClient, &client(0x81, b"x"));
    assert_eq!(events[0].errors, [BrokenRule::MASKED]);
}

#[test]
fn a_frame_that_never_ends_is_shown_at_the_end() {
    let events = after_handshake(ClientToServer, b"\x81\xe4\0\0\0\0begun");
    assert_eq!(
        (
            frame(&events[0]).missing,
            frame(&events[0]).unmasked.as_slice()
        ),
        (95, &b"begun"[..])
    );
    let events = after_handshake(ClientToServer, b"\x81\xfe\0");
    assert!(matches!(&events[0].kind, EventKind::Raw { first, .. } if first == b"\x81\xfe\0"));
}

#[test]
fn a_larger_limit_keeps_more_of_a_frame() {
    let bytes = [&b"\x82\x7e\x40\x00"[..], &[7; 16384]].concat();
    for (keep, cut) in [(16384, 0), (16383, 1)] {
        let decoder = Decoder::new(1).keeping(keep).after_handshake();
        let events = events_of(decoder, &[(ServerToClient, &bytes)], 1000);
        assert_eq!(frame(&events[0]).cut, cut);
        assert_eq!(frame(&events[0]).payload.len(), keep);
    }
}

#[test]
fn hidden_frames_are_counted_and_later_ones_are_shown() {
    let mut decoder = Decoder::new(1).after_handshake();
    let mut events = Vec::new();
    let mut on_event = |event| events.push(event);
    let time = Duration::ZERO;
    assert_eq!(
        decoder.feed(time, ServerToClient, b"\x01\x01a\x00", &mut on_event),
        0
    );
    assert_eq!(
        decoder.follow(ServerToClient, b"\x01b\x00\x01c\x00\x03d"),
        2
    );
    // The first frame began while frames were hidden. Only the frames after it are shown.
    assert_eq!(
        decoder.feed(time, ServerToClient, b"ef\x80\x00\x81\x02hi", &mut on_event),
        1
    );
    let texts: Vec<_> = events
        .iter()
        .map(|event| text_at_start(&frame(event).unmasked).to_owned())
        .collect();
    assert_eq!(texts, ["a", "", "hi"]);
    // A message is not joined if one of its frames was hidden.
    assert_eq!(
        (frame(&events[1]).part, frame(&events[1]).message.is_none()),
        (Some(5), true)
    );
    assert!(events.iter().all(|event| event.errors.is_empty()));
}

/// Generates random frames with tungstenite, the codec. Some of the frames break rules.
fn any_frame() -> impl Strategy<Value = codec::Frame> {
    let payload = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20),
        any::<String>().prop_map(String::into_bytes),
        prop::sample::select(vec![0, 125, 126, 127, 5000, 65535, 65536])
            .prop_map(|size| vec![b'x'; size]),
        // Valid and invalid close codes.
        (
            prop::sample::select(vec![
                0, 999, 1000, 1004, 1005, 1006, 1014, 1015, 2999, 3000, 4999, 5000
            ]),
            "[a-zä]{0,5}"
        )
            .prop_map(|(code, reason): (u16, String)| [
                &code.to_be_bytes()[..],
                reason.as_bytes()
            ]
            .concat()),
    ];
    let opcode = prop_oneof![
        8 => prop::sample::select(vec![0u8, 1, 2, 8, 9, 10]),
        1 => 0u8..16,
    ];
    let rsv = prop_oneof![8 => Just(0u8), 1 => 0u8..8];
    let mask = prop_oneof![6 => any::<[u8; 4]>().prop_map(Some), 1 => Just(None)];
    (any::<bool>(), rsv, opcode, mask, payload).prop_map(|(fin, rsv, opcode, mask, payload)| {
        let header = codec::FrameHeader {
            is_final: fin,
            rsv1: rsv & 4 != 0,
            rsv2: rsv & 2 != 0,
            rsv3: rsv & 1 != 0,
            opcode: opcode.into(),
            mask,
        };
        codec::Frame::from_payload(header, payload.into())
    })
}

fn written(frames: &[codec::Frame]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for frame in frames {
        frame.clone().format(&mut bytes).unwrap();
    }
    bytes
}

/// A stream for tungstenite: reading returns these bytes, and written bytes are ignored.
struct Tape(Cursor<Vec<u8>>);

impl Read for Tape {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns what tungstenite (the codec) reads: messages up to the first error (`Err`) or Close.
fn codec_reads(bytes: Vec<u8>, role: Role) -> Vec<Result<Message, ()>> {
    let mut socket = WebSocket::from_raw_socket(Tape(Cursor::new(bytes)), role, None);
    let mut read = Vec::new();
    loop {
        use tokio_tungstenite::tungstenite::{Error, error::ProtocolError};
        match socket.read() {
            Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => return read,
            Err(_) => read.push(Err(())),
            Ok(message) => read.push(Ok(message)),
        }
        if matches!(read.last(), Some(Err(()) | Ok(Message::Close(_)))) {
            return read;
        }
    }
}

/// Returns the messages in these events, up to the first error (`Err`) or Close.
fn decoder_reads(events: &[Event]) -> Vec<Result<Message, ()>> {
    // These rules are no errors in tungstenite: it accepts the frame, or answers with a Close.
    let lenient = [BrokenRule::LONG_FORM, BrokenRule::CLOSE_CODE];
    let mut read = Vec::new();
    for event in events {
        let frame = frame(event);
        let text = |text: &Option<String>| Message::text(text.clone().unwrap());
        if event.errors.iter().any(|error| !lenient.contains(error)) {
            read.push(Err(()));
        } else if let Some(joined) = &frame.message {
            read.push(Ok(match joined.opcode {
                "text" => text(&joined.text),
                _ => Message::binary(joined.unmasked.clone()),
            }));
        } else if frame.fin {
            let payload = frame.unmasked.clone().into();
            read.push(Ok(match frame.opcode {
                "text" => text(&frame.text),
                "binary" => Message::Binary(payload),
                "ping" => Message::Ping(payload),
                "pong" => Message::Pong(payload),
                "close" => Message::Close(None),
                other => panic!("a whole {other}"),
            }));
        }
        if matches!(read.last(), Some(Err(()) | Ok(Message::Close(_)))) {
            break;
        }
    }
    read
}

/// Prepares a comparison: cuts each message after 1000 bytes, and makes all Closes equal.
fn comparable(read: Vec<Result<Message, ()>>) -> Vec<Result<(&'static str, Vec<u8>), ()>> {
    let start = |bytes: &[u8]| bytes[..bytes.len().min(1000)].to_vec();
    let read = read.into_iter().map(|read| {
        Ok(match read? {
            Message::Text(text) => ("text", start(text.as_bytes())),
            Message::Binary(bytes) => ("binary", start(&bytes)),
            Message::Ping(bytes) => ("ping", start(&bytes)),
            Message::Pong(bytes) => ("pong", start(&bytes)),
            _ => ("close", Vec::new()),
        })
    });
    read.collect()
}

/// Returns the events of the connection, the events of its recording, and the recorded bytes.
fn seen_twice(pieces: &[(Direction, &[u8])]) -> (Vec<Event>, Vec<Event>, Vec<u8>) {
    let (mut live, mut keeper, mut replay) = (Decoder::new(1), Decoder::new(1), Decoder::new(1));
    let (mut first, mut second, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    let mut take = |time, from, bytes: &[u8], omitted: u64| {
        kept.extend_from_slice(bytes);
        let bytes = [bytes, &vec![0; omitted as usize]].concat();
        replay.feed(time, from, &bytes, &mut |event| second.push(event));
    };
    for (number, (from, piece)) in pieces.iter().enumerate() {
        let time = Duration::from_secs(number as u64);
        live.feed(time, *from, piece, &mut |event| first.push(event));
        keeper.keep(*from, piece, &mut |from, bytes, omitted| {
            take(time, from, bytes, omitted)
        });
    }
    let end = Duration::from_secs(9999);
    keeper.keep_rest(&mut |from, bytes, omitted| take(end, from, bytes, omitted));
    live.finish(end, &mut |event| first.push(event));
    replay.finish(end, &mut |event| second.push(event));
    (first, second, kept)
}

#[test]
fn a_recording_has_no_secret_and_no_body() {
    let asked = "POST /?token=canary HTTP/1.1\r\nCookie: canary\r\nContent-Length: 6\r\n\r\ncanary";
    let answer = "HTTP/1.1 200 OK\r\nSet-Cookie: canary\r\n\r\ncanary";
    for size in [1, 5, 1000] {
        let asked = asked
            .as_bytes()
            .chunks(size)
            .map(|piece| (ClientToServer, piece));
        let answer = answer
            .as_bytes()
            .chunks(size)
            .map(|piece| (ServerToClient, piece));
        let (live, replayed, kept) = seen_twice(&asked.chain(answer).collect::<Vec<_>>());
        assert_eq!(live, replayed);
        assert!(live.len() == 5, "{live:?}");
        let text = String::from_utf8(kept).unwrap();
        assert!(
            !text.contains("canary") && text.contains("token=******"),
            "{text}"
        );
    }
}

/// Each row has a request, and the shown value of the first header.
#[test]
fn a_recording_shows_the_same_of_lines_that_are_hidden() {
    for (request, shown) in [
        (&b"A\n\x80\n\n"[..], "(1 bytes)"),
        (b"GET / HTTP/1.1\n\xc2\xa0\n\n", "(2 bytes)"),
        (b"GET / HTTP/1.1\na\x0cb: c\n\n", "(6 bytes)"),
        (b"GET / HTTP/1.1\nA: 1\n canary: 2\n\n", "1 ***"),
        (b"GET / HTTP/1.1\n: canary\n\n", "(8 bytes)"),
        (b"Cookie: canary\nA: 1\n\n", "1"),
    ] {
        let response = RESPONSE.as_bytes().chunks(1);
        let mut pieces: Vec<_> = response.map(|piece| (ServerToClient, piece)).collect();
        pieces.extend(request.chunks(1).map(|piece| (ClientToServer, piece)));
        let (live, replayed, kept) = seen_twice(&pieces);
        assert_eq!(live, replayed);
        assert!(!String::from_utf8_lossy(&kept).contains("canary"));
        let request = live.iter().find_map(|event| match &event.kind {
            EventKind::Request(head) => Some(head),
            _ => None,
        });
        assert_eq!(request.unwrap().headers[0].value, shown);
    }
}

/// Generates random bytes, or the parts of a head in random order.
fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    let parts: &[&[u8]] = &[
        b"\n",
        b"\r\n",
        b"\n\n",
        b"\r",
        b" ",
        b"\t",
        b"\x0c",
        b":",
        b": ",
        b"=",
        b"?",
        b"&",
        b"#",
        b"%74oken",
        b"A",
        b"HTTP/1.1",
        b"GET /",
        b"token",
        b"cookie",
        b"\x80",
        b"\xc2\xa0",
    ];
    let part = prop::sample::select(parts.to_vec());
    let head = (any::<bool>(), prop::collection::vec(part, 0..40)).prop_map(|(request, parts)| {
        let first: &[u8] = if request { b"GET / HTTP/1.1\n" } else { b"" };
        [first, &parts.concat(), b"\n\n"].concat()
    });
    prop_oneof![prop::collection::vec(any::<u8>(), 0..300), head]
}

proptest! {
    #[test]
    fn every_frame_is_shown_as_it_was_written(
        frames in prop::collection::vec(any_frame(), 1..6),
        size in prop_oneof![1usize..20, 1000usize..100_000],
    ) {
        let bytes = written(&frames);
        let events = events_of(Decoder::new(1).after_handshake(), &[(ClientToServer, &bytes)], size);
        prop_assert_eq!(events.len(), frames.len());
        let mut wire = Vec::new();
        for (event, written) in events.iter().zip(&frames) {
            let (shown, header) = (frame(event), written.header());
            prop_assert_eq!(shown.fin, header.is_final);
            prop_assert_eq!(shown.rsv, [header.rsv1, header.rsv2, header.rsv3]);
            prop_assert_eq!(shown.code, u8::from(header.opcode));
            prop_assert_eq!(shown.mask, header.mask);
            prop_assert_eq!(shown.length, written.payload().len() as u64);
            let kept = shown.unmasked.len();
            prop_assert!(kept >= written.payload().len().min(KEEP));
            prop_assert_eq!(&shown.unmasked[..], &written.payload()[..kept]);
            wire.extend_from_slice(&shown.header);
            wire.extend_from_slice(&shown.payload);
            wire.resize(wire.len() + usize::try_from(shown.cut).unwrap(), b'?');
        }
        prop_assert_eq!(wire.len(), bytes.len());
        let differ = wire.iter().zip(&bytes).filter(|(shown, sent)| shown != sent && **shown != b'?');
        prop_assert_eq!(differ.count(), 0);
    }

    /// The decoder must read the same messages and errors as tungstenite, the codec.
    #[test]
    fn the_decoder_accepts_and_rejects_what_the_codec_does(
        frames in prop::collection::vec(any_frame(), 1..8),
        server in any::<bool>(),
    ) {
        let (role, from) = match server {
            true => (Role::Server, ClientToServer),
            false => (Role::Client, ServerToClient),
        };
        let bytes = written(&frames);
        let events = decoder_reads(&after_handshake(from, &bytes));
        prop_assert_eq!(comparable(events), comparable(codec_reads(bytes, role)));
    }

    /// Random frames seldom form valid messages, so this test makes valid messages.
    #[test]
    fn good_messages_are_shown_without_mistakes(
        parts in prop::collection::vec((any::<String>(), 1usize..4, any::<[u8; 4]>()), 1..5),
    ) {
        let mut bytes = Vec::new();
        for (text, frames, mask) in &parts {
            let size = text.len().div_ceil(*frames).max(1);
            let pieces: Vec<_> = match text.is_empty() {
                true => vec![&[][..]],
                false => text.as_bytes().chunks(size).collect(),
            };
            for (at, piece) in pieces.iter().enumerate() {
                let header = codec::FrameHeader {
                    is_final: at + 1 == pieces.len(),
                    opcode: u8::from(at == 0).into(),
                    mask: Some(*mask),
                    ..codec::FrameHeader::default()
                };
                let piece = codec::Frame::from_payload(header, piece.to_vec().into());
                piece.format(&mut bytes).unwrap();
            }
        }
        let events = after_handshake(ClientToServer, &bytes);
        prop_assert!(events.iter().all(|event| event.errors.is_empty()));
        let texts: Vec<_> = parts.iter().map(|(text, ..)| Ok(Message::text(text.as_str()))).collect();
        prop_assert_eq!(decoder_reads(&events), texts);
    }

    #[test]
    fn no_bytes_make_it_panic_or_grow(
        parts in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..300), 1usize..60), 0..40),
        begin in 0usize..4,
        follow in any::<bool>(),
    ) {
        let mut decoder = match begin {
            0 => Decoder::new(1),
            _ => Decoder::new(1).after_handshake(),
        };
        let mut on_event = |event: Event| {
            assert!(!event.to_json().is_empty());
        };
        for (client, bytes, times) in parts {
            let from = if client { ClientToServer } else { ServerToClient };
            let bytes = bytes.repeat(times);
            match follow && bytes.len() % 2 == 0 {
                true => decoder.follow(from, &bytes),
                false => decoder.feed(Duration::ZERO, from, &bytes, &mut on_event),
            };
            prop_assert!(decoder.held() <= 2 * (MAX_HEAD + 4 * KEEP));
        }
        decoder.finish(Duration::ZERO, &mut on_event);
    }

}

proptest! {
    // Random heads seldom have a line of each kind, so this test needs many cases.
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// A recording gives the same events as the connection, for pieces of any size.
    #[test]
    fn a_recording_shows_the_same(
        begin in prop::sample::select(vec![
            vec![], vec![(ClientToServer, REQUEST)], vec![(ServerToClient, RESPONSE)],
            vec![(ClientToServer, REQUEST), (ServerToClient, RESPONSE)],
            vec![(ClientToServer, REQUEST), (ServerToClient, "HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno")],
        ]),
        then in prop::collection::vec((any::<bool>(), any_bytes()), 0..6),
        size in 1usize..400,
    ) {
        let mut pieces = Vec::new();
        for (from, text) in &begin {
            pieces.extend(text.as_bytes().chunks(size).map(|piece| (*from, piece)));
        }
        for (client, bytes) in &then {
            let from = if *client { ClientToServer } else { ServerToClient };
            pieces.extend(bytes.chunks(size).map(|piece| (from, piece)));
        }
        let (live, replayed, _) = seen_twice(&pieces);
        prop_assert_eq!(live, replayed);
    }
}
