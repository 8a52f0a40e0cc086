//! F: framing. What a client may send after the handshake, and what not.
//!
//! A frame is written as its first byte (FIN 0x80, three reserved bits, the opcode) and its
//! payload; the harness masks it as RFC 6455 section 5.3 demands.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, sleep},
};
use zcomm_core::{Config, Connection, Result};

use super::{survives, survives_with};
use crate::{
    demo,
    harness::{Client, Raw, Running, frame, handshake, serve, soon},
};

const TEXT: u8 = 0x81;
const TEXT_BEGINS: u8 = 0x01;
const CONTINUES: u8 = 0x00;
const ENDS: u8 = 0x80;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// A client that has sent these bytes.
async fn sent(server: &Running, bytes: &[u8]) -> Raw {
    let mut raw = Raw::open(server.addr, "/").await;
    raw.send(bytes).await;
    raw
}

/// Each input gets a Close frame with this code, and then the end of the connection.
async fn closes(server: &Running, code: u16, inputs: &[(&str, Vec<u8>)]) {
    for (name, bytes) in inputs {
        let (got, reason) = sent(server, bytes).await.closed().await;
        assert_eq!(got, code, "{name}: {reason:?}");
    }
}

/// The client is still served.
async fn echoes(raw: &mut Raw) {
    raw.frame(TEXT, b"and on").await;
    assert_eq!(raw.next_frame().await.unwrap(), (TEXT, b"and on".to_vec()));
}

/// The head of a masked frame that declares this many bytes in the 64-bit form.
fn head(first: u8, length: u64) -> Vec<u8> {
    let mut head = vec![first, 0xff];
    head.extend_from_slice(&length.to_be_bytes());
    head.extend_from_slice(&[1, 2, 3, 4]);
    head
}

/// A Close frame with this code.
fn close(code: u16) -> Vec<u8> {
    frame(CLOSE, &code.to_be_bytes())
}

#[tokio::test]
async fn f01_a_reserved_bit_is_closed_with_1002() {
    survives(Config::default(), async |server| {
        for bit in [0x40, 0x20, 0x10, 0x70] {
            closes(server, 1002, &[("bit", frame(TEXT | bit, b"x"))]).await;
        }
        // The first bit means compression (RFC 7692 section 6); the others have no meaning.
        for (bit, compressed) in [(0x40, true), (0x20, false), (0x10, false)] {
            for length in [10, 60_000] {
                let bytes = frame(TEXT | bit, &vec![b'x'; length]);
                let (_, reason) = sent(server, &bytes).await.closed().await;
                assert_eq!(
                    reason.starts_with("Compressed frame"),
                    compressed,
                    "{reason}"
                );
            }
        }
    })
    .await;
}

#[tokio::test]
async fn f01_the_log_names_compression() {
    let mut demo = demo!("2_websocket_echo").start().await;
    let mut raw = Raw::open(demo.addr, "/").await;
    raw.frame(0xc1, b"compressed").await;
    assert_eq!(raw.closed().await.0, 1002);
    demo.says("code=1002 reason=\"Compressed frame: no compression was agreed\"\n")
        .await;
}

#[tokio::test]
async fn f02_an_undefined_opcode_is_closed_with_1002() {
    survives(Config::default(), async |server| {
        for opcode in (3..=7).chain(0xb..=0xf) {
            closes(server, 1002, &[("opcode", frame(0x80 | opcode, b"x"))]).await;
        }
    })
    .await;
}

#[tokio::test]
async fn f03_an_unmasked_frame_is_closed_with_1002() {
    survives(Config::default(), async |server| {
        let inputs = [
            ("text", vec![TEXT, 1, b'x']),
            ("empty text", vec![TEXT, 0]),
            ("ping", vec![PING, 0]),
        ];
        closes(server, 1002, &inputs).await;
    })
    .await;
}

#[tokio::test]
async fn f04_a_control_frame_over_125_bytes_is_closed_with_1002() {
    survives(Config::default(), async |server| {
        for opcode in [PING, PONG, CLOSE] {
            closes(server, 1002, &[("126 bytes", frame(opcode, &[b'x'; 126]))]).await;
        }
        let mut raw = sent(server, &frame(PING, &[b'x'; 125])).await;
        assert_eq!(raw.next_frame().await.unwrap(), (PONG, vec![b'x'; 125]));
    })
    .await;
}

/// The limit is for messages. A ping, a pong and the reason of a Close may be longer.
#[tokio::test]
async fn f04_the_limit_of_a_message_does_not_limit_control_frames() {
    let config = Config {
        max_message_bytes: 64,
        ..Config::default()
    };
    survives(config, async |server| {
        closes(server, 1002, &[("126 bytes", frame(PING, &[b'x'; 126]))]).await;
        closes(server, 1009, &[("65 letters", frame(TEXT, &[b'x'; 65]))]).await;
        let mut raw = sent(server, &frame(PONG, &[b'x'; 125])).await;
        raw.frame(PING, &[b'x'; 125]).await;
        assert_eq!(raw.next_frame().await.unwrap(), (PONG, vec![b'x'; 125]));
        raw.frame(TEXT, &[b'x'; 64]).await;
        assert_eq!(raw.next_frame().await.unwrap(), (TEXT, vec![b'x'; 64]));
        let close = [&1000_u16.to_be_bytes()[..], &[b'y'; 123]].concat();
        raw.frame(CLOSE, &close).await;
        assert_eq!(raw.next_frame().await.unwrap(), (CLOSE, close));
    })
    .await;
}

#[tokio::test]
async fn f05_a_control_frame_in_pieces_is_closed_with_1002() {
    survives(Config::default(), async |server| {
        for opcode in [PING, PONG, CLOSE] {
            closes(server, 1002, &[("no FIN", frame(opcode & 0x0f, b""))]).await;
        }
    })
    .await;
}

#[tokio::test]
async fn f06_a_continuation_without_a_beginning_is_closed_with_1002() {
    survives(Config::default(), async |server| {
        let after_a_whole_message = [frame(TEXT, b"x"), frame(ENDS, b"y")].concat();
        let inputs = [
            ("the last piece", frame(ENDS, b"x")),
            ("a middle piece", frame(CONTINUES, b"x")),
            ("after a whole message", after_a_whole_message),
        ];
        closes(server, 1002, &inputs).await;
    })
    .await;
}

#[tokio::test]
async fn f07_a_new_message_inside_a_fragmented_one_is_closed_with_1002() {
    survives(Config::default(), async |server| {
        for second in [TEXT, TEXT_BEGINS, 0x82, 0x02] {
            let bytes = [frame(TEXT_BEGINS, b"a"), frame(second, b"b")].concat();
            closes(server, 1002, &[("second", bytes)]).await;
        }
    })
    .await;
}

#[tokio::test]
async fn f08_a_ping_between_fragments_is_answered_and_the_message_completes() {
    survives(Config::default(), async |server| {
        let mut raw = sent(
            server,
            &[frame(TEXT_BEGINS, b"to"), frame(PING, b"?")].concat(),
        )
        .await;
        assert_eq!(raw.next_frame().await.unwrap(), (PONG, b"?".to_vec()));
        raw.frame(ENDS, b"gether").await;
        assert_eq!(
            raw.next_frame().await.unwrap(),
            (TEXT, b"together".to_vec())
        );
    })
    .await;
}

#[tokio::test]
async fn f09_text_that_is_not_utf_8_is_closed_with_1007() {
    survives(Config::default(), async |server| {
        let inputs = [
            ("a stray byte", frame(TEXT, b"\xff")),
            ("an overlong slash", frame(TEXT, b"\xc0\xaf")),
            ("a surrogate", frame(TEXT, b"\xed\xa0\x80")),
            ("over U+10FFFF", frame(TEXT, b"\xf4\x90\x80\x80")),
        ];
        closes(server, 1007, &inputs).await;
        // The same bytes are fine in a binary message.
        let mut raw = sent(server, &frame(0x82, b"\xff")).await;
        assert_eq!(raw.next_frame().await.unwrap(), (0x82, b"\xff".to_vec()));
    })
    .await;
}

#[tokio::test]
async fn f10_a_character_may_be_split_over_two_frames() {
    survives(Config::default(), async |server| {
        let text = "€😀".as_bytes();
        for split in 1..text.len() {
            let (first, rest) = text.split_at(split);
            let bytes = [frame(TEXT_BEGINS, first), frame(ENDS, rest)].concat();
            let mut raw = sent(server, &bytes).await;
            assert_eq!(raw.next_frame().await.unwrap(), (TEXT, text.to_vec()));
        }
    })
    .await;
}

#[tokio::test]
async fn f11_half_a_character_or_a_surrogate_in_two_frames_is_closed_with_1007() {
    survives(Config::default(), async |server| {
        let two =
            |first: &[u8], rest: &[u8]| [frame(TEXT_BEGINS, first), frame(ENDS, rest)].concat();
        let inputs = [
            ("surrogate 1+2", two(b"\xed", b"\xa0\x80")),
            ("surrogate 2+1", two(b"\xed\xa0", b"\x80")),
            ("ends in half", frame(TEXT, b"caf\xc3")),
            ("ends in half, in two", two(b"caf", b"\xc3")),
            ("an empty last frame", two(b"caf\xc3", b"")),
        ];
        closes(server, 1007, &inputs).await;
    })
    .await;
}

#[tokio::test]
async fn f12_bad_text_is_refused_at_its_first_fragment() {
    survives(Config::default(), async |server| {
        closes(server, 1007, &[("no FIN", frame(TEXT_BEGINS, b"\xff"))]).await;
    })
    .await;
}

#[tokio::test]
async fn f13_a_frame_that_declares_too_much_is_closed_with_1009_on_its_head_alone() {
    survives(Config::default(), async |server| {
        for length in [1 << 63, 1 << 40, 65537] {
            closes(server, 1009, &[("text", head(TEXT, length))]).await;
            closes(server, 1009, &[("a piece", head(TEXT_BEGINS, length))]).await;
        }
        // One byte less is a message.
        let mut raw = sent(server, &frame(TEXT, &[b'x'; 65536])).await;
        assert_eq!(raw.next_frame().await.unwrap().1.len(), 65536);
    })
    .await;
}

/// A header alone reserves no memory. The process has 4 GB, and the frames announce 6.7 GB.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn f13_a_hundred_heads_of_64_mib_reserve_nothing() {
    let demo = demo!("2_websocket_echo")
        .shell(r#"ulimit -v 4000000; exec "$0""#)
        .env("WEBSOCKET_MAX_MESSAGE_BYTES", "67108864")
        .start()
        .await;
    let mut witness = Client::connect(demo.url()).await;
    let mut raws = Vec::new();
    for first in [0x82, TEXT, TEXT_BEGINS, 0x02, PING].repeat(20) {
        let mut raw = Raw::open(demo.addr, "/").await;
        raw.send(&head(first, 64 << 20)).await;
        raws.push(raw);
    }
    // The heads have been read: the server answers after them.
    witness.say("still there?").await;
    assert_eq!(witness.hear_text().await, "Echo: still there?");
    let status = std::fs::read_to_string(format!("/proc/{}/status", demo.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmPeak:"));
    let kib = peak.and_then(|line| line.trim().strip_suffix(" kB"));
    let kib: u64 = kib.expect("a size").trim().parse().unwrap();
    assert!(kib < 2_000_000, "{kib} KiB");
}

/// The server reads a long frame in parts. The parts are nowhere to be seen.
#[tokio::test]
async fn f13_a_long_frame_is_one_message_and_its_limit_is_exact() {
    let limit = 300_001;
    let config = Config {
        max_message_bytes: limit,
        ..large_messages()
    };
    survives(config, async |server| {
        // Every character of three bytes is cut somewhere.
        let text = "€".repeat(limit / 3);
        for length in [65535, 65536, 65537, 65538, 131_073, 200_000, text.len()] {
            let text = &text.as_bytes()[..length / 3 * 3];
            let mut raw = sent(server, &frame(TEXT, text)).await;
            assert!(raw.next_frame().await.unwrap() == (TEXT, text.to_vec()));
            // The same frame as the first part of a message, with a ping before the rest.
            let parts = [frame(0x02, text), frame(PING, b"?"), frame(ENDS, b"!")];
            raw.send(&parts.concat()).await;
            assert_eq!(raw.next_frame().await.unwrap(), (PONG, b"?".to_vec()));
            assert!(raw.next_frame().await.unwrap().1 == [text, b"!"].concat());
        }
        let mut raw = sent(server, &frame(0x82, &vec![7; limit])).await;
        assert_eq!(raw.next_frame().await.unwrap().1.len(), limit);
        let too_long = (1009, format!("Message larger than {limit} bytes"));
        let mut raw = sent(server, &head(0x82, limit as u64 + 1)).await;
        assert_eq!(raw.closed().await, too_long, "by its head alone");
        let two = [frame(0x02, &vec![7; limit]), frame(ENDS, b"!")].concat();
        assert_eq!(sent(server, &two).await.closed().await, too_long);
        // Each rule holds for a long frame.
        let bad_text = [&vec![b'x'; 100_000][..], b"\xff", &[b'x'; 100_000]].concat();
        closes(server, 1007, &[("not UTF-8", frame(TEXT, &bad_text))]).await;
        let unmasked = [&head(0x82, 100_000)[..10], &[7; 100_000]].concat();
        let unmasked = [&unmasked[..1], &[0x7f], &unmasked[2..]].concat();
        let wrong = [
            ("a reserved bit", frame(0xa2, &[7; 100_000])),
            ("an opcode", frame(0x83, &[7; 100_000])),
            ("no mask", unmasked),
            ("a continuation", frame(ENDS, &[7; 100_000])),
        ];
        closes(server, 1002, &wrong).await;
    })
    .await;
}

/// The time limit runs from the first byte, wherever the client stops.
#[tokio::test(start_paused = true)]
async fn f14_a_message_that_is_not_ended_within_10_s_is_closed_with_1008() {
    survives(Config::default(), async |server| {
        let begun = [
            ("the head and nothing", head(TEXT, 65536)),
            ("one byte of a head", vec![TEXT]),
            ("half a frame", frame(TEXT, b"hello")[..8].to_vec()),
            ("a first fragment", frame(TEXT_BEGINS, b"a")),
        ];
        for (name, bytes) in begun {
            for before in [vec![], frame(TEXT, b"whole"), frame(PING, b"")] {
                let name = format!("{name}, after {} bytes", before.len());
                let mut raw = sent(server, &[before, bytes.clone()].concat()).await;
                let start = Instant::now();
                let end = raw.closed().await;
                assert_eq!(end, (1008, "Message too slow".into()), "{name}");
                assert_eq!(start.elapsed().as_secs(), 10, "{name}");
            }
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn f14_the_beginning_of_a_message_sent_with_the_handshake_is_timed_too() {
    survives(Config::default(), async |server| {
        let mut raw = Raw::connect(server.addr).await;
        let mut bytes = handshake(server.addr, "/", "").into_bytes();
        bytes.extend(frame(TEXT_BEGINS, b"early"));
        raw.send(&bytes).await;
        assert_eq!(raw.head().await.status, 101);
        let start = Instant::now();
        assert_eq!(raw.closed().await, (1008, "Message too slow".into()));
        assert_eq!(start.elapsed().as_secs(), 10);
    })
    .await;
}

/// Sends a message of this size, `rate` KiB in each second, and answers no ping.
async fn sends_steadily(raw: &mut Raw, size: usize, rate: usize) {
    let bytes = frame(0x82, &vec![7; size]);
    for part in bytes.chunks(rate * 1024 / 4) {
        raw.send(part).await;
        sleep(Duration::from_millis(250)).await;
    }
}

/// A limit of 64 MiB for a message, and none for a rate.
fn large_messages() -> Config {
    Config {
        max_message_bytes: 64 << 20,
        rate_limit: None,
        ..Config::default()
    }
}

/// Each 64 KiB of a message give 10 s more.
#[tokio::test(start_paused = true)]
async fn f14_a_message_of_which_64_kib_arrive_in_10_s_may_take_as_long_as_it_needs() {
    survives(large_messages(), async |server| {
        for (size, rate) in [(12 << 20, 512), (512 * 1024, 16), (240 * 1024, 8)] {
            let mut raw = sent(server, b"").await;
            let start = Instant::now();
            sends_steadily(&mut raw, size, rate).await;
            assert!(start.elapsed() > Duration::from_secs(20));
            loop {
                match raw.next_frame().await.unwrap() {
                    (PING, _) => {}
                    other => break assert_eq!(other, (0x82, vec![7; size])),
                }
            }
        }
        for rate in [1, 4] {
            let mut raw = sent(server, b"").await;
            sends_steadily(&mut raw, 240 * 1024, rate).await;
            assert_eq!(raw.closed().await, (1008, "Message too slow".into()));
        }
    })
    .await;
}

/// The pong to a ping cannot come before the end of the frame that the client sends.
#[tokio::test(start_paused = true)]
async fn f33_a_client_from_which_bytes_arrive_is_alive() {
    let config = Config {
        ping_interval: Duration::from_secs(1),
        ping_timeout: Duration::from_secs(1),
        ..large_messages()
    };
    survives(config, async |server| {
        let mut raw = sent(server, b"").await;
        sends_steadily(&mut raw, 10 << 20, 500).await;
        let sent = Instant::now();
        // It still answers no ping, and now it sends nothing.
        assert_eq!(raw.closed().await, (1011, "keepalive ping timeout".into()));
        assert!((1..=20).contains(&sent.elapsed().as_secs()));
    })
    .await;
}

/// A control frame may arrive in pieces too, and has no time limit of a message.
#[tokio::test(start_paused = true)]
async fn f14_a_ping_in_two_pieces_leaves_no_time_limit_behind() {
    survives(Config::default(), async |server| {
        let ping = frame(PING, b"in pieces");
        let mut raw = sent(server, &ping[..6]).await;
        // Paused time moves only when every task waits: the piece has arrived.
        sleep(Duration::from_secs(1)).await;
        raw.send(&ping[6..]).await;
        assert_eq!(
            raw.next_frame().await.unwrap(),
            (PONG, b"in pieces".to_vec())
        );
        sleep(Duration::from_secs(15)).await;
        echoes(&mut raw).await;
    })
    .await;
}

#[tokio::test]
async fn f15_a_ping_that_declares_15_mib_is_refused_on_its_head_alone() {
    survives(Config::default(), async |server| {
        let (code, reason) = sent(server, &head(PING, 15 << 20)).await.closed().await;
        assert!([1002, 1009].contains(&code), "{code} {reason:?}");
    })
    .await;
}

#[tokio::test]
async fn f16_fragments_that_add_up_to_too_much_are_closed_with_1009() {
    survives(Config::default(), async |server| {
        let piece = |first| frame(first, &[b'x'; 8192]);
        let begun = [piece(TEXT_BEGINS), piece(CONTINUES).repeat(7)].concat();
        let too_much = [begun.clone(), frame(ENDS, b"x")].concat();
        closes(server, 1009, &[("64 KiB and a byte", too_much)]).await;
        let mut raw = sent(server, &[begun, frame(ENDS, b"")].concat()).await;
        assert_eq!(raw.next_frame().await.unwrap().1.len(), 65536);
    })
    .await;
}

#[tokio::test]
async fn f17_one_byte_fragments_for_ever_overdraw_the_byte_budget() {
    survives(Config::default(), async |server| {
        let flood = [
            frame(TEXT_BEGINS, b"x"),
            frame(CONTINUES, b"x").repeat(50_000),
        ];
        let end = sent(server, &flood.concat()).await.closed().await;
        assert_eq!(end, (1008, "Rate limit exceeded".into()));
    })
    .await;
}

/// The handler never sees these frames, so the budget is under the codec.
#[tokio::test]
async fn f18_empty_fragments_for_ever_overdraw_the_byte_budget() {
    survives(Config::default(), async |server| {
        let flood = [
            frame(TEXT_BEGINS, b""),
            frame(CONTINUES, b"").repeat(60_000),
        ];
        let end = sent(server, &flood.concat()).await.closed().await;
        assert_eq!(end, (1008, "Rate limit exceeded".into()));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn f19_the_twenty_first_ping_at_once_is_closed_with_1008() {
    survives(Config::default(), async |server| {
        for (opcode, answers) in [(PING, true), (PONG, false)] {
            let mut raw = sent(server, &frame(opcode, b"").repeat(20)).await;
            echoes_after(&mut raw, if answers { 20 } else { 0 }).await;
            raw.frame(opcode, b"").await;
            let end = raw.closed().await;
            assert_eq!(end, (1008, "Rate limit exceeded".into()), "{opcode:x}");
        }
    })
    .await;
}

/// Like [`echoes`], after at most this many pongs: only the latest ping needs an answer
/// (RFC 6455 section 5.5.3).
async fn echoes_after(raw: &mut Raw, pongs: usize) {
    raw.frame(TEXT, b"and on").await;
    for _ in 0..=pongs {
        match raw.next_frame().await.unwrap() {
            (PONG, _) => {}
            other => return assert_eq!(other, (TEXT, b"and on".to_vec())),
        }
    }
    panic!("more than {pongs} pongs");
}

/// A ping whose pong is still to be sent, and then something that ends the connection.
#[tokio::test(start_paused = true)]
async fn f19_no_frame_follows_our_close() {
    survives(Config::default(), async |server| {
        let ping = frame(PING, b"there?");
        let pings = ping.repeat(21);
        let texts = [&frame(TEXT, b"x").repeat(40), &ping[..], &frame(TEXT, b"x")].concat();
        let reserved = [ping, frame(0xc1, b"x")].concat();
        for input in [pings, texts, reserved] {
            let mut raw = Raw::open(server.addr, "/").await;
            raw.send(&input).await;
            let mut last = None;
            while let Some((first, _)) = raw.next_frame().await {
                last = Some(first);
            }
            assert_eq!(last, Some(0x88));
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn f21_a_pong_counts_only_when_it_answers_the_ping() {
    survives(Config::default(), async |server| {
        let mut raw = sent(server, &frame(PONG, b"no ping")).await;
        echoes(&mut raw).await;
        let start = Instant::now();
        sleep(Duration::from_secs(19)).await;
        let (first, question) = raw.next_frame().await.unwrap();
        assert_eq!((first, start.elapsed().as_secs()), (PING, 20));
        raw.frame(PONG, &question).await;
        // The ping was answered, so the connection lives on. The next answer is a wrong one. It
        // shows that the client is alive, but it does not end the wait for the right one.
        sleep(Duration::from_secs(19)).await;
        let (first, question) = raw.next_frame().await.unwrap();
        assert_eq!((first, start.elapsed().as_secs()), (PING, 40));
        raw.frame(PONG, b"").await;
        raw.frame(PONG, &question[1..]).await;
        sleep(Duration::from_secs(15)).await;
        assert_eq!(raw.closed().await, (1011, "keepalive ping timeout".into()));
        assert_eq!(start.elapsed().as_secs(), 60);
    })
    .await;
}

/// RFC 6455 section 5.2 demands the shortest form. The codec accepts others: nothing depends on
/// it.
#[tokio::test]
async fn f22_a_length_in_a_longer_form_than_needed_is_accepted() {
    survives(Config::default(), async |server| {
        let payload = &frame(TEXT, b"hello")[6..];
        let middle = [&[TEXT, 0xfe, 0, 5, 1, 2, 3, 4], payload].concat();
        let long = [&head(TEXT, 5), payload].concat();
        for bytes in [middle, long] {
            let mut raw = sent(server, &bytes).await;
            assert_eq!(raw.next_frame().await.unwrap(), (TEXT, b"hello".to_vec()));
        }
    })
    .await;
}

#[tokio::test]
async fn f23_a_close_is_answered_and_ends_the_connection() {
    survives(Config::default(), async |server| {
        for code in [1000, 1001, 1003, 1007, 1011, 3000, 3999, 4000, 4999] {
            let mut raw = sent(server, &close(code)).await;
            assert_eq!(raw.closed().await.0, code);
        }
        let mut raw = sent(server, &frame(CLOSE, b"")).await;
        assert_eq!(raw.next_frame().await.unwrap(), (CLOSE, vec![]));
        assert_eq!(raw.rest().await, b"");
    })
    .await;
}

#[tokio::test]
async fn f24_a_close_with_one_byte_is_closed_with_1002() {
    survives(Config::default(), async |server| {
        closes(server, 1002, &[("one byte", frame(CLOSE, b"\x03"))]).await;
    })
    .await;
}

#[tokio::test]
async fn f25_a_close_code_that_must_not_be_sent_is_closed_with_1002() {
    survives(Config::default(), async |server| {
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
            closes(server, 1002, &[(&code.to_string(), close(code))]).await;
        }
    })
    .await;
}

/// A client's Close frame is in the log as the client sent it.
#[tokio::test]
async fn f25_the_log_says_what_the_client_sent_and_what_the_server_answered() {
    let mut demo = crate::demo!("2_websocket_echo").start().await;
    for (payload, logged) in [
        (&b"\x03\xe7why"[..], "code=999 reason=\"why\" answered=1002"),
        (b"\x0b\xb7", "code=2999 reason=\"\" answered=1002"),
        (b"\x03\xed", "code=1005 reason=\"\" answered=1002"),
        (b"\x03\xf6", "code=1014 reason=\"\" answered=1002"),
        (b"", "code=1005 reason=\"\"\n"),
        (b"\x0b\xb8done", "code=3000 reason=\"done\"\n"),
    ] {
        let mut raw = Raw::open(demo.addr, "/").await;
        raw.frame(CLOSE, payload).await;
        demo.says(logged).await;
    }
}

/// The log shows the code and 64 characters of the reason as the client has sent them, and the
/// code of our answer if that is another.
#[tokio::test]
async fn f25_the_log_shows_what_the_client_sent_and_what_we_answered() {
    let mut demo = demo!("2_websocket_echo").start().await;
    let reason = "r".repeat(123);
    let shown = format!("reason=\"{}\"", "r".repeat(64));
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
        let bytes = [&u16::to_be_bytes(code), reason.as_bytes()].concat();
        let mut raw = Raw::open(demo.addr, "/").await;
        raw.frame(CLOSE, &bytes).await;
        assert_eq!(raw.closed().await.0, 1002, "{code}");
        demo.says(&format!("code={code} {shown} answered=1002\n"))
            .await;
    }
    for code in [1000, 1001, 3000, 4999] {
        let bytes = [&u16::to_be_bytes(code), reason.as_bytes()].concat();
        let mut raw = Raw::open(demo.addr, "/").await;
        raw.frame(CLOSE, &bytes).await;
        assert_eq!(raw.closed().await.0, code);
        demo.says(&format!("code={code} {shown}\n")).await;
    }
    // A Close frame without a code is no mistake.
    let mut raw = Raw::open(demo.addr, "/").await;
    raw.frame(CLOSE, b"").await;
    assert_eq!(raw.closed().await.0, 1005);
    demo.says("code=1005 reason=\"\"\n").await;
    let output = demo.output();
    assert!(!output.contains("by the server"), "{output}");
    assert!(!output.contains(&"r".repeat(65)), "{output}");
}

#[tokio::test]
async fn f26_a_close_reason_that_is_not_utf_8_is_closed_with_1007() {
    survives(Config::default(), async |server| {
        closes(
            server,
            1007,
            &[("reason", frame(CLOSE, b"\x03\xe8caf\xc3"))],
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn f27_frames_after_a_close_are_ignored() {
    survives(Config::default(), async |server| {
        for after in [frame(TEXT, b"too late"), frame(0x83, b"")] {
            let mut raw = sent(server, &[close(1000), after].concat()).await;
            assert_eq!(raw.next_frame().await.unwrap().0, CLOSE);
            assert_eq!(raw.rest().await, b"");
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn f28_a_connection_that_ends_without_a_close_frees_its_place_at_once() {
    survives(Config::default(), async |server| {
        let start = Instant::now();
        for bytes in [vec![], head(TEXT, 100), frame(TEXT_BEGINS, b"a")] {
            let mut raw = sent(server, &bytes).await;
            raw.stream.shutdown().await.unwrap();
            assert_eq!(raw.rest().await, b"");
        }
        assert_eq!(server.clients.count(), 1);
        assert_eq!(start.elapsed().as_secs(), 0);
    })
    .await;
}

/// A client may end its side of the TCP connection as soon as it has sent everything.
#[tokio::test]
async fn f28_messages_before_the_end_are_answered() {
    survives(Config::default(), async |server| {
        let mut raw = Raw::open(server.addr, "/").await;
        raw.send(&frame(TEXT, b"hello").repeat(3)).await;
        raw.stream.shutdown().await.unwrap();
        assert_eq!(
            raw.rest().await,
            [TEXT, 5, b'h', b'e', b'l', b'l', b'o'].repeat(3)
        );
    })
    .await;
}

#[tokio::test]
async fn f28_a_lost_connection_is_an_info_line_and_not_an_error() {
    let mut demo = demo!("2_websocket_echo").start().await;
    let mut raw = Raw::open(demo.addr, "/").await;
    raw.send(&head(TEXT, 100)).await;
    drop(raw);
    demo.says("conn.closed without a Close frame").await;
    let mut next = Client::connect(demo.url()).await;
    next.say("hello").await;
    assert_eq!(next.hear_text().await, "Echo: hello");
    assert!(!demo.output().contains("ERROR"), "{}", demo.output());
}

/// Until then it keeps its place: the limit is on sockets.
#[tokio::test(start_paused = true)]
async fn f29_a_client_that_does_not_answer_our_close_is_dropped_within_2_s() {
    let config = Config {
        max_connections: 2,
        ..Config::default()
    };
    survives(config, async |server| {
        let mut raw = sent(server, b"\xff\xff").await;
        assert_eq!(raw.next_frame().await.unwrap().0, CLOSE);
        assert_eq!(raw.rest().await, b"", "our side ends at once");
        assert!(Client::try_connect(server.url()).await.is_err());
        sleep(Duration::from_secs(2)).await;
        Client::connect(server.url()).await.leave().await;
        drop(raw);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn f30_input_after_our_close_is_read_and_dropped_for_a_second() {
    survives(Config::default(), async |server| {
        let mut raw = sent(server, b"\xff\xff").await;
        let start = Instant::now();
        while raw
            .stream
            .write_all(&frame(TEXT, b"la la la"))
            .await
            .is_ok()
        {
            sleep(Duration::from_millis(100)).await;
            assert!(start.elapsed() < Duration::from_secs(2));
        }
        assert!(start.elapsed() >= Duration::from_secs(1));
        // In spite of all that it gets the Close frame.
        assert_eq!(raw.closed().await.0, 1002);
    })
    .await;
}

/// Closes with 4000 for a message `close: REASON`.
async fn polite(mut connection: Connection) -> Result<()> {
    while let Some(message) = connection.recv().await {
        if let zcomm_core::Message::Text(text) = &message
            && let Some(reason) = text.strip_prefix("close: ")
        {
            connection.close(4000, reason);
            break;
        }
        connection.send(message).await?;
    }
    Ok(())
}

#[tokio::test]
async fn f31_our_reason_is_cut_at_a_character_when_it_is_too_long() {
    survives_with(Config::default(), polite, async |server| {
        let reason = "ä".repeat(100);
        let mut raw = sent(server, &frame(TEXT, format!("close: {reason}").as_bytes())).await;
        assert_eq!(raw.closed().await, (4000, "ä".repeat(61)));
    })
    .await;
}

#[tokio::test]
async fn f32_both_sides_may_close_at_the_same_moment() {
    survives_with(Config::default(), polite, async |server| {
        let bytes = [frame(TEXT, b"close: bye"), close(1000)].concat();
        let mut raw = sent(server, &bytes).await;
        let (first, payload) = raw.next_frame().await.unwrap();
        assert_eq!(
            (first, &payload[..]),
            (CLOSE, &[&[0x0f, 0xa0], &b"bye"[..]].concat()[..])
        );
        assert_eq!(raw.rest().await, b"", "one Close frame is all");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn f33_a_client_that_has_vanished_is_dropped_when_its_pong_is_10_s_late() {
    survives(Config::default(), async |server| {
        let mut raw = sent(server, b"").await;
        let start = Instant::now();
        sleep(Duration::from_secs(19)).await;
        assert_eq!(raw.closed().await, (1011, "keepalive ping timeout".into()));
        assert_eq!(start.elapsed().as_secs(), 30);
    })
    .await;
}

/// Reads everything and sends nothing.
async fn listen(mut connection: Connection) -> Result<()> {
    while connection.recv().await.is_some() {}
    Ok(())
}

/// A client that has begun a message, with a kernel buffer so large that there is always more to
/// read.
async fn floods(server: &Running) -> Raw {
    let mut raw = Raw::open(server.addr, "/").await;
    raw.send(&frame(0x82, &[0; 65536]).repeat(500)).await;
    raw.frame(TEXT_BEGINS, b"").await;
    raw
}

/// Time limits hold without a pause in the input: a client that keeps sending frames that never
/// become a message ends like one that stops. Budgets are off.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f18_a_flood_does_not_delay_the_time_limits() {
    let slow = Config {
        message_timeout: Duration::from_millis(500),
        rate_limit: None,
        ..Config::default()
    };
    let mut server = serve(slow, listen).await;
    let mut raw = floods(&server).await;
    let flood = frame(CONTINUES, b"").repeat(10_000);
    let start = Instant::now();
    let sending = async { while raw.stream.write_all(&flood).await.is_ok() {} };
    soon("the flood to be cut off", sending).await;
    assert!(start.elapsed() < Duration::from_secs(3));
    assert_eq!(raw.closed().await, (1008, "Message too slow".into()));
    server.stop().await;
}

/// A client that floods still gets the broadcasts of others, and its flushes do not time out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f18_a_client_that_floods_still_gets_broadcasts() {
    let config = Config {
        rate_limit: None,
        flush_timeout: Duration::from_millis(200),
        ..Config::default()
    };
    let mut server = serve(config, listen).await;
    let (mut hears, mut says) = floods(&server).await.stream.into_split();
    let flood = tokio::spawn(async move {
        let flood = frame(CONTINUES, b"").repeat(10_000);
        while says.write_all(&flood).await.is_ok() {}
    });
    for _ in 0..20 {
        server.hub.broadcast("x".repeat(10_000)).unwrap();
        let mut heard = [0; 10_004];
        let heard = tokio::time::timeout(Duration::from_secs(1), hears.read_exact(&mut heard));
        heard.await.expect("within a second").expect("not closed");
    }
    flood.abort();
    drop(hears);
    server.stop().await;
}
