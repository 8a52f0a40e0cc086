//! Storms: clients that attack a real process for some seconds.
//!
//! During each storm, a well-behaved client sends messages and waits less than a second for each
//! answer. Afterwards the process uses no more memory than before, except for a few buffers. Each
//! storm runs with the default limits and with `WEBSOCKET_RATE_LIMIT=off`: the limits end an
//! attack early, but the other clients must not depend on them.

use std::{
    future::Future,
    sync::{Arc, atomic::AtomicBool, atomic::Ordering},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
    task::yield_now,
    time::{interval, timeout},
};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    demo,
    harness::{Client, Demo, Raw, frame, get, handshake, soon},
};

const MIB: u64 = 1024 * 1024;
/// The duration of a flood.
const FLOOD: Duration = Duration::from_secs(2);

/// The memory that a process uses now, in bytes; `None` without `/proc`.
fn memory(demo: &Demo) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", demo.id())).ok();
    let Some(status) = status else {
        eprintln!("no /proc here: the memory of the server is not looked at");
        return None;
    };
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

/// Runs a storm beside a well-behaved client of the echo server. Returns that client's longest
/// wait.
async fn beside_a_witness(demo: &Demo, storm: impl Future<Output = ()>) -> Duration {
    let mut witness = Client::connect(demo.url()).await;
    let over = AtomicBool::new(false);
    let talk = async {
        // One client may send 20 messages a second.
        let mut turns = interval(Duration::from_millis(60));
        let mut worst = Duration::ZERO;
        let mut count = 0;
        while !over.load(Ordering::Relaxed) || count < 5 {
            turns.tick().await;
            let start = Instant::now();
            witness.say(format!("{count}")).await;
            assert_eq!(witness.hear_text().await, format!("Echo: {count}"));
            worst = worst.max(start.elapsed());
            count += 1;
        }
        worst
    };
    let storm = async {
        storm.await;
        over.store(true, Ordering::Relaxed);
    };
    let (worst, ()) = tokio::join!(talk, storm);
    assert!(
        worst < Duration::from_secs(1),
        "the witness waited {worst:?}"
    );
    worst
}

/// The storm leaves the server's memory within 16 MiB of what it was, during and after.
async fn echo_survives(start: crate::harness::Start, name: &str, storm: impl AsyncFnOnce(&Demo)) {
    let demo = start.start().await;
    Client::connect(demo.url()).await.leave().await;
    let before = memory(&demo);
    let over = AtomicBool::new(false);
    let most = async {
        let mut most = memory(&demo);
        let mut turns = interval(Duration::from_millis(50));
        while !over.load(Ordering::Relaxed) {
            turns.tick().await;
            most = most.max(memory(&demo));
        }
        most
    };
    let storm = async {
        let worst = beside_a_witness(&demo, storm(&demo)).await;
        over.store(true, Ordering::Relaxed);
        worst
    };
    let (most, worst) = tokio::join!(most, storm);
    if let (Some(before), Some(most)) = (before, most) {
        let more = most.saturating_sub(before);
        eprintln!("{name}: {before} bytes before, at most {more} more; worst wait {worst:?}");
        assert!(more <= 16 * MIB, "{name}: from {before} bytes to {most}");
    }
}

/// Sends the same bytes again and again until the server ends the connection, or `FLOOD` is over.
/// Reads nothing: the caller reads from the returned connection.
async fn flood(demo: &Demo, first: Vec<u8>, again: Vec<u8>) -> Raw {
    let mut raw = Raw::open(demo.addr, "/").await;
    raw.send(&first).await;
    let sending = async { while raw.stream.write_all(&again).await.is_ok() {} };
    // The caller checks which of the two it was.
    timeout(FLOOD, sending).await.ok();
    raw
}

/// With the limits on, every attempt ends with 1008. The attacker connects again for `FLOOD`.
async fn limited(demo: &Demo, first: Vec<u8>, again: Vec<u8>) {
    let start = Instant::now();
    let mut attempts = 0;
    while attempts < 3 || start.elapsed() < FLOOD {
        let mut raw = flood(demo, first.clone(), again.clone()).await;
        let end = raw.closed().await;
        assert_eq!(end, (1008, "Rate limit exceeded".into()));
        attempts += 1;
    }
}

fn off() -> crate::harness::Start {
    demo!("2_websocket_echo").env("WEBSOCKET_RATE_LIMIT", "off")
}

fn pings() -> (Vec<u8>, Vec<u8>) {
    (vec![], frame(0x89, &[b'p'; 125]).repeat(500))
}

fn empty_fragments() -> (Vec<u8>, Vec<u8>) {
    (frame(0x01, b""), frame(0x00, b"").repeat(10_000))
}

fn one_byte_fragments() -> (Vec<u8>, Vec<u8>) {
    // Some fragments are the last of their message, or the message would be too large.
    let message = [
        frame(0x80, b""),
        frame(0x01, b""),
        frame(0x00, b"x").repeat(1000),
    ];
    (frame(0x01, b""), message.concat())
}

macro_rules! floods {
    ($($limited:ident, $unlimited:ident: $bytes:ident;)*) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $limited() {
            echo_survives(demo!("2_websocket_echo"), stringify!($limited), async |demo| {
                let (first, again) = $bytes();
                limited(demo, first, again).await;
            })
            .await;
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $unlimited() {
            echo_survives(off(), stringify!($unlimited), async |demo| {
                let (first, again) = $bytes();
                let attackers = (0..3).map(|_| flood(demo, first.clone(), again.clone()));
                drop(join_all(attackers).await);
            })
            .await;
        }
    )* };
}

floods! {
    f20_who_pings_and_never_reads_is_closed,
    f20_who_pings_and_never_reads_harms_nobody_without_limits: pings;
    f18_who_sends_empty_fragments_is_closed,
    f18_who_sends_empty_fragments_harms_nobody_without_limits: empty_fragments;
    f17_who_sends_one_byte_fragments_is_closed,
    f17_who_sends_one_byte_fragments_harms_nobody_without_limits: one_byte_fragments;
}

/// A client with a small buffer of its own, so that it is soon full.
async fn slow_reader(demo: &Demo) -> Raw {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    let stream = soon("a connection", socket.connect(demo.addr))
        .await
        .unwrap();
    let mut raw = Raw { stream };
    raw.send(handshake(demo.addr, "/", "").as_bytes()).await;
    assert_eq!(raw.head().await.status, 101);
    raw
}

/// In real time, therefore one test: 5 s until a flush counts as stuck.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r12_slow_readers_are_closed_after_5_s_and_do_not_delay_others() {
    echo_survives(off(), "slow readers", async |demo| {
        let slow = (0..8).map(|_| async {
            let mut raw = slow_reader(demo).await;
            let start = Instant::now();
            let message = frame(0x82, &[0; 60_000]);
            // Blocks when the server stops reading, and ends when it closes the connection.
            let sending = async { while raw.stream.write_all(&message).await.is_ok() {} };
            soon("the server to hang up", sending).await;
            start.elapsed()
        });
        for waited in join_all(slow).await {
            // 5 s for the flush, up to 3 for the Close frame.
            assert!((5..10).contains(&waited.as_secs()), "{waited:?}");
        }
    })
    .await;
}

/// The number of open descriptors of the process; `None` without `/proc`.
fn descriptors(demo: &Demo) -> Option<usize> {
    std::fs::read_dir(format!("/proc/{}/fd", demo.id()))
        .ok()
        .map(Iterator::count)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r04_thousands_come_and_go_and_leave_nothing_behind() {
    const EACH: usize = 100;
    let rude = |demo: &Demo| TcpStream::connect(demo.addr);
    echo_survives(demo!("2_websocket_echo"), "churn", async |demo| {
        let before = descriptors(demo);
        let visitors = (0..30).map(|visitor| async move {
            for n in 0..EACH {
                let mut stream = soon("a connection", rude(demo)).await.unwrap();
                let request = handshake(demo.addr, "/", "");
                match (visitor + n) % 4 {
                    // Leaves without a Close frame, or in the middle of a frame.
                    0 => {}
                    1 => stream.write_all(&request.as_bytes()[..20]).await.unwrap(),
                    2 => {
                        stream.write_all(request.as_bytes()).await.unwrap();
                        stream.set_zero_linger().unwrap();
                    }
                    _ => Client::connect(demo.url()).await.leave().await,
                }
            }
        });
        join_all(visitors).await;
        let as_before = async {
            while descriptors(demo) > before {
                yield_now().await;
            }
        };
        soon("the descriptors to be given back", as_before).await;
        let stats = get(demo.addr, "/stats").await.body;
        assert!(stats.contains(r#""clients":1,"#), "the witness: {stats}");
    })
    .await;
}

/// What one client has received of one sender, which counts: the next number that must come.
struct Listener {
    next: Option<u64>,
    missed: u64,
}

impl Listener {
    fn hear(&mut self, text: &str) {
        if let Some(rest) = text.strip_prefix("(up to ") {
            let missed: u64 = rest.split(' ').next().unwrap().parse().unwrap();
            self.next = self.next.map(|next| next + missed);
            self.missed += missed;
            return;
        }
        let (_, said) = text.split_once(" says: ").unwrap();
        let number: u64 = said.split(' ').next().unwrap().parse().unwrap();
        if let Some(next) = self.next {
            assert_eq!(number, next, "a gap that was not reported");
        }
        self.next = Some(number + 1);
    }
}

/// Numbers that look random, the same in every run.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r14_a_client_that_stalls_and_reconnects_gets_everything_or_the_gap() {
    let demo = demo!("open_broadcast")
        .env("WEBSOCKET_RATE_LIMIT", "off")
        .start()
        .await;
    let over = Arc::new(AtomicBool::new(false));
    let mut listeners = Vec::new();
    for seed in 1..=6 {
        let (over, addr) = (Arc::clone(&over), demo.addr);
        listeners.push(tokio::spawn(async move {
            let mut dice = Dice(seed);
            let (mut heard, mut missed, mut sessions) = (0, 0, 0);
            while !over.load(Ordering::Relaxed) {
                let socket = TcpSocket::new_v4().unwrap();
                socket.set_recv_buffer_size(16 * 1024).unwrap();
                let mut raw = Raw {
                    stream: socket.connect(addr).await.unwrap(),
                };
                raw.send(handshake(addr, "/", "").as_bytes()).await;
                assert_eq!(raw.head().await.status, 101);
                sessions += 1;
                let mut listener = Listener {
                    next: None,
                    missed: 0,
                };
                // Some leave early, some stay; the first stalls longest.
                for _ in 0..dice.throw(2000) {
                    // It leaves without a Close frame, perhaps in the middle of another frame.
                    let next = timeout(Duration::from_millis(500), raw.next_frame()).await;
                    let Ok(next) = next else { break };
                    let (first, text) = next.expect("only the listener leaves");
                    let text = String::from_utf8_lossy(&text);
                    assert_eq!(first, 0x81, "{text:?}");
                    listener.hear(&text);
                    heard += 1;
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                    if dice.throw(400) == 0 {
                        tokio::time::sleep(Duration::from_millis(dice.throw(800))).await;
                    }
                }
                missed += listener.missed;
            }
            (heard, missed, sessions)
        }));
    }
    let mut speaker = Client::connect(demo.url()).await;
    let (mut dice, mut said) = (Dice(77), 0);
    let padding = "x".repeat(4000);
    let mut bursts = interval(Duration::from_millis(25));
    for _ in 0..100 {
        for _ in 0..dice.throw(300) {
            speaker.say(format!("{said} {padding}")).await;
            said += 1;
        }
        bursts.tick().await;
    }
    // A client that reads nothing until all is sent, which is more than any buffer holds.
    let mut sleeper = slow_reader(&demo).await;
    let last = said + 6000;
    for said in said..last {
        speaker.say(format!("{said} {padding}{padding}")).await;
    }
    speaker.say(format!("{last} the end")).await;
    let mut listener = Listener {
        next: None,
        missed: 0,
    };
    while listener.next <= Some(last) {
        let (first, text) = sleeper.next_frame().await.expect("connected");
        assert_eq!(first, 0x81, "{:?}", String::from_utf8_lossy(&text));
        listener.hear(std::str::from_utf8(&text).unwrap());
    }
    assert!(listener.missed > 0, "it was too fast to miss anything");
    over.store(true, Ordering::Relaxed);
    let (mut heard, mut missed, mut sessions) = (0, listener.missed, 0);
    for task in join_all(listeners).await {
        let (more, less, visits) = task.unwrap();
        (heard, missed, sessions) = (heard + more, missed + less, sessions + visits);
    }
    eprintln!(
        "reconnect storm: {last} sent; {heard} received in {sessions} sessions, {missed} reported as missed"
    );
    assert!(heard > 1000 && sessions > 6, "this was no storm");
}

/// Each reader costs a cursor and one batch, not a queue.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r11_a_broadcast_to_many_that_do_not_read_is_bounded_by_the_log() {
    let demo = demo!("open_broadcast")
        .env("WEBSOCKET_RATE_LIMIT", "off")
        .start()
        .await;
    let mut deaf = Vec::new();
    for _ in 0..30 {
        deaf.push(slow_reader(&demo).await);
    }
    let mut hears = Client::connect(demo.url()).await;
    let before = memory(&demo);
    let mut speakers = Vec::new();
    for _ in 0..5 {
        speakers.push(Client::connect(demo.url()).await);
    }
    // 30 MB for each of 36: with queues, a gigabyte.
    let message = "x".repeat(60_000);
    let mut worst = Duration::ZERO;
    for _ in 0..100 {
        for speaker in &mut speakers {
            let start = Instant::now();
            speaker.say(Message::text(message.clone())).await;
            assert!(hears.hear_text().await.ends_with(&message));
            worst = worst.max(start.elapsed());
        }
    }
    assert!(worst < Duration::from_secs(1), "{worst:?}");
    if let (Some(before), Some(after)) = (before, memory(&demo)) {
        let more = after.saturating_sub(before);
        eprintln!("30 who do not read: {more} bytes more; worst delivery {worst:?}");
        assert!(more <= 16 * MIB, "from {before} bytes to {after}");
    }
}

/// Memory for a connection that does nothing.
#[tokio::test]
async fn r10_an_idle_connection_costs_20_kib_at_most() {
    const IDLE: u64 = 300;
    let demo = demo!("2_websocket_echo").start().await;
    for _ in 0..20 {
        Client::connect(demo.url()).await.leave().await;
    }
    let before = memory(&demo);
    let mut idle = Vec::new();
    for _ in 0..IDLE {
        idle.push(Raw::open(demo.addr, "/").await);
    }
    if let (Some(before), Some(after)) = (before, memory(&demo)) {
        let each = after.saturating_sub(before) / IDLE;
        eprintln!("{each} bytes for each idle connection");
        assert!(each <= 20 * 1024, "{each} bytes each");
    }
}

/// The inputs of the rows F that end a connection, and some that must not.
fn hostile() -> Vec<Vec<u8>> {
    let mut inputs: Vec<Vec<u8>> = vec![
        vec![0x81],
        vec![0x81, 0],
        vec![0x89, 0],
        frame(0x01, b"\xff"),
        frame(0x81, b"caf\xc3"),
        frame(0x80, b"nothing to continue"),
        frame(0x00, b""),
        frame(0x09, b"a ping in pieces"),
        [frame(0x01, b"a"), frame(0x81, b"b")].concat(),
        [frame(0x01, b"a"), frame(0x89, b"?"), frame(0x80, b"b")].concat(),
        [frame(0x01, b""), frame(0x00, b"").repeat(60_000)].concat(),
        [frame(0x01, b""), frame(0x00, b"x").repeat(50_000)].concat(),
        [frame(0x01, b""), frame(0x00, &[b'x'; 8192]).repeat(9)].concat(),
        frame(0x89, &[b'p'; 125]).repeat(100),
        frame(0x8a, b"unasked").repeat(100),
        frame(0x81, b"hello").repeat(100),
        frame(0x82, &[0; 60_000]).repeat(5),
        [frame(0x88, b"\x03\xe8"), frame(0x81, b"too late")].concat(),
        frame(0x88, b"\x03\xe8\xff"),
        frame(0x88, b"\x03"),
        frame(0x88, b""),
        vec![0xff; 100_000],
    ];
    inputs.extend([0x40, 0x20, 0x10].map(|bit| frame(0x81 | bit, b"x")));
    inputs.extend((3..=7).chain(0xb..=0xf).map(|op| frame(0x80 | op, b"x")));
    inputs.extend([0x88, 0x89, 0x8a].map(|control| frame(control, &[b'x'; 126])));
    for code in [0u16, 999, 1000, 1004, 1005, 1006, 1015, 2999, 4999, 5000] {
        inputs.push(frame(0x88, &code.to_be_bytes()));
    }
    for length in [1u64 << 63, 1 << 40, 65537, 65536] {
        for opcode in [0x81, 0x89] {
            inputs.push([&[opcode, 0xff][..], &length.to_be_bytes(), &[1, 2, 3, 4]].concat());
        }
    }
    inputs
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_hostile_frames_over_and_over_leave_the_memory_as_it_was() {
    let demo = demo!("2_websocket_echo").start().await;
    let round = async || {
        let addr = demo.addr;
        let visits = hostile().into_iter().map(|input| async move {
            let mut raw = Raw::open(addr, "/").await;
            raw.send(&input).await;
            // Our FIN: it ends the connections that were not closed for their input.
            raw.stream.shutdown().await.ok();
            raw.rest().await;
        });
        join_all(visits).await;
        let gone = async {
            while !get(demo.addr, "/stats")
                .await
                .body
                .contains(r#""clients":0,"#)
            {}
        };
        soon("all of them to be gone", gone).await;
    };
    round().await;
    round().await;
    let before = memory(&demo);
    for _ in 0..8 {
        round().await;
    }
    if let (Some(before), Some(after)) = (before, memory(&demo)) {
        eprintln!("hostile frames: {before} bytes before, {after} after");
        assert!(after <= before + before / 10 + 2 * MIB, "{before} {after}");
    }
    let said = demo.output();
    assert!(!said.contains("ERROR") && !said.contains("panicked"));
}
